//! Reads the workspace's source: which module each file is, and which modules it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Folder of each crate and the name other crates use it by.
const CRATES: [(&str, &str); 4] = [
    ("common", "phoenix_common"),
    ("hook", "phoenix_hook"),
    ("guest-agent", "phoenix_guest_agent"),
    ("tests", "phoenix_tests"),
];

/// A source file as a module.
pub(crate) struct Module {
    pub(crate) krate: &'static str,
    /// `plan::guest`; empty for `lib.rs` and `main.rs`.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) lines: usize,
    /// Its text without comments and without its test module.
    pub(crate) code: String,
    /// Crate and name of every module that its code names.
    pub(crate) uses: BTreeSet<(&'static str, String)>,
}

pub(crate) fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every source file of all crates, tests and their helpers too, without their uses.
pub(crate) fn all_files() -> Vec<Module> {
    let mut found = Vec::new();
    for (krate, _) in CRATES {
        for folder in ["src", "tests", "benches"] {
            let root = workspace().join(krate).join(folder);
            for path in rust_files(&root) {
                found.push(read(krate, &root, path));
            }
        }
    }
    assert!(
        !found.is_empty(),
        "no source below {}",
        workspace().display()
    );
    found
}

/// The modules of all crates but those that only tests compile, with what they use.
pub(crate) fn modules() -> Vec<Module> {
    let mut found: Vec<Module> = all_files()
        .into_iter()
        .filter(|module| {
            let below = module.path.strip_prefix(workspace().join(module.krate));
            below.is_ok_and(|path| path.starts_with("src"))
                && module.name.rsplit("::").next() != Some("tests")
        })
        .collect();
    let mut names: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for module in &found {
        names
            .entry(module.krate)
            .or_default()
            .insert(module.name.clone());
    }
    for module in &mut found {
        module.uses = uses(module, &names);
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn read(krate: &'static str, root: &Path, path: PathBuf) -> Module {
    let text = std::fs::read_to_string(&path).unwrap();
    let below = path.strip_prefix(root).unwrap().with_extension("");
    let mut parts: Vec<String> = below
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod")
        || ["lib", "main"].contains(&parts.join("::").as_str())
    {
        parts.pop();
    }
    Module {
        krate,
        name: parts.join("::"),
        lines: text.lines().count(),
        code: code_of(&text),
        path,
        uses: BTreeSet::new(),
    }
}

/// The text up to its test module, without comment lines.
fn code_of(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end]
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

fn uses(
    module: &Module,
    names: &BTreeMap<&str, BTreeSet<String>>,
) -> BTreeSet<(&'static str, String)> {
    let mut found = BTreeSet::new();
    for (krate, path) in paths(module) {
        let known = &names[krate];
        let nearest = (0..=path.len())
            .rev()
            .map(|length| path[..length].join("::"))
            .find(|name| known.contains(name));
        match nearest {
            // The root of one's own crate is named by every path.
            Some(name) if !name.is_empty() => {
                found.insert((krate, name));
            }
            _ => {}
        }
    }
    found
}

/// Every path into the workspace that the code names, from its crate's root on.
fn paths(module: &Module) -> Vec<(&'static str, Vec<String>)> {
    let own: Vec<String> = module
        .name
        .split("::")
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect();
    let mut found = Vec::new();
    let mut collect = |start: &str, krate, base: &[String]| {
        for (at, _) in module.code.match_indices(start) {
            if begins_a_path(&module.code[..at]) {
                let mut rest = &module.code[at + start.len()..];
                let mut base = base.to_vec();
                while let Some(further) = rest.strip_prefix("super::") {
                    base.pop();
                    rest = further;
                }
                found.extend(tree(&mut rest, &base).into_iter().map(|path| (krate, path)));
            }
        }
    };
    for (krate, name) in CRATES {
        collect(&format!("{name}::"), krate, &[]);
    }
    collect("crate::", module.krate, &[]);
    collect("self::", module.krate, &own);
    let parent = &own[..own.len().saturating_sub(1)];
    collect("super::", module.krate, parent);
    found
}

fn begins_a_path(before: &str) -> bool {
    !before.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == ':')
}

/// The paths of a use tree (`a::{b, c::d}`) or of a plain path, each behind `base`.
fn tree(rest: &mut &str, base: &[String]) -> Vec<Vec<String>> {
    let mut path = base.to_vec();
    loop {
        if let Some(inside) = rest.strip_prefix('{') {
            *rest = inside;
            return branches(rest, &path);
        }
        let length = rest
            .find(|next: char| !next.is_alphanumeric() && next != '_')
            .unwrap_or(rest.len());
        let (part, after) = rest.split_at(length);
        if !part.is_empty() && part != "self" {
            path.push(part.to_owned());
        }
        *rest = after;
        match rest.strip_prefix("::") {
            Some(further) if !part.is_empty() => *rest = further,
            _ => return vec![path],
        }
    }
}

fn branches(rest: &mut &str, base: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    loop {
        *rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            *rest = after;
            return found;
        }
        found.extend(tree(rest, base));
        // Past `as name`, a glob, a comma.
        let next = rest.find([',', '}']).unwrap_or(rest.len());
        *rest = rest[next..].trim_start_matches(',');
        if rest.is_empty() {
            return found;
        }
    }
}

#[test]
fn use_trees_are_read() {
    let read = |mut text: &str| {
        tree(&mut text, &["plan".to_owned()])
            .iter()
            .map(|path| path.join("::"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        read("{self, guest::{Guest as Other, swarm}, pool::*};"),
        [
            "plan",
            "plan::guest::Guest",
            "plan::guest::swarm",
            "plan::pool"
        ]
    );
    assert_eq!(read("pool::free(x)"), ["plan::pool::free"]);
}
