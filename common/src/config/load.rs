//! Reads the files of a configuration folder.

use std::path::{Path, PathBuf};

use super::Config;
use super::check::{Files, GUESTS_FILE, HYPERVISOR_FILE, Outcome, STACKS_FILE, check, scope_of};
use super::error::{ConfigError, ConfigErrors, Rule};
use super::origin::Origin;
use crate::fs::{FileError, read_limited};
use crate::vmid::Vmid;

/// Largest configuration file, in bytes.
const LIMIT_BYTES: u64 = 16 << 20;

/// Reads and checks everything.
///
/// # Errors
/// Any mistake anywhere; all of them.
pub fn load(directory: &Path) -> Result<Config, ConfigErrors> {
    let outcome = read_and_check(directory);
    if outcome.errors.is_empty() {
        Ok(outcome.config)
    } else {
        Err(ConfigErrors(outcome.errors))
    }
}

/// Reads everything for the sake of one guest. Mistakes that do not touch it become warnings; other
/// guests whose entries are broken are absent from the result.
///
/// # Errors
/// The mistakes that concern this guest, a stack of it, its Swarm, or a file as a whole.
pub fn load_for(directory: &Path, vmid: Vmid) -> Result<Config, ConfigErrors> {
    let Outcome { mut config, errors } = read_and_check(directory);
    let (fatal, others): (Vec<_>, Vec<_>) = errors
        .into_iter()
        .partition(|error| error.touches(&config, vmid));
    if fatal.is_empty() {
        config.warnings.extend(others);
        Ok(config)
    } else {
        Err(ConfigErrors(fatal))
    }
}

/// Reads and checks everything, and keeps both what is right and what is wrong.
pub fn read_and_check(directory: &Path) -> Outcome {
    let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let (files, mut errors) = read(&directory);
    let mut outcome = check(&directory, &files, !errors.is_empty());
    errors.append(&mut outcome.errors);
    errors.sort_by(|left, right| left.origin.cmp(&right.origin));
    outcome.errors = errors;
    outcome
}

fn read(directory: &Path) -> (Files, Vec<ConfigError>) {
    let mut files = Files::new();
    let mut errors = Vec::new();
    let mut paths = vec![
        PathBuf::from(HYPERVISOR_FILE),
        PathBuf::from(GUESTS_FILE),
        PathBuf::from(STACKS_FILE),
    ];
    match manifests(directory) {
        Ok(mut found) => paths.append(&mut found),
        Err(source) => {
            let path = directory.join("stacks");
            errors.push(unreadable(FileError::Read { path, source }));
        }
    }
    for path in paths {
        let full = directory.join(&path);
        match read_limited(&full, LIMIT_BYTES) {
            Ok(content) => match String::from_utf8(content) {
                Ok(text) => {
                    files.insert(path, text);
                }
                Err(error) => errors.push(not_utf8(full, &error).scope(scope_of(&path))),
            },
            Err(error) if error.is_not_found() && path != Path::new(GUESTS_FILE) => {}
            Err(error) => errors.push(unreadable(error).scope(scope_of(&path))),
        }
    }
    (files, errors)
}

/// `stacks/<name>/phoenix.json` of every folder there, whether it has one or not.
fn manifests(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(directory.join("stacks")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry?;
        if std::fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir()) {
            let folder = Path::new("stacks").join(entry.file_name());
            paths.push(folder.join("phoenix.json"));
        }
    }
    paths.sort();
    Ok(paths)
}

fn of_file(file: PathBuf, rule: Rule, message: String) -> ConfigError {
    ConfigError::at(
        Origin {
            file,
            line: 1,
            column: 1,
            json_path: String::new(),
        },
        rule,
        message,
    )
}

fn unreadable(error: FileError) -> ConfigError {
    let absent = error.is_not_found();
    let (path, message) = match error {
        FileError::NotAFile { path } => (path, "not a regular file".to_owned()),
        FileError::TooLarge { path, .. } => (path, "larger than 16 MiB".to_owned()),
        FileError::Read { path, source } | FileError::Write { path, source } => {
            (path, format!("cannot be read: {source}"))
        }
        FileError::Json { path, source } => (path, format!("cannot be read: {source}")),
    };
    let hint = absent.then_some(
        "samples are in /usr/share/doc/phoenix-hook/examples; --config-dir names another folder",
    );
    of_file(path, Rule::FileUnreadable, message).maybe_hint(hint.map(str::to_owned))
}

fn not_utf8(file: PathBuf, error: &std::string::FromUtf8Error) -> ConfigError {
    let valid = error.utf8_error().valid_up_to();
    let before = error.as_bytes().get(..valid).unwrap_or_default();
    let line = before.split(|byte| *byte == b'\n').count();
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |position| position + 1);
    let line_text = String::from_utf8_lossy(before.get(start..).unwrap_or_default());
    let mut mistake = of_file(file, Rule::Syntax, "not JSON: not UTF-8".to_owned())
        .hint("save it as UTF-8 without BOM");
    mistake.origin.line = line;
    mistake.origin.column = line_text.chars().count() + 1;
    mistake
}
