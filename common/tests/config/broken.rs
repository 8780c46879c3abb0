//! What is said about broken configurations, word by word.
//!
//! Each file of `fixtures/config/broken` holds the files of a configuration and what is reported
//! about it. `PHOENIX_UPDATE_GOLDEN=1` writes the reports anew; read the difference before it is committed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use phoenix_common::config::{Files, Report, check_files};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config/broken");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
}

fn files(declared: &str) -> Files {
    let sections = declared.split("--- ").skip(1);
    let files = sections.map(|section| section.split_once('\n').unwrap());
    files
        .map(|(path, text)| (path.into(), text.to_owned()))
        .collect()
}

fn reported(files: &Files) -> String {
    let outcome = check_files(Path::new("/etc/phoenix"), files);
    let mut text = String::new();
    for error in outcome.errors.iter().chain(&outcome.config.warnings) {
        writeln!(text, "{}", Report(error)).unwrap();
    }
    text
}

#[test]
fn every_mistake_is_reported_as_written() {
    let mut differing = Vec::new();
    for path in cases() {
        let case = std::fs::read_to_string(&path).unwrap();
        let (declared, wanted) = case.split_once("=== reported\n").unwrap();
        let reported = reported(&files(declared));
        assert!(!reported.is_empty(), "{}: nothing wrong", path.display());
        if std::env::var_os("PHOENIX_UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, format!("{declared}=== reported\n{reported}")).unwrap();
        } else if reported != wanted {
            differing.push(format!("{}:\n{reported}", path.display()));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(cases().len() >= 30);
}

#[test]
fn no_report_shows_the_value_of_a_variable() {
    for path in cases() {
        let case = std::fs::read_to_string(&path).unwrap();
        let (declared, wanted) = case.split_once("=== reported\n").unwrap();
        for secret in ["canary", "31337"] {
            assert!(!wanted.contains(secret), "{}", path.display());
            for error in check_files(Path::new("/etc/phoenix"), &files(declared)).errors {
                assert!(!format!("{error} {error:?}").contains(secret), "{error}");
            }
        }
    }
}

/// Every line a person reads is free of what steers a terminal, and says one thing.
#[test]
fn a_mistake_is_one_clean_line() {
    for path in cases() {
        let case = std::fs::read_to_string(&path).unwrap();
        let (declared, _) = case.split_once("=== reported\n").unwrap();
        for error in check_files(Path::new("/etc/phoenix"), &files(declared)).errors {
            let line = error.to_string();
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(line.starts_with("/etc/phoenix/"), "{line}");
        }
    }
}

/// The names of the rules are part of what users read and programs compare.
#[test]
fn every_reported_rule_is_documented() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/usage/configuration.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    for path in cases() {
        let case = std::fs::read_to_string(&path).unwrap();
        let (declared, _) = case.split_once("=== reported\n").unwrap();
        let outcome = check_files(Path::new("/etc/phoenix"), &files(declared));
        for finding in outcome.errors.iter().chain(&outcome.config.warnings) {
            let rule = format!("`{}`", finding.rule);
            assert!(guide.contains(&rule), "{rule}");
        }
    }
}
