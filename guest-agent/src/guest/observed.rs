//! What is seen of a guest, as far as a spec asks for it.

use std::collections::BTreeSet;

use crate::files::observed::ObservedFiles;
use crate::gpu::plan::ObservedGpus;
use crate::volumes::observed::ObservedVolumes;

/// Everything the planner looks at. Parts that the spec does not ask for stay at their default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedGuest {
    /// cloud-init works on the guest right now.
    pub cloud_init_runs: bool,
    /// Names of installed packages and of what they provide.
    pub packages: BTreeSet<String>,
    /// The declared user, if it exists.
    pub user: Option<User>,
    pub timezone: Timezone,
    pub locale: Locale,
    /// Text of Phoenix's settings of unattended-upgrades.
    pub unattended_upgrades: String,
    pub volumes: ObservedVolumes,
    pub files: ObservedFiles,
    pub docker: DockerService,
    pub gpus: ObservedGpus,
}

/// A line of `/etc/passwd` and the user's keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: String,
    pub keys: AuthorizedKeys,
}

/// `~/.ssh/authorized_keys`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorizedKeys {
    pub lines: Vec<String>,
    /// It exists, is the user's own and has mode 0600, in a folder that sshd accepts.
    pub is_private: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timezone {
    /// The name behind `/etc/localtime`.
    pub current: Option<String>,
    /// `/etc/timezone`, where the guest has that file.
    pub in_etc_timezone: Option<String>,
    /// The guest has a time zone database.
    pub has_database: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locale {
    /// The declared locale has been made.
    pub exists: bool,
    /// `LANG` of `/etc/default/locale`.
    pub default: Option<String>,
    /// The guest can make locales.
    pub has_generator: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DockerService {
    /// There is an engine, from whatever package.
    pub is_installed: bool,
    /// Units of Docker that exist and will not start at boot.
    pub disabled_units: Vec<String>,
    /// The socket answers.
    pub answers: bool,
}
