//! From what is and what shall be to what is to do. Pure.

use phoenix_common::spec::{BaseSetupSpec, GuestSpec};

use super::action::GuestAction;
use super::observed::{DockerService, ObservedGuest};
use super::unattended;
use crate::files::plan as files;
use crate::gpu::plan as gpu;
use crate::volumes::plan as volumes;
use crate::volumes::refusal::VolumeRefusal;

/// The steps in their order, none when all is right, and what is worth knowing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct GuestSteps {
    pub actions: Vec<GuestAction>,
    pub notices: Vec<String>,
}

/// Decides. Volumes and files come before Docker, which starts containers on them.
///
/// # Errors
/// Going on would do harm.
pub fn plan(observed: &ObservedGuest, spec: &GuestSpec) -> Result<GuestSteps, VolumeRefusal> {
    let mut actions = Vec::new();
    let mut notices = Vec::new();
    plan_packages(observed, spec, &mut actions);
    if let Some(base_setup) = &spec.base_setup {
        plan_user(observed, base_setup, &mut actions);
        plan_timezone(observed, base_setup, &mut actions);
        plan_locale(observed, base_setup, &mut actions);
        plan_unattended(observed, base_setup, &mut actions);
    }
    if let Some(declared) = &spec.volumes {
        let steps = volumes::plan(&observed.volumes, declared)?;
        actions.extend(steps.actions.into_iter().map(GuestAction::Volume));
        notices.extend(steps.notices);
        let files = spec.files.as_deref().unwrap_or_default();
        let steps = files::plan(&observed.files, &observed.volumes, files, declared);
        let place = |file| GuestAction::PlaceFile(Box::new(file));
        actions.extend(steps.actions.into_iter().map(place));
        notices.extend(steps.notices);
    }
    if spec.docker.is_some() && spec.gpu.is_some() {
        // Before Docker's first start, which then needs no second one.
        let (offer, said) = gpu::plan(&observed.gpus);
        actions.extend(offer.map(GuestAction::OfferGpus));
        notices.extend(said);
    }
    if spec.docker.is_some() {
        plan_docker(&observed.docker, &mut actions);
    }
    if observed.cloud_init_runs && !actions.is_empty() {
        actions.insert(0, GuestAction::AwaitCloudInit);
    }
    Ok(GuestSteps { actions, notices })
}

/// One run of apt for all that is declared and for what time zone, locale and volumes need.
fn plan_packages(observed: &ObservedGuest, spec: &GuestSpec, actions: &mut Vec<GuestAction>) {
    let nothing = BaseSetupSpec::default();
    let base_setup = spec.base_setup.as_ref().unwrap_or(&nothing);
    let needs_database = base_setup.timezone.is_some() && !observed.timezone.has_database;
    let needs_generator = wants_new_locale(observed, base_setup) && !observed.locale.has_generator;
    let upgrades = base_setup.unattended_upgrades.as_ref();
    let needs_upgrader = upgrades.is_some_and(|declared| declared.enabled);
    let volumes = spec.volumes.iter().flatten();
    let needs_mount_program = volumes.count() > 0 && !observed.volumes.has_mount_program;
    let mut packages: Vec<String> = base_setup
        .packages
        .iter()
        .cloned()
        .chain(needs_mount_program.then(|| "nfs-common".to_owned()))
        .chain(needs_upgrader.then(|| "unattended-upgrades".to_owned()))
        .chain(needs_database.then(|| "tzdata".to_owned()))
        .chain(needs_generator.then(|| "locales".to_owned()))
        .filter(|name| !observed.packages.contains(name))
        .collect();
    packages.sort();
    packages.dedup();
    if !packages.is_empty() {
        actions.push(GuestAction::InstallPackages { packages });
    }
}

fn plan_user(observed: &ObservedGuest, spec: &BaseSetupSpec, actions: &mut Vec<GuestAction>) {
    let Some(name) = &spec.username else { return };
    if observed.user.is_none() {
        actions.push(GuestAction::CreateUser { name: name.clone() });
    }
    if spec.ssh_authorized_keys.is_empty() {
        return;
    }
    let keys = observed.user.as_ref().map(|user| &user.keys);
    let mut lines: Vec<String> = Vec::new();
    for line in spec.ssh_authorized_keys.iter().map(|line| line.trim()) {
        let is_there = keys.is_some_and(|keys| keys.lines.iter().any(|have| have == line));
        if !is_there && !lines.iter().any(|have| have == line) {
            lines.push(line.to_owned());
        }
    }
    if !lines.is_empty() || !keys.is_some_and(|keys| keys.is_private) {
        actions.push(GuestAction::AuthorizeKeys {
            user: name.clone(),
            lines,
        });
    }
}

fn plan_timezone(observed: &ObservedGuest, spec: &BaseSetupSpec, actions: &mut Vec<GuestAction>) {
    let Some(name) = &spec.timezone else { return };
    let seen = &observed.timezone;
    let is_right = seen.current.as_ref() == Some(name)
        && seen
            .in_etc_timezone
            .as_ref()
            .is_none_or(|text| text == name);
    if !is_right {
        actions.push(GuestAction::SetTimezone {
            before: seen.current.clone(),
            name: name.clone(),
        });
    }
}

fn plan_locale(observed: &ObservedGuest, spec: &BaseSetupSpec, actions: &mut Vec<GuestAction>) {
    let Some(name) = &spec.locale else { return };
    if wants_new_locale(observed, spec) {
        actions.push(GuestAction::MakeLocale { name: name.clone() });
    }
    if observed.locale.default.as_ref() != Some(name) {
        actions.push(GuestAction::SetDefaultLocale {
            before: observed.locale.default.clone(),
            name: name.clone(),
        });
    }
}

fn plan_unattended(observed: &ObservedGuest, spec: &BaseSetupSpec, actions: &mut Vec<GuestAction>) {
    let Some(declared) = &spec.unattended_upgrades else {
        return;
    };
    let text = unattended::text(declared);
    if observed.unattended_upgrades != text {
        actions.push(GuestAction::SetUnattendedUpgrades {
            text,
            shown: unattended::shown(declared),
        });
    }
}

fn wants_new_locale(observed: &ObservedGuest, spec: &BaseSetupSpec) -> bool {
    spec.locale.is_some() && !observed.locale.exists
}

fn plan_docker(docker: &DockerService, actions: &mut Vec<GuestAction>) {
    if !docker.is_installed {
        actions.push(GuestAction::InstallDocker);
    }
    if !docker.is_installed || !docker.answers || !docker.disabled_units.is_empty() {
        actions.push(GuestAction::StartDocker {
            disabled_units: docker.disabled_units.clone(),
            answers: docker.answers,
        });
    }
}

#[cfg(test)]
mod tests;
