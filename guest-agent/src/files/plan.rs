//! From the files that are and the files that shall be to what is to do. Pure.

use phoenix_common::spec::{FileContent, FileSpec, VolumeSpec};
use phoenix_common::wire::{Change, ChangeVerb, FieldChange};

use super::observed::{Found, FoundFile, ObservedFiles};
use crate::volumes::observed::ObservedVolumes;

/// Places one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceFile {
    /// The volume's folder in the guest.
    pub mount_point: String,
    /// The file, relative to it.
    pub below: String,
    pub content: FileContent,
    pub change: Change,
}

/// The steps in their order, and what is worth knowing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FilePlan {
    pub actions: Vec<PlaceFile>,
    pub notices: Vec<String>,
}

/// The volume that a file is on, and its path from there.
pub fn place<'spec>(
    destination: &'spec str,
    volumes: &'spec [VolumeSpec],
) -> Option<(&'spec VolumeSpec, &'spec str)> {
    volumes.iter().find_map(|volume| {
        let below = destination.strip_prefix(&volume.mount_point)?;
        Some((volume, below.strip_prefix('/')?))
    })
}

/// Whether the text is a path that stays below the folder it starts in.
pub fn stays_below(path: &str) -> bool {
    path.len() <= 4095
        && !path.chars().any(char::is_control)
        && (path.split('/')).all(|part| !part.is_empty() && part != "." && part != "..")
}

/// What is mounted at a declared volume's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount {
    Right,
    /// The steps before will mount it.
    ToCome,
    Other,
}

pub fn mount_of(volume: &VolumeSpec, observed: &ObservedVolumes) -> Mount {
    let point = observed.mount_points.get(&volume.mount_point);
    match point.and_then(|point| point.mounted.as_ref()) {
        None => Mount::ToCome,
        Some(mounted) => {
            let wanted = volume.source();
            let is_right = wanted.is_some_and(|wanted| {
                wanted.trim_end_matches('/') == mounted.source.trim_end_matches('/')
            });
            if is_right && mounted.answers {
                Mount::Right
            } else {
                Mount::Other
            }
        }
    }
}

/// Decides. What a file holds is never shown, only its digest.
pub fn plan(
    observed: &ObservedFiles,
    mounts: &ObservedVolumes,
    files: &[FileSpec],
    volumes: &[VolumeSpec],
) -> FilePlan {
    let mut plan = FilePlan::default();
    for dropped in &observed.dropped {
        plan.notices.push(format!(
            "file {dropped} is not declared any more; it stays, and can be removed in the guest"
        ));
    }
    for file in files {
        let (Some(content), Some((volume, below))) =
            (&file.content, place(&file.destination, volumes))
        else {
            continue;
        };
        let found = match mount_of(volume, mounts) {
            Mount::Right => observed.found.get(&file.destination),
            Mount::ToCome => None,
            Mount::Other => {
                plan.notices.push(format!(
                    "file {} waits for its volume {}",
                    file.destination, volume.name
                ));
                continue;
            }
        };
        let (verb, fields) = match found {
            Some(Found::File(found)) => (ChangeVerb::Update, differences(found, content)),
            Some(Found::Other) => {
                plan.notices.push(format!(
                    "file {}: something that is no file is in its place, or a link leads there",
                    file.destination
                ));
                continue;
            }
            Some(Found::Absent) | None => (ChangeVerb::Create, all_of(content)),
        };
        if !fields.is_empty() {
            plan.actions.push(PlaceFile {
                mount_point: volume.mount_point.clone(),
                below: below.to_owned(),
                content: content.clone(),
                change: Change {
                    verb,
                    subject: format!("file {}", file.destination),
                    fields,
                },
            });
        }
    }
    plan
}

/// What of the file is not as it shall be.
pub fn differences(found: &FoundFile, content: &FileContent) -> Vec<FieldChange> {
    let mut fields = Vec::new();
    if found.sha256.as_ref() != Some(&content.sha256) {
        let before = found.sha256.as_deref().map_or("another", short);
        fields.push(field("content", Some(before), short(&content.sha256)));
    }
    if found.mode != content.mode {
        let before = format!("{:04o}", found.mode);
        fields.push(field(
            "mode",
            Some(&before),
            &format!("{:04o}", content.mode),
        ));
    }
    if let Some(owner) = content.owner
        && (found.uid, found.gid) != (owner.uid, owner.gid)
    {
        let before = format!("{}:{}", found.uid, found.gid);
        fields.push(field("owner", Some(&before), &owner.to_string()));
    }
    fields
}

fn all_of(content: &FileContent) -> Vec<FieldChange> {
    let mut fields = vec![
        field("content", None, short(&content.sha256)),
        field("mode", None, &format!("{:04o}", content.mode)),
    ];
    if let Some(owner) = content.owner {
        fields.push(field("owner", None, &owner.to_string()));
    }
    fields
}

/// The beginning of a digest, for people.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

fn field(name: &str, before: Option<&str>, after: &str) -> FieldChange {
    FieldChange {
        field: name.to_owned(),
        before: before.map(str::to_owned),
        after: Some(after.to_owned()),
    }
}

#[cfg(test)]
mod tests;
