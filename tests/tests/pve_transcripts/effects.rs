//! What a step did to the node besides what it printed: configurations, images, tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::normal::normal;
use crate::recording::Step;

/// The node's guests and images at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Effects {
    configs: BTreeMap<String, String>,
    images: BTreeSet<String>,
    /// Lines of the tasks' index.
    tasks: Vec<String>,
}

impl Effects {
    pub(crate) fn of(root: &Path) -> Self {
        let files = files(&root.join("etc/pve/nodes"));
        let configs = files
            .into_iter()
            .filter(|file| file.extension().is_some_and(|e| e == "conf"));
        let images = root.join("var/lib/vz/images");
        let index = root.join("var/log/pve/tasks/index");
        Self {
            configs: configs
                .map(|file| (shown(&file, root), fs::read_to_string(&file).unwrap()))
                .collect(),
            images: files_of(&images),
            tasks: fs::read_to_string(index)
                .unwrap_or_default()
                .lines()
                .map(str::to_owned)
                .collect(),
        }
    }

    /// UPIDs of tasks that have ended since.
    pub(crate) fn tasks_since(&self, before: &Self) -> Vec<String> {
        let new = self.tasks.iter().skip(before.tasks.len());
        new.filter_map(|line| Some(line.split(' ').next()?.to_owned()))
            .collect()
    }

    /// What differs from the recorded effects of `step`, if anything does.
    pub(crate) fn difference(&self, before: &Self, step: &Step, root: &Path) -> Option<String> {
        self.config_difference(before, step)
            .or_else(|| self.image_difference(before, step))
            .or_else(|| self.task_difference(before, step, root))
    }

    fn config_difference(&self, before: &Self, step: &Step) -> Option<String> {
        let mut wanted = before.configs.clone();
        for (path, change) in &step.config_change {
            match &change.after {
                Some(text) => drop(wanted.insert(path.clone(), text.clone())),
                None => drop(wanted.remove(path)),
            }
        }
        let paths: BTreeSet<&String> = wanted.keys().chain(self.configs.keys()).collect();
        paths.into_iter().find_map(|path| {
            let of = |configs: &BTreeMap<String, String>| {
                configs
                    .get(path)
                    .map(|text| normal(text).trim_end().to_owned())
            };
            let (wanted, got) = (of(&wanted), of(&self.configs));
            (wanted != got).then(|| format!("{path} is {got:?} for {wanted:?}"))
        })
    }

    fn image_difference(&self, before: &Self, step: &Step) -> Option<String> {
        let normal_set = |names: Vec<&String>| -> BTreeSet<String> {
            names.into_iter().map(|name| normal(name)).collect()
        };
        let added = normal_set(self.images.difference(&before.images).collect());
        let wanted = normal_set(step.disk_change.added.iter().collect());
        if added != wanted {
            return Some(format!("new images {added:?} for {wanted:?}"));
        }
        let removed = normal_set(before.images.difference(&self.images).collect());
        let gone = normal_set(step.disk_change.removed.iter().collect());
        (removed != gone).then(|| format!("images {removed:?} gone for {gone:?}"))
    }

    fn task_difference(&self, before: &Self, step: &Step, root: &Path) -> Option<String> {
        let ended: Vec<&str> = self
            .tasks
            .iter()
            .skip(before.tasks.len())
            .map(String::as_str)
            .collect();
        for (recorded, line) in step.tasks.iter().zip(ended) {
            let (upid, status) = line.split_once(' ').unwrap_or_default();
            if let Some(wanted) = recorded.index_line.as_str() {
                let status = status.replace(&root.display().to_string(), "");
                let (got, wanted) = (without_time(&status), without_time(after_upid(wanted)));
                if got != wanted {
                    return Some(format!("task status {got:?} for {wanted:?}"));
                }
            }
            if normal(upid) != normal(&recorded.upid) {
                return Some(format!("task {upid} for {}", recorded.upid));
            }
            let folder = upid.split(':').nth(4).unwrap().chars().last().unwrap();
            let log = root.join(format!("var/log/pve/tasks/{folder}/{upid}"));
            let got = fs::read_to_string(log).unwrap_or_default();
            let got = normal(&got.replace(&root.display().to_string(), ""));
            let wanted = normal(recorded.log.as_str().unwrap_or_default());
            if got.trim_end() != wanted.trim_end() {
                return Some(format!("task log {got:?} for {wanted:?}"));
            }
        }
        None
    }
}

fn after_upid(line: &str) -> &str {
    line.split_once(' ').map_or("", |(_, rest)| rest)
}

fn without_time(status: &str) -> &str {
    status.split_once(' ').map_or("", |(_, rest)| rest)
}

fn shown(file: &Path, root: &Path) -> String {
    format!("/{}", file.strip_prefix(root).unwrap().display())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn files_of(folder: &Path) -> BTreeSet<String> {
    let relative = |file: PathBuf| file.strip_prefix(folder).unwrap().display().to_string();
    files(folder).into_iter().map(relative).collect()
}
