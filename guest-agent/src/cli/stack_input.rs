//! Reads what a stack deployed by hand is made of: compose files, env files, the process's variables.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use phoenix_common::fs::{FileError, read_limited};
use phoenix_common::secret::Secret;
use phoenix_common::spec::{ComposeText, OnFailure, PlacementSpec, StackSpec};
use phoenix_common::untrusted::Untrusted;

use super::docker_logins;
use super::stack::Files;
use super::stack_show as show;
use crate::paths::Paths;
use crate::stack::{LocalStack, input};

/// Largest compose or env file read, in bytes.
const TEXT_LIMIT_BYTES: u64 = 1 << 20;
/// Largest content of a config or secret read, in bytes; Swarm takes less.
const CONTENT_LIMIT_BYTES: u64 = 1_024_000;
/// Names of variables whose values no plan shows.
const SECRET_WORDS: [&str; 5] = ["PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL"];

#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("cannot read {}", path.display())]
    File { path: PathBuf, source: FileError },
    #[error("cannot read stdin")]
    Stdin { source: std::io::Error },
    #[error("{} is not UTF-8", path.display())]
    NotText { path: PathBuf },
    #[error("{}:{line}: {reason}", path.display())]
    Line {
        path: PathBuf,
        line: usize,
        reason: &'static str,
    },
    #[error("no folder to start relative paths from")]
    NoFolder { source: std::io::Error },
    #[error("{name:?} is no name for a stack")]
    Name { name: String },
    #[error("DOCKER_HOST is {named:?}; only unix:// is spoken here")]
    DockerHost { named: String },
}

pub(super) fn read(paths: &Paths, files: &Files) -> Result<LocalStack, InputError> {
    let mut compose = Vec::new();
    for path in &files.compose {
        compose.push(compose_text(path)?);
    }
    let mut from_files = BTreeMap::new();
    for path in &files.env_file {
        let content = content(path)?;
        let pairs = input::variables(&content).map_err(|(line, reason)| InputError::Line {
            path: path.clone(),
            line,
            reason,
        })?;
        from_files.extend(pairs);
    }
    let process: BTreeMap<String, Secret> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .map(|(name, value)| (name, Secret::new(value)))
        .collect();
    let sounds_secret = |name: &String| {
        let name = name.to_ascii_uppercase();
        SECRET_WORDS.iter().any(|word| name.contains(word))
    };
    let secrets = process.iter().filter(|(name, _)| sounds_secret(name));
    let hidden = from_files.values().chain(secrets.map(|(_, value)| value));
    let hidden = hidden.cloned().collect();
    let mut variables = from_files;
    variables.extend(process);
    if files.name.trim_matches(['"', '\'', ' ']).is_empty() {
        let name = files.name.clone();
        return Err(InputError::Name { name });
    }
    let (registries, notice) = docker_logins::logins();
    if let Some(notice) = notice {
        show::line(&format!("warning: {}", Untrusted(&notice)));
    }
    Ok(LocalStack {
        spec: StackSpec {
            namespace: files.name.clone(),
            compose: ComposeText {
                path: String::new(),
                text: String::new(),
            },
            variables,
            files: Vec::new(),
            placement: PlacementSpec::default(),
            compat: files.compat.into(),
            resolve_image: files.resolve_image.into(),
            on_failure: OnFailure::None,
            rotate: files.rotate.into(),
            dropped_keys: files.dropped_keys.into(),
            registries,
            pinned_to: None,
            wait_seconds: 0,
        },
        directory: directory(files.compose.first())?,
        compose,
        reader: read_content,
        hidden,
        root: paths.root().to_owned(),
    })
}

fn compose_text(path: &Path) -> Result<ComposeText, InputError> {
    let bytes = content(path)?;
    let text = String::from_utf8(bytes).map_err(|_| InputError::NotText {
        path: path.to_owned(),
    })?;
    let path = path.display().to_string();
    Ok(ComposeText { path, text })
}

fn content(path: &Path) -> Result<Vec<u8>, InputError> {
    if path != Path::new("-") {
        return read_limited(path, TEXT_LIMIT_BYTES).map_err(|source| InputError::File {
            path: path.to_owned(),
            source,
        });
    }
    let mut bytes = Vec::new();
    let stdin = std::io::stdin().lock();
    let read = stdin.take(TEXT_LIMIT_BYTES + 1).read_to_end(&mut bytes);
    match read {
        Ok(_) => Ok(bytes),
        Err(source) => Err(InputError::Stdin { source }),
    }
}

/// The folder of the first compose file; for stdin the current one.
fn directory(first: Option<&PathBuf>) -> Result<String, InputError> {
    let folder = match first.filter(|path| path.as_path() != Path::new("-")) {
        Some(path) => path.parent().unwrap_or(Path::new("")).to_owned(),
        None => PathBuf::new(),
    };
    let folder = if folder.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        folder
    };
    match std::path::absolute(folder) {
        Ok(folder) => Ok(folder.display().to_string()),
        Err(source) => Err(InputError::NoFolder { source }),
    }
}

fn read_content(path: &str) -> Option<Vec<u8>> {
    read_limited(Path::new(path), CONTENT_LIMIT_BYTES).ok()
}
