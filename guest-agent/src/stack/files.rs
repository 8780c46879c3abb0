//! The files a stack brings along: contents of configs and secrets, env files. What the hypervisor sends
//! never reads from the guest's own file system; only a deploy by hand does.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::fault::Fault;
use super::model::Content;

/// Reads a file by its absolute path; `None` if that cannot be done.
pub type Reader = fn(&str) -> Option<Vec<u8>>;

#[derive(Debug, Default)]
pub struct Files {
    reader: Option<Reader>,
    contents: BTreeMap<String, Content>,
    directory: Option<String>,
    used: RefCell<BTreeSet<String>>,
}

impl Files {
    /// `directory`: where the compose file lies; absolute and relative paths meet there.
    pub fn new(
        contents: impl IntoIterator<Item = (String, Vec<u8>)>,
        directory: Option<&str>,
    ) -> Self {
        Self {
            reader: None,
            contents: contents
                .into_iter()
                .map(|(name, content)| (normal(&name), Content(content)))
                .collect(),
            directory: directory.map(normal),
            used: RefCell::default(),
        }
    }

    /// Files are read when they are asked for; relative paths start at `directory`.
    pub fn read_with(reader: Reader, directory: &str) -> Self {
        Self {
            reader: Some(reader),
            ..Self::new([], Some(directory))
        }
    }

    /// The file a compose file names by its path.
    pub fn by_path(&self, path: &str) -> Option<Content> {
        match self.reader {
            Some(read) if path.starts_with('/') => read(path).map(Content),
            Some(read) => {
                let directory = self.directory.as_deref().unwrap_or(".");
                read(&format!("{directory}/{path}")).map(Content)
            }
            None => self.given(path).cloned(),
        }
    }

    /// What is wrong where [`Files::by_path`] finds nothing.
    pub fn missing(&self, name: &str) -> Fault {
        let name = name.to_owned();
        match self.reader {
            Some(_) => Fault::FileNotRead { name },
            None => Fault::FileNotGiven { name },
        }
    }

    fn given(&self, path: &str) -> Option<&Content> {
        let path = normal(path);
        let directory = self.directory.as_deref();
        let below = || path.strip_prefix(&format!("{}/", directory?));
        let joined = || Some(normal(&format!("{}/{path}", directory?)));
        self.find(&path)
            .or_else(|| self.find(below()?))
            .or_else(|| self.find(&joined()?))
    }

    /// The file that fills the entry `key` of `configs:` or `secrets:`.
    pub fn by_key(&self, key: &str) -> Option<&Content> {
        self.find(key)
    }

    /// Names that nothing asked for.
    pub fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        self.contents
            .keys()
            .filter(|name| !used.contains(*name))
            .cloned()
            .collect()
    }

    fn find(&self, name: &str) -> Option<&Content> {
        let (name, content) = self.contents.get_key_value(name)?;
        self.used.borrow_mut().insert(name.clone());
        Some(content)
    }
}

/// The path without `.`, `..` and doubled slashes, as Go's `filepath.Clean`.
pub fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() {
        ".".to_owned()
    } else {
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normal_before_they_are_compared() {
        for (path, wanted) in [
            ("./a/b", "a/b"),
            ("a/../b", "b"),
            ("../a", "../a"),
            ("/../a//b/", "/a/b"),
            (".", "."),
            ("", "."),
        ] {
            assert_eq!(normal(path), wanted, "{path}");
        }
        let files = Files::new(
            [("./conf/app.ini".to_owned(), b"x".to_vec())],
            Some("/srv/stack"),
        );
        assert!(files.by_path("/srv/stack/conf/app.ini").is_some());
        assert!(files.by_path("conf/../conf/app.ini").is_some());
        assert!(files.by_path("/etc/conf/app.ini").is_none());
        assert!(files.unused().is_empty());
    }
}
