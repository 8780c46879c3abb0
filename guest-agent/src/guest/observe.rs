//! Looks at the guest, as far as a spec asks for it. Reads only.

use phoenix_common::spec::{BaseSetupSpec, GuestSpec};
use phoenix_common::wire::CloudInit;

use super::error::GuestError;
use super::observed::{AuthorizedKeys, ObservedGuest, User};
use super::{apt, authorized_keys, docker_service, files, locale, timezone, unattended};
use crate::facts::cloud_init;
use crate::files as placed;
use crate::gpu;
use crate::paths::Paths;
use crate::volumes;

/// Everything the planner needs for `spec`.
///
/// # Errors
/// A program or file that must be there is not, or cannot be read.
pub async fn observe(paths: &Paths, spec: &GuestSpec) -> Result<ObservedGuest, GuestError> {
    let base_setup = spec.base_setup.clone().unwrap_or_default();
    let mut observed = ObservedGuest {
        cloud_init_runs: cloud_init::state(paths).await == CloudInit::Running,
        ..ObservedGuest::default()
    };
    if let Some(volumes) = &spec.volumes {
        observed.volumes = volumes::observe::observe(paths, volumes).await?;
        if let Some(files) = &spec.files {
            let mounts = &observed.volumes;
            observed.files = placed::observe::observe(paths, files, volumes, mounts).await?;
        }
    }
    if needs_packages(spec, &base_setup) {
        observed.packages = apt::installed(paths).await?;
    }
    if let Some(name) = &base_setup.username {
        let user = user_without_keys(paths, name)?;
        observed.user = match user {
            // cloud-init makes folder and file as root and gives them away then.
            Some(user) if observed.cloud_init_runs => Some(with_keys(paths, &user).unwrap_or(user)),
            Some(user) => Some(with_keys(paths, &user)?),
            None => None,
        };
    }
    if base_setup.timezone.is_some() {
        observed.timezone = timezone::observe(paths)?;
    }
    if let Some(name) = &base_setup.locale {
        observed.locale = locale::observe(paths, name).await?;
    }
    if base_setup.unattended_upgrades.is_some() {
        observed.unattended_upgrades = files::text(&paths.at(unattended::FILE))?;
    }
    if spec.docker.is_some() {
        observed.docker = docker_service::observe(paths, &observed.packages).await?;
        if spec.gpu.is_some() {
            observed.gpus = gpu::observe::observe(paths, observed.docker.answers).await?;
        }
    }
    Ok(observed)
}

fn needs_packages(spec: &GuestSpec, base_setup: &BaseSetupSpec) -> bool {
    spec.docker.is_some()
        || !base_setup.packages.is_empty()
        || base_setup.timezone.is_some()
        || base_setup.locale.is_some()
        || base_setup.unattended_upgrades.is_some()
        || spec
            .volumes
            .as_ref()
            .is_some_and(|volumes| !volumes.is_empty())
}

/// The user of that name, from `/etc/passwd`.
pub(super) fn user_without_keys(paths: &Paths, name: &str) -> Result<Option<User>, GuestError> {
    let passwd = files::text(&paths.at("/etc/passwd"))?;
    Ok(passwd.lines().find_map(|line| parse_user(line, name)))
}

fn with_keys(paths: &Paths, user: &User) -> Result<User, GuestError> {
    Ok(User {
        keys: authorized_keys::observe(paths, user)?,
        ..user.clone()
    })
}

/// A line of passwd(5), if it is the user's.
fn parse_user(line: &str, name: &str) -> Option<User> {
    let mut fields = line.split(':');
    if fields.next()? != name {
        return None;
    }
    let _password = fields.next()?;
    let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let _comment = fields.next()?;
    Some(User {
        name: name.to_owned(),
        uid,
        gid,
        home: fields.next()?.to_owned(),
        keys: AuthorizedKeys::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let line = "phoenix:x:1000:1001:,,,:/home/phoenix:/bin/bash";
        let user = parse_user(line, "phoenix").unwrap();
        assert_eq!(
            (user.uid, user.gid, user.home.as_str()),
            (1000, 1001, "/home/phoenix")
        );
        assert_eq!(parse_user(line, "phoe"), None);
        assert_eq!(parse_user("", ""), None);
    }
}
