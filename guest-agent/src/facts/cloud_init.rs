//! Whether cloud-init still works on this guest, told by its files and its last unit: `cloud-init status` may
//! hang.

use std::time::Duration;

use phoenix_common::fs::read_limited;
use phoenix_common::wire::CloudInit;
use serde_json::Value;

use crate::paths::Paths;
use crate::program;

/// The unit of cloud-init's last stage, which writes the result.
const LAST_UNIT: &str = "cloud-final.service";

/// The state by `/run/cloud-init` (written by its generator and stages; cloud-init's documentation,
/// "cloud-init status" and "disable cloud-init").
///
/// One that died before it wrote its result is told by systemd, else it would be waited for for ever.
pub async fn state(paths: &Paths) -> CloudInit {
    let exists = |path: &str| paths.at(path).exists();
    if paths.program("cloud-init").is_none()
        || exists("/etc/cloud/cloud-init.disabled")
        || exists("/run/cloud-init/disabled")
        || !exists("/run/cloud-init")
    {
        return CloudInit::Absent;
    }
    if let Some(state) = result(paths) {
        return state;
    }
    match last_unit(paths).await {
        LastUnit::ToCome => CloudInit::Running,
        // It may have written its result between the two looks.
        LastUnit::Ended => result(paths).unwrap_or(CloudInit::Done),
        LastUnit::Dead => result(paths).unwrap_or(CloudInit::Failed),
    }
}

fn result(paths: &Paths) -> Option<CloudInit> {
    let result = read_limited(&paths.at("/run/cloud-init/result.json"), 1 << 20).ok()?;
    Some(if has_errors(&result) {
        CloudInit::Failed
    } else {
        CloudInit::Done
    })
}

#[derive(Debug, PartialEq, Eq)]
enum LastUnit {
    /// It runs or waits for its turn, or there is no telling.
    ToCome,
    Ended,
    /// It failed, or nothing will start it any more.
    Dead,
}

async fn last_unit(paths: &Paths) -> LastUnit {
    if !paths.at("/run/systemd/system").is_dir() {
        return LastUnit::ToCome;
    }
    let Ok(systemctl) = program::command(paths, "systemctl") else {
        return LastUnit::ToCome;
    };
    let shown = systemctl
        .args(["show", "--property=ActiveState,SubState,Job", LAST_UNIT])
        .deadline(Duration::from_secs(10))
        .run()
        .await;
    shown.map_or(LastUnit::ToCome, |shown| {
        parse_unit(&String::from_utf8_lossy(&shown.stdout))
    })
}

/// As systemctl(1) shows it: a unit that waits for others is inactive with a job.
fn parse_unit(text: &str) -> LastUnit {
    let value = |name: &str| {
        let mut lines = text.lines();
        lines
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
    };
    let has_job = !["", "0"].contains(&value("Job"));
    match (value("ActiveState"), value("SubState")) {
        ("active", "exited") => LastUnit::Ended,
        ("failed" | "inactive", _) if !has_job => LastUnit::Dead,
        _ => LastUnit::ToCome,
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
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(state(&Paths::new(root.path())))
    }

    #[test]
    fn a_cloud_init_that_died_is_not_waited_for() {
        for (shown, wanted) in [
            ("ActiveState=failed\nSubState=failed", LastUnit::Dead),
            ("ActiveState=inactive\nSubState=dead", LastUnit::Dead),
            ("Job=0\nActiveState=inactive\nSubState=dead", LastUnit::Dead),
            (
                "Job=77\nActiveState=inactive\nSubState=dead",
                LastUnit::ToCome,
            ),
            (
                "Job=77\nActiveState=activating\nSubState=start",
                LastUnit::ToCome,
            ),
            ("ActiveState=active\nSubState=exited", LastUnit::Ended),
            ("", LastUnit::ToCome),
        ] {
            assert_eq!(parse_unit(shown), wanted, "{shown}");
        }
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
