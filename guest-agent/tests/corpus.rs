//! Holds the stack engine against recordings of the real `docker stack deploy`.
//!
//! The folder is `$PHOENIX_STACK_CORPUS`, else `../shared/stack-corpus` beside the workspace; its
//! README has the format. `fixtures/stack-corpus` holds a few cases of our own, always tested.

#![cfg(test)]

mod corpus_support;

use std::path::{Path, PathBuf};

use corpus_support::case::Case;
use corpus_support::run::{self, Verdict, run_step};

#[test]
fn corpus() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stack-corpus");
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/stack-corpus");
    let folder = std::env::var_os("PHOENIX_STACK_CORPUS").map_or(beside, PathBuf::from);
    compare(&own);
    if folder.is_dir() {
        compare(&folder);
    } else {
        println!("corpus: skipped, {} is not there", folder.display());
    }
}

/// What the engine stored of a deploy must not differ from what the same file asks for.
#[test]
fn corpus_second_deploy_writes_nothing() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stack-corpus");
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/stack-corpus");
    let folder = std::env::var_os("PHOENIX_STACK_CORPUS").map_or(beside, PathBuf::from);
    let mut steps = 0;
    let mut failures = Vec::new();
    for folder in [own, folder].iter().filter(|folder| folder.is_dir()) {
        for case in &Case::all(folder) {
            for index in (0..case.steps.len()).filter(|index| case.steps[*index].exit_code == 0) {
                steps += 1;
                if let Err(why) = run::second_deploy(case, index) {
                    failures.push(format!("{} step {}: {why}", case.name, index + 1));
                }
            }
        }
    }
    println!(
        "corpus: {steps} steps deployed a second time, {} with writes",
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn compare(folder: &Path) {
    let mut steps = 0;
    let mut exact = 0;
    let mut failures = Vec::new();
    let cases = Case::all(folder);
    assert!(!cases.is_empty(), "no case in {}", folder.display());
    for case in &cases {
        for index in 0..case.steps.len() {
            steps += 1;
            match run_step(case, index) {
                Verdict::Equal => exact += 1,
                Verdict::Differs(why) => {
                    failures.push(format!("{} step {}: {why}", case.name, index + 1));
                }
            }
        }
    }
    println!(
        "corpus: {} cases, {steps} steps compared, {exact} equal ({})",
        cases.len(),
        folder.file_name().unwrap_or_default().display()
    );
    assert!(
        failures.is_empty(),
        "{} of {steps} steps differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
