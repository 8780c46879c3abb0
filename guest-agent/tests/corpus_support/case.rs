//! One recorded case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) stack: String,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) workdir: String,
    /// Networks, configs and secrets that were there before, by kind.
    pub(crate) externals: BTreeMap<String, Vec<String>>,
    pub(crate) steps: Vec<Step>,
    /// Files that came out different when recorded twice.
    pub(crate) unstable: Vec<String>,
}

pub(crate) struct Step {
    pub(crate) compose_files: Vec<String>,
    pub(crate) arguments: Vec<String>,
    pub(crate) exit_code: i64,
}

impl Case {
    /// All cases of a folder, by name.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("case.json").is_file())
            .collect();
        folders.sort();
        folders.iter().map(|folder| Self::read(folder)).collect()
    }

    fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("case.json")).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let texts = |value: &Value| -> Vec<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let map = |key: &str| json[key].as_object().cloned().unwrap_or_default();
        let environment = map("env").into_iter();
        let mut environment: BTreeMap<String, String> = environment
            .map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned()))
            .collect();
        environment.insert("PATH".to_owned(), "/usr/local/bin:/usr/bin".to_owned());
        environment.insert("HOME".to_owned(), "/home/phoenix".to_owned());
        Self {
            name: json["name"].as_str().unwrap().to_owned(),
            folder: folder.to_owned(),
            stack: json["stack"].as_str().unwrap().to_owned(),
            environment,
            workdir: json["workdir"]
                .as_str()
                .unwrap_or("/srv/phx/stacks/case")
                .to_owned(),
            externals: map("externals")
                .iter()
                .map(|(kind, names)| (kind.clone(), texts(names)))
                .collect(),
            steps: json["steps"]
                .as_array()
                .unwrap()
                .iter()
                .map(|step| Step {
                    compose_files: texts(&step["compose_files"]),
                    arguments: texts(&step["args"]),
                    exit_code: step["exit_code"].as_i64().unwrap(),
                })
                .collect(),
            unstable: texts(&json["unstable_files"]),
        }
    }

    /// `expected/step<number>.<kind>.json`; an empty list if it is not there.
    pub(crate) fn expected(&self, index: usize, kind: &str) -> Value {
        let path = self
            .folder
            .join(format!("expected/step{}.{kind}.json", index + 1));
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).unwrap(),
            Err(_) => Value::Array(Vec::new()),
        }
    }

    pub(crate) fn is_unstable(&self, index: usize, kind: &str) -> bool {
        self.unstable
            .contains(&format!("step{}.{kind}.json", index + 1))
    }

    /// All files of `input/`, by their path below it.
    pub(crate) fn input(&self) -> Vec<(String, Vec<u8>)> {
        let root = self.folder.join("input");
        let mut files = Vec::new();
        collect(&root, &root, &mut files);
        files
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            files.push((name, std::fs::read(&path).unwrap()));
        }
    }
}
