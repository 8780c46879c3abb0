//! Every dependency of the workspace has its line of reason, and every line its dependency.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test program: its panic is its report"
)]

use std::collections::BTreeSet;

fn workspace_file(name: &str) -> String {
    let path = format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names declared in `[workspace.dependencies]`, less the workspace's own crates.
fn declared() -> BTreeSet<String> {
    let manifest = workspace_file("Cargo.toml");
    let (_, section) = manifest
        .split_once("[workspace.dependencies]")
        .expect("Cargo.toml has [workspace.dependencies]");
    section
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#') && !line.contains("path = "))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().to_owned())
        .collect()
}

/// The names in the first column of the document's tables, in backquotes.
fn explained() -> BTreeSet<String> {
    workspace_file("docs/development/dependencies.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn each_dependency_has_a_reason() {
    let (declared, explained) = (declared(), explained());
    assert!(declared.len() > 10, "{declared:?}");
    assert_eq!(
        declared.difference(&explained).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "in Cargo.toml, without a line in docs/development/dependencies.md"
    );
    assert_eq!(
        explained.difference(&declared).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "in docs/development/dependencies.md, not in Cargo.toml"
    );
}

#[test]
fn each_crate_takes_its_dependencies_from_the_workspace() {
    let mut own = Vec::new();
    for folder in ["common", "hook", "guest-agent", "tests"] {
        let manifest = workspace_file(&format!("{folder}/Cargo.toml"));
        let mut in_dependencies = false;
        for line in manifest.lines() {
            if line.starts_with('[') {
                in_dependencies = line.contains("dependencies]");
            } else if in_dependencies
                && line.contains('=')
                && !line.starts_with('#')
                && !line.contains("workspace = true")
            {
                own.push(format!("{folder}: {line}"));
            }
        }
    }
    assert_eq!(own, Vec::<String>::new(), "declare it in the workspace");
}
