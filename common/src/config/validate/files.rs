//! Volumes of a guest, and the files that go onto them.

use super::super::error::{ConfigError, Rule};
use super::super::file::{ComposeFileEntry, VolumeEntry};
use super::super::guest::{ComposeFile, Volume};
use super::super::mount_options;
use super::super::source::Place;
use super::super::suggest;
use super::Context;
use crate::spec::{FileOwner, mount_point_mistake, overlaps};

pub(super) fn volumes(
    entries: Vec<VolumeEntry>,
    place: &Place<'_>,
    context: &Context<'_>,
    errors: &mut Vec<ConfigError>,
) -> Vec<Volume> {
    let mut volumes: Vec<Volume> = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let place = place.at("volumes").item(index);
        let options = match mount_options::merged(entry.options.as_deref()) {
            Ok(options) => options,
            Err(message) => {
                errors.push(place.at("options").error(Rule::MountOption, message));
                String::new()
            }
        };
        let volume = Volume {
            name: entry.name.into(),
            path: entry.path.into(),
            mount_point: trimmed(&entry.mount_point),
            server: match entry.server {
                Some(server) => Some(server.into()),
                None => context.hypervisor.nfs_server.clone(),
            },
            options,
        };
        if climbs(&volume.path) || volume.path.contains('\\') {
            let message = format!("`{}` cannot be a path of a server", volume.path);
            errors.push(place.at("path").error(Rule::Destination, message));
        }
        if let Some(message) = mount_point_mistake(&volume.mount_point) {
            errors.push(place.at("mount_point").error(Rule::Destination, message));
        }
        if volumes.iter().any(|other| other.name == volume.name) {
            let message = format!("two volumes of this guest are named `{}`", volume.name);
            errors.push(place.at("name").error(Rule::DuplicateName, message));
        }
        let shares = |other: &&Volume| overlaps(&other.mount_point, &volume.mount_point);
        if let Some(other) = volumes.iter().find(shares) {
            let message = if other.mount_point == volume.mount_point {
                format!("two volumes are mounted at `{}`", volume.mount_point)
            } else {
                format!(
                    "`{}` and `{}`: a volume cannot be in another one",
                    other.mount_point, volume.mount_point
                )
            };
            errors.push(place.at("mount_point").error(Rule::DuplicateName, message));
        }
        volumes.push(volume);
    }
    volumes
}

pub(super) fn compose_files(
    entries: Vec<ComposeFileEntry>,
    volumes: &[Volume],
    place: &Place<'_>,
    context: &Context<'_>,
    errors: &mut Vec<ConfigError>,
) -> Vec<ComposeFile> {
    let mut files: Vec<ComposeFile> = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let place = place.at("docker_compose_files").item(index);
        match destination(&entry, volumes, &place) {
            Ok(path) if files.iter().any(|other| other.destination == path) => {
                let message = format!("two files go to `{path}`");
                errors.push(place.at("destination").error(Rule::DuplicateName, message));
            }
            Ok(destination) => files.push(ComposeFile {
                source: context.host_path(&entry.source),
                destination,
                mode: (entry.mode.as_deref())
                    .and_then(|mode| u32::from_str_radix(mode, 8).ok())
                    .unwrap_or(0o644),
                owner: entry.owner.as_deref().and_then(owner),
                manual: entry.manual,
                origin: place.at("source").origin(),
            }),
            Err(error) => errors.push(error),
        }
    }
    files
}

/// The absolute path in the guest: on the named volume, or the only one, or under a mount point.
fn destination(
    entry: &ComposeFileEntry,
    volumes: &[Volume],
    place: &Place<'_>,
) -> Result<String, ConfigError> {
    let written: &str = &entry.destination;
    let wrong = |message: String| place.at("destination").error(Rule::Destination, message);
    if climbs(written) || written.ends_with('/') {
        return Err(wrong(format!(
            "`{written}` does not name a file below a volume"
        )));
    }
    let volume = match (&entry.volume, volumes) {
        (Some(name), _) => {
            let named = volumes.iter().find(|volume| volume.name == **name);
            Some(named.ok_or_else(|| {
                let names = volumes.iter().map(|volume| volume.name.as_str());
                let message = format!("the guest has no volume `{}`", &**name);
                let error = place.at("volume").error(Rule::UnknownVolume, message);
                error.maybe_hint(suggest::hint(name, names))
            })?)
        }
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    if written.starts_with('/') {
        let allowed = match (&entry.volume, volume) {
            (Some(_), Some(volume)) => std::slice::from_ref(volume),
            _ => volumes,
        };
        let inside = |volume: &Volume| {
            let rest = written.strip_prefix(volume.mount_point.as_str());
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        if allowed.iter().any(inside) {
            return Ok(written.to_owned());
        }
        return Err(wrong(format!(
            "`{written}` is not under a mount point of this guest"
        ))
        .hint("write it relative to the volume"));
    }
    match volume {
        Some(volume) => Ok(format!("{}/{written}", volume.mount_point)),
        None if volumes.is_empty() => {
            Err(wrong("the guest has no volume for this file".to_owned())
                .hint("declare one in `volumes`"))
        }
        None => Err(place
            .error(Rule::UnknownVolume, "the guest has more than one volume")
            .hint("name one with `volume`")),
    }
}

/// `uid:gid`; the form has been checked.
fn owner(text: &str) -> Option<FileOwner> {
    let (uid, gid) = text.split_once(':')?;
    Some(FileOwner {
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
    })
}

fn climbs(path: &str) -> bool {
    path.split('/').any(|part| part == ".." || part == ".")
}

fn trimmed(path: &str) -> String {
    match path.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}
