//! Whom a mistake stops, and what is read of a folder.

use std::path::Path;

use phoenix_common::config::{Rule, SpecError, load, load_for};
use phoenix_common::log::Chain;
use phoenix_common::vmid::Vmid;
use tempfile::TempDir;

fn vmid(number: u32) -> Vmid {
    Vmid::new(number).unwrap()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

const STACKS: &str = r#"{"stacks": {
    "good": {"environments": {"production": {"files": [{"source": "a.conf", "destination": "/a.conf"}]}}},
    "bad": {"environments": {"production": {}}, "colour": 1}
}}"#;

#[test]
fn a_broken_guest_stops_only_itself() {
    let folder = folder(&[(
        "phoenix_vm_configs.json",
        r#"[{"vmid": 101, "name": "a"}, {"vmid": 102, "name": "b", "core": 2}]"#,
    )]);
    let config = load_for(folder.path(), vmid(101)).unwrap();
    assert_eq!(config.warnings.len(), 1);
    assert!(!config.guests.contains_key(&vmid(102)));
    let errors = load_for(folder.path(), vmid(102)).unwrap_err();
    assert_eq!(errors.0[0].rule, Rule::UnknownKey);
    assert!(load(folder.path()).is_err());
    // Not configured at all is no mistake of the configuration.
    assert!(load_for(folder.path(), vmid(103)).is_ok());
}

#[test]
fn an_entry_without_readable_vmid_may_be_anyone_unknown() {
    let folder = folder(&[(
        "phoenix_vm_configs.json",
        r#"[{"vmid": 101, "name": "a"}, {"vmid": "103", "name": "b"}]"#,
    )]);
    assert!(load_for(folder.path(), vmid(101)).is_ok());
    assert!(load_for(folder.path(), vmid(103)).is_err());
}

/// A member that does not know of a broken manager could make a second Swarm.
#[test]
fn a_broken_manager_stops_every_member_of_a_swarm() {
    let folder = folder(&[(
        "phoenix_vm_configs.json",
        r#"[
            {"vmid": 101, "name": "plain"},
            {"vmid": 102, "name": "manager", "swarm_role": "manager"},
            {"vmid": 103, "name": "broken", "swarm_rol": "manager"}
        ]"#,
    )]);
    assert!(load_for(folder.path(), vmid(101)).is_ok());
    assert!(load_for(folder.path(), vmid(102)).is_err());
}

#[test]
fn a_broken_stack_stops_the_guests_it_is_assigned_to() {
    let folder = folder(&[
        (
            "phoenix_vm_configs.json",
            r#"[
                {"vmid": 101, "name": "a", "docker_stacks": [{"name": "good", "environment": "production"}]},
                {"vmid": 102, "name": "b", "docker_stacks": [{"name": "bad", "environment": "production"}]},
                {"vmid": 103, "name": "c", "docker_stacks": [{"name": "ugly", "environment": "production"}]}
            ]"#,
        ),
        ("phoenix_stacks_config.json", STACKS),
        ("stacks/ugly/phoenix.json", "{"),
    ]);
    assert!(load_for(folder.path(), vmid(101)).is_ok());
    for (number, rule) in [(102, Rule::UnknownKey), (103, Rule::Syntax)] {
        let errors = load_for(folder.path(), vmid(number)).unwrap_err();
        let rules: Vec<Rule> = errors.0.iter().map(|error| error.rule).collect();
        assert_eq!(rules, [rule], "{number}");
    }
}

#[test]
fn what_is_no_file_is_told_and_not_read() {
    let folder = folder(&[("phoenix_stacks_config.json", "\u{feff}{}")]);
    let path = |name: &str| folder.path().join(name);
    let errors = load(folder.path()).unwrap_err();
    let said: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
    assert!(said[0].contains("byte order mark"), "{said:?}");
    assert!(said[1].contains("phoenix_vm_configs.json:1:1: cannot be read: No such file"));
    assert!(
        said[1].contains("/usr/share/doc/phoenix-hook/examples"),
        "{said:?}"
    );

    std::fs::write(path("phoenix_stacks_config.json"), b"{\n\"a\xff\"").unwrap();
    nix::unistd::mkfifo(
        &path("phoenix_vm_configs.json"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    let large = std::fs::File::create(path("phoenix_hypervisor_config.json")).unwrap();
    large.set_len((16 << 20) + 1).unwrap();
    let errors = load(folder.path()).unwrap_err();
    let said: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
    assert!(
        said.iter().any(|line| line.contains("larger than 16 MiB")),
        "{said:?}"
    );
    assert!(
        said.iter().any(|line| line.contains("not a regular file")),
        "{said:?}"
    );
    assert!(
        said.iter()
            .any(|line| line.contains(":2:3: not JSON: not UTF-8")),
        "{said:?}"
    );
}

#[test]
fn the_digest_is_of_the_contents_alone() {
    let files = [
        ("phoenix_vm_configs.json", "[]"),
        ("phoenix_stacks_config.json", "{}"),
    ];
    let (one, two) = (folder(&files), folder(&files));
    let digest = |folder: &TempDir| load(folder.path()).unwrap().digest;
    assert_eq!(digest(&one), digest(&two));
    std::fs::write(two.path().join("phoenix_stacks_config.json"), "{ }").unwrap();
    assert_ne!(digest(&one), digest(&two));
}

#[test]
fn a_missing_source_names_file_and_place() {
    let folder = folder(&[
        (
            "phoenix_vm_configs.json",
            r#"[{"vmid": 101, "name": "a", "docker_stacks": [{"name": "good", "environment": "production"}]}]"#,
        ),
        (
            "phoenix_stacks_config.json",
            &STACKS.replace(", \"colour\": 1", ""),
        ),
    ]);
    let config = load(folder.path()).unwrap();
    let spec = || config.stack_spec(vmid(101), &config.guests[&vmid(101)].stacks[0]);
    let error = spec().unwrap_err();
    assert!(matches!(error, SpecError::Compose { .. }));
    let said = Chain(&error).to_string();
    assert!(said.contains("stacks/good/docker-compose.yml"), "{said}");
    assert!(
        said.contains("phoenix_stacks_config.json:2:13 (stacks.good)"),
        "{said}"
    );

    std::fs::create_dir_all(folder.path().join("stacks/good")).unwrap();
    std::fs::write(
        folder.path().join("stacks/good/docker-compose.yml"),
        "services: {}",
    )
    .unwrap();
    let said = Chain(&spec().unwrap_err()).to_string();
    assert!(said.contains("a.conf: No such file"), "{said}");
    assert!(
        said.contains("(stacks.good.environments.production.files[0].source)"),
        "{said}"
    );
    std::fs::write(folder.path().join("a.conf"), "x").unwrap();
    assert_eq!(spec().unwrap().files[0].name, "a.conf");
    assert!(Path::new(&spec().unwrap().compose.path).is_absolute());
}

/// A file full of mistakes gives a bounded report, and nothing of it is used.
#[test]
fn a_flood_of_mistakes_is_cut() {
    let guests: Vec<String> = (0..5000)
        .map(|number| format!(r#"{{"vmid": {}, "name": "a", "colour": 1}}"#, 100 + number))
        .collect();
    let folder = folder(&[(
        "phoenix_vm_configs.json",
        &format!("[{}]", guests.join(",")),
    )]);
    let errors = load_for(folder.path(), vmid(5000)).unwrap_err().0;
    assert_eq!(errors.len(), 201);
    assert_eq!(errors[0].rule, Rule::TooMany);
    assert_eq!(errors[200].rule, Rule::UnknownKey);
}
