//! `volumes` of a service, in short and long form, and `tmpfs`.

use phoenix_common::spec::Compat;

use super::Load;
use super::fields::Fields;
use crate::stack::fault::Fault;
use crate::stack::files;
use crate::stack::model::{Volume, VolumeOptions};
use crate::stack::notice::Notice;
use crate::stack::text::size;

const PROPAGATIONS: &[&str] = &[
    "rprivate", "private", "rshared", "shared", "rslave", "slave",
];

pub(super) fn load(load: &mut Load<'_>, fields: &Fields<'_>) -> Option<Vec<Volume>> {
    let mut volumes = fields.items("volumes").map(|items| {
        let mut volumes = Vec::new();
        for (node, path) in items {
            let fields = Fields::of(node, path);
            let volume = match node.as_text() {
                Some(text) => short(load, &fields, text),
                None => Some(long(load, &fields)),
            };
            volumes.extend(volume.map(|volume| located(load, &fields, volume)));
        }
        volumes
    });
    let tmpfs = tmpfs(load, fields);
    if !tmpfs.is_empty() {
        volumes.get_or_insert_default().extend(tmpfs);
    }
    volumes
}

fn empty(fields: &Fields<'_>) -> Volume {
    Volume {
        origin: fields.origin(),
        kind: "volume".to_owned(),
        source: String::new(),
        target: String::new(),
        read_only: false,
        consistency: String::new(),
        short: false,
        bind: None,
        volume: None,
        tmpfs: None,
    }
}

fn long(load: &mut Load<'_>, fields: &Fields<'_>) -> Volume {
    Volume {
        kind: fields.text("type", load),
        source: fields.text("source", load),
        target: fields.text("target", load),
        read_only: fields.switch("read_only", load).unwrap_or_default(),
        consistency: fields.text("consistency", load),
        bind: fields
            .section("bind")
            .map(|bind| bind.text("propagation", load)),
        volume: fields.section("volume").map(|volume| VolumeOptions {
            no_copy: volume.switch("nocopy", load).unwrap_or_default(),
            subpath: volume.text("subpath", load),
        }),
        tmpfs: fields
            .section("tmpfs")
            .map(|tmpfs| tmpfs.integer("size", load).unwrap_or_default()),
        ..empty(fields)
    }
}

/// `[source:]target[:options]`. A single letter before a colon is a Windows drive there.
fn short(load: &mut Load<'_>, fields: &Fields<'_>, text: &str) -> Option<Volume> {
    let mut volume = Volume {
        short: true,
        ..empty(fields)
    };
    if text.len() <= 2 && !text.is_empty() {
        text.clone_into(&mut volume.target);
        return Some(volume);
    }
    let parts = split(text);
    if parts.iter().any(String::is_empty) || parts.len() > 3 {
        let wanted = "a mount `[source:]target[:options]`";
        load.fault(
            fields,
            Fault::BadFormat {
                text: text.to_owned(),
                wanted,
            },
        );
        return None;
    }
    if let Some((source, rest)) = parts.split_first() {
        match rest.split_first() {
            None => source.clone_into(&mut volume.target),
            Some((target, options)) => {
                source.clone_into(&mut volume.source);
                target.clone_into(&mut volume.target);
                for option in options.iter().flat_map(|options| options.split(',')) {
                    apply_option(load, fields, &mut volume, option);
                }
            }
        }
    }
    if volume.source.is_empty() && volume.target.contains(':') {
        load.notices.add(
            fields.place,
            &fields.path,
            Notice::WindowsDrive {
                text: text.to_owned(),
            },
        );
    }
    if is_path(&volume.source) {
        "bind".clone_into(&mut volume.kind);
    }
    Some(volume)
}

/// Cuts at colons, but for one after a single letter.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for letter in text.chars() {
        let Some(part) = parts.last_mut() else { break };
        let mut letters = part.chars();
        let single_letter =
            letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none();
        if letter == ':' && !single_letter {
            parts.push(String::new());
        } else {
            part.push(letter);
        }
    }
    parts
}

fn apply_option(load: &mut Load<'_>, fields: &Fields<'_>, volume: &mut Volume, option: &str) {
    match option {
        "ro" => volume.read_only = true,
        "rw" => volume.read_only = false,
        "nocopy" => {
            volume.volume = Some(VolumeOptions {
                no_copy: true,
                subpath: String::new(),
            });
        }
        _ if PROPAGATIONS.contains(&option) => volume.bind = Some(option.to_owned()),
        _ => {
            let notice = Notice::MountOptionIgnored {
                option: option.to_owned(),
            };
            load.notices.add(fields.place, &fields.path, notice);
        }
    }
}

fn is_path(source: &str) -> bool {
    let mut letters = source.chars();
    match (letters.next(), letters.next()) {
        (Some('.' | '/' | '~'), _) | (Some('\\'), Some('\\')) => true,
        (Some(drive), Some(':')) => drive.is_alphabetic(),
        _ => false,
    }
}

/// Bind sources become absolute paths.
fn located(load: &mut Load<'_>, fields: &Fields<'_>, mut volume: Volume) -> Volume {
    if volume.kind != "bind" {
        return volume;
    }
    if volume.source.is_empty() {
        let fault = Fault::MountSource {
            mount: volume.kind.clone(),
            wanted: "given",
        };
        load.fault(fields, fault);
        return volume;
    }
    if let Some(rest) = volume.source.strip_prefix('~') {
        match load.environment.get("HOME") {
            Some(home) => volume.source = format!("{home}{rest}"),
            None => load
                .notices
                .add(fields.place, &fields.path, Notice::HomeNotSet),
        }
    }
    if volume.source.starts_with('/') || is_windows_path(&volume.source) {
        return volume;
    }
    match load.directory {
        Some(directory) => volume.source = files::normal(&format!("{directory}/{}", volume.source)),
        None => load.fault(
            fields,
            Fault::RelativeBind {
                source_path: volume.source.clone(),
            },
        ),
    }
    volume
}

/// `C:\…` or `\\server\share`.
fn is_windows_path(path: &str) -> bool {
    let bytes = path.as_bytes();
    matches!(bytes, [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic())
        || path.starts_with(r"\\")
}

/// Docker drops a service's `tmpfs` without a word; in extended mode it becomes mounts.
fn tmpfs(load: &mut Load<'_>, fields: &Fields<'_>) -> Vec<Volume> {
    let Some(node) = fields.get("tmpfs") else {
        return Vec::new();
    };
    if load.compat == Compat::Docker {
        let notice = Notice::HardeningDropped {
            key: "tmpfs".to_owned(),
        };
        load.notices.add(&node.place, &fields.path, notice);
        return Vec::new();
    }
    let entries = fields.texts("tmpfs", load).unwrap_or_default();
    load.notices
        .add(&node.place, &fields.path, Notice::TmpfsConverted);
    entries
        .iter()
        .map(|entry| {
            let (target, options) = entry.split_once(':').unwrap_or((entry, ""));
            let mut volume = Volume {
                kind: "tmpfs".to_owned(),
                target: target.to_owned(),
                ..empty(fields)
            };
            for option in options.split(',').filter(|option| !option.is_empty()) {
                match option.strip_prefix("size=").map(size::parse) {
                    Some(Some(bytes)) => volume.tmpfs = Some(bytes),
                    _ if option == "ro" => volume.read_only = true,
                    _ => {
                        let notice = Notice::MountOptionIgnored {
                            option: option.to_owned(),
                        };
                        load.notices.add(&node.place, &fields.path, notice);
                    }
                }
            }
            volume
        })
        .collect()
}
