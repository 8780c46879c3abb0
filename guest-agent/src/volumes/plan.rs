//! From the volumes that are and the volumes that shall be to what is to do. Pure.

use std::collections::BTreeMap;

use phoenix_common::spec::{VolumeSpec, mount_point_mistake, overlaps};
use phoenix_common::wire::{Change, ChangeVerb, FieldChange};

use super::observed::{BareKind, MountPoint, ObservedUnit, ObservedVolumes, Protection};
use super::refusal::VolumeRefusal;
use super::unit;

/// One step on volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeAction {
    /// Makes engines wait for the mounts: these files, and none of the others.
    Guard {
        files: BTreeMap<String, String>,
        change: Change,
    },
    Unmount {
        volume: String,
        mount_point: String,
    },
    Mount {
        volume: VolumeSpec,
        source: String,
        /// What is mounted there has to go first, and Docker with it.
        replaces: bool,
        change: Change,
    },
}

impl VolumeAction {
    /// What it changes, for people.
    pub fn change(&self) -> Change {
        match self {
            Self::Guard { change, .. } | Self::Mount { change, .. } => change.clone(),
            Self::Unmount {
                volume,
                mount_point,
            } => Change {
                verb: ChangeVerb::Remove,
                subject: format!("volume {volume}"),
                fields: vec![field("mounted at", Some(mount_point), None)],
            },
        }
    }
}

/// The steps in their order, and what is worth knowing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct VolumePlan {
    pub actions: Vec<VolumeAction>,
    pub notices: Vec<String>,
}

/// Checks every word of the volumes.
///
/// # Errors
/// The first that may not reach a unit file or a path.
pub fn check(volumes: &[VolumeSpec]) -> Result<(), VolumeRefusal> {
    for (index, volume) in volumes.iter().enumerate() {
        let words = [
            ("name", Some(&volume.name), is_name as fn(&str) -> bool),
            ("server", volume.server.as_ref(), is_server),
            ("path", Some(&volume.path), is_path),
            ("option list", Some(&volume.options), is_option_list),
        ];
        for (what, word, is_fine) in words {
            if let Some(word) = word.filter(|word| !is_fine(word)) {
                let word = word.clone();
                return Err(VolumeRefusal::Word { what, word });
            }
        }
        if let Some(mistake) = mount_point_mistake(&volume.mount_point) {
            return Err(VolumeRefusal::MountPoint(mistake));
        }
        let before = volumes.iter().take(index);
        for other in before {
            if overlaps(&other.mount_point, &volume.mount_point) || other.name == volume.name {
                return Err(VolumeRefusal::Overlap {
                    one: other.name.clone(),
                    other: volume.name.clone(),
                });
            }
        }
    }
    Ok(())
}

fn is_name(word: &str) -> bool {
    (1..=40).contains(&word.len())
        && (word.bytes()).all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn is_server(word: &str) -> bool {
    (1..=253).contains(&word.len())
        && (word.bytes()).all(|byte| byte.is_ascii_alphanumeric() || b".:-".contains(&byte))
}

fn is_path(word: &str) -> bool {
    word.len() <= 4095
        && word.starts_with('/')
        && !word
            .chars()
            .any(|letter| letter.is_control() || letter == '\\')
}

fn is_option_list(word: &str) -> bool {
    word.len() <= 4095
        && (word.bytes()).all(|byte| byte.is_ascii_alphanumeric() || b"=._:/@+-,".contains(&byte))
}

/// Decides.
///
/// # Errors
/// Going on would do harm.
pub fn plan(
    observed: &ObservedVolumes,
    volumes: &[VolumeSpec],
) -> Result<VolumePlan, VolumeRefusal> {
    let mut plan = VolumePlan::default();
    let mut kept: Vec<String> = volumes
        .iter()
        .filter(|volume| {
            volume.server.is_some() || observed.units.contains_key(&volume.mount_point)
        })
        .map(|volume| volume.mount_point.clone())
        .collect();
    for (mount_point, seen) in &observed.units {
        if volumes
            .iter()
            .any(|volume| volume.mount_point == *mount_point)
        {
            continue;
        }
        let name = &seen.written.volume;
        let users = observed
            .mount_points
            .get(mount_point)
            .map(|seen| &seen.users);
        match users.filter(|users| !users.is_empty()) {
            Some(users) => {
                kept.push(mount_point.clone());
                plan.notices.push(format!(
                    "volume {name} is not declared any more, but stays at {mount_point} while it is in use by {}",
                    users.shown()
                ));
            }
            None => plan.actions.push(VolumeAction::Unmount {
                volume: name.clone(),
                mount_point: mount_point.clone(),
            }),
        }
    }
    kept.sort();
    if let Some(guard) = plan_guard(observed, &kept) {
        plan.actions.insert(0, guard);
    }
    let nothing = MountPoint::default();
    for volume in volumes {
        let Some(source) = volume.source() else {
            continue;
        };
        let point = observed.mount_points.get(&volume.mount_point);
        let seen = Seen {
            unit: observed.units.get(&volume.mount_point),
            point: point.unwrap_or(&nothing),
        };
        seen.refuse(volume, &source)?;
        seen.plan(volume, source, &mut plan);
    }
    Ok(plan)
}

fn plan_guard(observed: &ObservedVolumes, mount_points: &[String]) -> Option<VolumeAction> {
    let mut files = BTreeMap::new();
    if !mount_points.is_empty() {
        let folder = unit::FOLDER;
        for engine in unit::ENGINES {
            let path = format!("{folder}/{engine}.d/{}", unit::DROP_IN);
            files.insert(path, unit::drop_in(mount_points));
        }
        let path = format!("{folder}/{}", unit::RECOVERY);
        files.insert(path, unit::recovery(mount_points));
    }
    let guard = &observed.guard;
    let is_loaded = guard.is_loaded || (files.is_empty() && guard.files.is_empty());
    if guard.files == files && guard.is_enabled != files.is_empty() && is_loaded {
        return None;
    }
    let wanted = mount_points.join(", ");
    let has_file = |what: &str| guard.files.keys().any(|path| path.contains(what));
    let mut fields = Vec::new();
    if guard.files != files || guard.is_enabled == files.is_empty() {
        let before = has_file(unit::DROP_IN).then_some("other mounts");
        let after = (!mount_points.is_empty()).then_some(wanted.as_str());
        fields.push(field("starts only after", before, after));
    } else {
        fields.push(field("units", Some("not read by systemd"), Some("read")));
    }
    let change = Change {
        verb: ChangeVerb::Update,
        subject: "start order of Docker".to_owned(),
        fields,
    };
    Some(VolumeAction::Guard { files, change })
}

/// What is there for one declared volume.
struct Seen<'observed> {
    unit: Option<&'observed ObservedUnit>,
    point: &'observed MountPoint,
}

impl Seen<'_> {
    fn refuse(&self, volume: &VolumeSpec, source: &str) -> Result<(), VolumeRefusal> {
        let mount_point = volume.mount_point.clone();
        if self.point.foreign_unit {
            return Err(VolumeRefusal::ForeignUnit { mount_point });
        }
        match &self.point.mounted {
            Some(mounted) => {
                let foreign = |unit: &ObservedUnit| !is_same(&unit.written.source, &mounted.source);
                if !is_same(&mounted.source, source) && self.unit.is_none_or(foreign) {
                    return Err(VolumeRefusal::ForeignMount {
                        mount_point,
                        found: mounted.source.clone(),
                    });
                }
            }
            None => match &self.point.bare {
                Some(bare) if bare.kind == BareKind::Other => {
                    return Err(VolumeRefusal::NoFolder { mount_point });
                }
                Some(bare) if bare.kind == BareKind::Folder && !bare.is_empty => {
                    return Err(VolumeRefusal::NotEmpty { mount_point });
                }
                _ => {}
            },
        }
        Ok(())
    }

    fn plan(&self, volume: &VolumeSpec, source: String, plan: &mut VolumePlan) {
        let mounted = self.point.mounted.as_ref();
        let wanted_text = unit::mount_unit(volume, &source);
        let replaces = mounted.is_some_and(|mounted| {
            let is_other = self.unit.is_some_and(|unit| unit.text != wanted_text);
            is_other || !is_same(&mounted.source, &source)
        });
        let users = &self.point.users.of_guest;
        if replaces && !users.is_empty() {
            plan.notices.push(format!(
                "volume {} is not mounted anew with what has changed while it is in use by {}",
                volume.name,
                users.join(", ")
            ));
            return;
        }
        if mounted.is_some_and(|mounted| !mounted.answers) {
            plan.notices.push(format!(
                "volume {}: {source} does not answer; programs that use it wait",
                volume.name
            ));
        }
        let fields = self.fields(volume, &source, replaces);
        if self.protection() == Some(Protection::Closed) {
            plan.notices.push(format!(
                "volume {}: the file system under {} takes no immutable flag, so root could write there while it is not mounted",
                volume.name, volume.mount_point
            ));
        }
        if !fields.is_empty() {
            let verb = match self.unit {
                Some(_) => ChangeVerb::Update,
                None => ChangeVerb::Create,
            };
            let change = Change {
                verb,
                subject: format!("volume {}", volume.name),
                fields,
            };
            plan.actions.push(VolumeAction::Mount {
                volume: volume.clone(),
                source,
                replaces,
                change,
            });
        }
    }

    fn protection(&self) -> Option<Protection> {
        self.point.bare.as_ref().map(|bare| bare.protection)
    }

    fn fields(&self, volume: &VolumeSpec, source: &str, replaces: bool) -> Vec<FieldChange> {
        let mut fields = Vec::new();
        let written = self.unit.map(|unit| &unit.written);
        let mut compare = |name: &str, before: Option<&str>, after: &str| {
            if before != Some(after) {
                fields.push(field(name, before, Some(after)));
            }
        };
        compare("name", written.map(|unit| &*unit.volume), &volume.name);
        compare("source", written.map(|unit| &*unit.source), source);
        compare(
            "options",
            written.map(|unit| &*unit.options),
            &volume.options,
        );
        if self.unit.is_some_and(|unit| !unit.is_enabled) {
            compare("at boot", Some("not mounted"), "mounted");
        }
        if self.point.mounted.is_none() {
            compare("mounted at", None, &volume.mount_point);
        }
        if self.protection() == Some(Protection::None) {
            compare("folder under it", Some("can be written"), "closed");
        }
        let text_differs = self
            .unit
            .is_some_and(|unit| unit.text != unit::mount_unit(volume, source));
        if fields.is_empty() && text_differs {
            fields.push(field(
                "unit",
                Some("changed by hand"),
                Some("as Phoenix writes it"),
            ));
        }
        if replaces && !fields.is_empty() {
            let cost = "restarted, with all containers";
            fields.push(field("Docker", Some("runs"), Some(cost)));
        }
        fields
    }
}

/// Servers and mount.nfs may drop a slash at the end.
fn is_same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

fn field(name: &str, before: Option<&str>, after: Option<&str>) -> FieldChange {
    FieldChange {
        field: name.to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests;
