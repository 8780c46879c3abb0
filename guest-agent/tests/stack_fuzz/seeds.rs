//! What fuzzing starts from: the compose files of the corpus.

use std::path::{Path, PathBuf};

/// Larger ones only slow it down.
const SEED_LIMIT_BYTES: usize = 8 << 10;

/// Of our own cases and, where they are, of those outside (see `corpus.rs`).
pub(crate) fn compose_files() -> Vec<String> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = crate_folder.join("../../shared/stack-corpus");
    let outside = std::env::var_os("PHOENIX_STACK_CORPUS").map_or(beside, PathBuf::from);
    let mut files = Vec::new();
    for folder in [crate_folder.join("tests/fixtures/stack-corpus"), outside] {
        collect(&folder, &mut files);
    }
    assert!(files.len() > 20, "the corpus of our own is not there");
    files.sort();
    files.dedup();
    files
}

/// Each file twice, so that a change to one half is a change of the stack.
pub(crate) fn redeploys() -> Vec<String> {
    let files = compose_files().into_iter();
    files.map(|file| format!("{file}\n---\n{file}")).collect()
}

fn collect(folder: &Path, files: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            // Only what people write: the expected files are JSON of another kind.
            if !path.ends_with("expected") {
                collect(&path, files);
            }
            continue;
        }
        let is_yaml = path
            .extension()
            .is_some_and(|end| end == "yml" || end == "yaml");
        if let (true, Ok(text)) = (is_yaml, std::fs::read_to_string(&path))
            && text.len() <= SEED_LIMIT_BYTES
        {
            files.push(text);
        }
    }
}

/// Strings with variables.
pub(crate) fn templates() -> Vec<String> {
    [
        "",
        "a",
        "$A",
        "${A}",
        "$$",
        "$$A",
        "${A:-b}",
        "${A-b}",
        "${A:?m}",
        "${A?m}",
        "${EMPTY:-b}",
        "${EMPTY-b}",
        "${EMPTY:?m}",
        "${EMPTY?m}",
        "${U:-${A}}",
        "$A-b c",
        "$A:-b",
        "$U?m",
        "${A B}",
        "${a.b}",
        "$1",
        "a$",
        "${",
        "${}",
        "${A",
        "${U-a:-b}",
        "${U?a-b}",
        "${U-a?b}",
        "x ${A} y $A z",
        "$_",
        "${_a1:-}",
        "$U:?m} $A",
        "é$A",
        "${A:-é}",
        "$A$A",
        "$U-$A}",
        "${U:-\n}",
    ]
    .map(str::to_owned)
    .to_vec()
}
