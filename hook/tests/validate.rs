//! `phoenix validate` and `phoenix schema` as the operator calls them.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Output};

fn phoenix(config_directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_phoenix-hook"))
        .args(arguments)
        .env("PHOENIX_CONFIG_DIR", config_directory)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_samples_are_valid() {
    let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc");
    let output = phoenix(&etc, &["validate"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.ends_with("is valid: 2 guests, 4 stacks, 0 warnings\n"),
        "{said}"
    );
}

#[test]
fn every_mistake_is_shown_and_the_exit_code_is_2() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "phoenix_vm_configs.json",
        r#"[{"vmid": 101, "nam": "a"}, {"vmid": 99, "name": "b"}]"#,
    );
    write("phoenix_stacks_config.json", r#"{"stacks": {"app": {}}}"#);
    let output = phoenix(folder.path(), &["validate"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in [
        "unknown key `nam`",
        "did you mean `name`?",
        "99 is out of range",
        "the compose file of stack `app` cannot be read",
        "4 errors, 0 warnings in ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let output = phoenix(folder.path(), &["validate", "--json"]);
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2));
    let rules: Vec<&str> = (findings["errors"].as_array().unwrap().iter())
        .map(|error| error["rule"].as_str().unwrap())
        .collect();
    assert_eq!(
        rules,
        [
            "missing_key",
            "unknown_key",
            "wrong_value",
            "missing_source"
        ]
    );
    assert_eq!(findings["errors"][1]["json_path"], "[0].nam");
    assert_eq!(findings["errors"][1]["column"], 16);
}

#[test]
fn schemas_are_listed_and_printed() {
    let nowhere = Path::new("/nonexistent");
    let names = stdout(&phoenix(nowhere, &["schema"]));
    assert_eq!(names.lines().count(), 4);
    for name in names.lines() {
        let output = phoenix(nowhere, &["schema", name]);
        let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(schema["title"], name);
    }
    let output = phoenix(nowhere, &["schema", "vm"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no schema `vm`"));
}
