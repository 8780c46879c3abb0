//! What can be done to a guest.

use phoenix_common::wire::{Change, ChangeVerb, FieldChange};

use crate::files::plan::PlaceFile;
use crate::gpu::plan::OfferGpus;
use crate::volumes::plan::VolumeAction;

/// One step, with all it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuestAction {
    /// cloud-init may be about to do the same: wait for its end, then look again.
    AwaitCloudInit,
    CreateUser {
        name: String,
    },
    /// Appends `lines` and makes the file and its folder the user's own and private.
    AuthorizeKeys {
        user: String,
        lines: Vec<String>,
    },
    InstallPackages {
        packages: Vec<String>,
    },
    SetTimezone {
        before: Option<String>,
        name: String,
    },
    MakeLocale {
        name: String,
    },
    SetDefaultLocale {
        before: Option<String>,
        name: String,
    },
    SetUnattendedUpgrades {
        text: String,
        shown: String,
    },
    Volume(VolumeAction),
    PlaceFile(Box<PlaceFile>),
    OfferGpus(OfferGpus),
    InstallDocker,
    /// Enables the units and starts what does not run.
    StartDocker {
        disabled_units: Vec<String>,
        answers: bool,
    },
}

impl GuestAction {
    /// What it changes, for people; nothing for a step that only waits.
    pub fn changes(&self) -> Vec<Change> {
        match self {
            Self::AwaitCloudInit => Vec::new(),
            Self::CreateUser { name } => vec![change(ChangeVerb::Create, format!("user {name}"))],
            Self::AuthorizeKeys { user, lines } => vec![Change {
                fields: vec![FieldChange {
                    field: "lines".to_owned(),
                    before: None,
                    after: Some(format!("{} more", lines.len())),
                }],
                ..change(ChangeVerb::Update, format!("authorized_keys of {user}"))
            }],
            Self::InstallPackages { packages } => packages
                .iter()
                .map(|name| change(ChangeVerb::Create, format!("package {name}")))
                .collect(),
            Self::SetTimezone { before, name } => {
                vec![set("time zone", "name", before.as_deref(), name)]
            }
            Self::MakeLocale { name } => {
                vec![change(ChangeVerb::Create, format!("locale {name}"))]
            }
            Self::SetDefaultLocale { before, name } => {
                vec![set("default locale", "LANG", before.as_deref(), name)]
            }
            Self::SetUnattendedUpgrades { shown, .. } => {
                vec![set("unattended upgrades", "state", None, shown)]
            }
            Self::Volume(action) => vec![action.change()],
            Self::PlaceFile(action) => vec![action.change.clone()],
            Self::OfferGpus(action) => vec![action.change.clone()],
            Self::InstallDocker => vec![change(ChangeVerb::Create, "package docker.io".to_owned())],
            Self::StartDocker {
                disabled_units,
                answers,
            } => vec![start_docker(disabled_units, *answers)],
        }
    }
}

fn start_docker(disabled_units: &[String], answers: bool) -> Change {
    let mut fields: Vec<FieldChange> = disabled_units
        .iter()
        .map(|unit| field(unit, Some("disabled"), "enabled"))
        .collect();
    if !answers {
        fields.push(field("engine", Some("silent"), "answers"));
    }
    Change {
        fields,
        ..change(ChangeVerb::Update, "service docker".to_owned())
    }
}

fn change(verb: ChangeVerb, subject: String) -> Change {
    Change {
        verb,
        subject,
        fields: Vec::new(),
    }
}

fn set(subject: &str, name: &str, before: Option<&str>, after: &str) -> Change {
    Change {
        fields: vec![field(name, before, after)],
        ..change(ChangeVerb::Update, subject.to_owned())
    }
}

fn field(name: &str, before: Option<&str>, after: &str) -> FieldChange {
    FieldChange {
        field: name.to_owned(),
        before: before.map(str::to_owned),
        after: Some(after.to_owned()),
    }
}
