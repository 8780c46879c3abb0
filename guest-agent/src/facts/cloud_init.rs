//! Whether cloud-init still works on this guest, told by its files: `cloud-init status` may hang.

use phoenix_common::fs::read_limited;
use phoenix_common::wire::CloudInit;
use serde_json::Value;

use crate::paths::Paths;

/// The state by `/run/cloud-init` (written by its generator and stages; cloud-init's documentation,
/// "cloud-init status" and "disable cloud-init").
pub fn state(paths: &Paths) -> CloudInit {
    let exists = |path: &str| paths.at(path).exists();
    if paths.program("cloud-init").is_none()
        || exists("/etc/cloud/cloud-init.disabled")
        || exists("/run/cloud-init/disabled")
        || !exists("/run/cloud-init")
    {
        return CloudInit::Absent;
    }
    match read_limited(&paths.at("/run/cloud-init/result.json"), 1 << 20) {
        Ok(result) if has_errors(&result) => CloudInit::Failed,
        Ok(_) => CloudInit::Done,
        Err(_) => CloudInit::Running,
    }
}

fn has_errors(result: &[u8]) -> bool {
    let result: Value = serde_json::from_slice(result).unwrap_or_default();
    let errors = result.pointer("/v1/errors").and_then(Value::as_array);
    errors.is_some_and(|errors| !errors.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(files: &[(&str, &str)]) -> CloudInit {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        state(&Paths::new(root.path()))
    }

    #[test]
    fn states_are_told_by_files() {
        let program = ("usr/bin/cloud-init", "");
        let enabled = ("run/cloud-init/enabled", "");
        let result = |errors| ("run/cloud-init/result.json", errors);
        let fine = r#"{"v1": {"datasource": "x", "errors": []}}"#;
        let broken = r#"{"v1": {"datasource": "x", "errors": ["why"]}}"#;
        assert_eq!(guest(&[]), CloudInit::Absent);
        assert_eq!(guest(&[program]), CloudInit::Absent);
        assert_eq!(guest(&[program, enabled]), CloudInit::Running);
        assert_eq!(guest(&[program, enabled, result(fine)]), CloudInit::Done);
        assert_eq!(
            guest(&[program, enabled, result(broken)]),
            CloudInit::Failed
        );
        let disabled = ("run/cloud-init/disabled", "");
        assert_eq!(guest(&[program, disabled]), CloudInit::Absent);
    }
}
