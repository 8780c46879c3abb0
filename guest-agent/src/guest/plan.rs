//! From what is and what shall be to what is to do. Pure.

use phoenix_common::spec::{BaseSetupSpec, GuestSpec};

use super::action::GuestAction;
use super::observed::{DockerService, ObservedGuest};

/// The steps in their order; empty when all is right.
pub fn plan(observed: &ObservedGuest, spec: &GuestSpec) -> Vec<GuestAction> {
    let mut actions = Vec::new();
    if let Some(base_setup) = &spec.base_setup {
        plan_packages(observed, base_setup, &mut actions);
        plan_user(observed, base_setup, &mut actions);
        plan_timezone(observed, base_setup, &mut actions);
        plan_locale(observed, base_setup, &mut actions);
    }
    if spec.docker.is_some() {
        plan_docker(&observed.docker, &mut actions);
    }
    if observed.cloud_init_runs && !actions.is_empty() {
        actions.insert(0, GuestAction::AwaitCloudInit);
    }
    actions
}

/// One run of apt for all that is declared and for what time zone and locale need.
fn plan_packages(observed: &ObservedGuest, spec: &BaseSetupSpec, actions: &mut Vec<GuestAction>) {
    let needs_database = spec.timezone.is_some() && !observed.timezone.has_database;
    let needs_generator = wants_new_locale(observed, spec) && !observed.locale.has_generator;
    let mut packages: Vec<String> = spec
        .packages
        .iter()
        .cloned()
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
mod tests {
    use super::*;
    use crate::guest::observed::{AuthorizedKeys, Locale, Timezone, User};
    use phoenix_common::spec::DockerSpec;

    const KEY: &str = "ssh-ed25519 AAAA me";

    fn spec() -> GuestSpec {
        GuestSpec {
            base_setup: Some(BaseSetupSpec {
                username: Some("phoenix".into()),
                ssh_authorized_keys: vec![KEY.into(), format!(" {KEY} ")],
                packages: vec!["curl".into()],
                timezone: Some("Europe/Berlin".into()),
                locale: Some("en_US.UTF-8".into()),
            }),
            docker: Some(DockerSpec {}),
        }
    }

    fn right() -> ObservedGuest {
        ObservedGuest {
            cloud_init_runs: false,
            packages: ["curl".to_owned(), "docker.io".to_owned()].into(),
            user: Some(User {
                name: "phoenix".into(),
                uid: 1000,
                gid: 1000,
                home: "/home/phoenix".into(),
                keys: AuthorizedKeys {
                    lines: vec!["ssh-rsa BBBB theirs".into(), KEY.into()],
                    is_private: true,
                },
            }),
            timezone: Timezone {
                current: Some("Europe/Berlin".into()),
                in_etc_timezone: None,
                has_database: true,
            },
            locale: Locale {
                exists: true,
                default: Some("en_US.UTF-8".into()),
                has_generator: true,
            },
            docker: DockerService {
                is_installed: true,
                disabled_units: Vec::new(),
                answers: true,
            },
        }
    }

    /// The plan for the right guest after `change`.
    fn after(change: impl FnOnce(&mut ObservedGuest)) -> Vec<GuestAction> {
        let mut observed = right();
        change(&mut observed);
        plan(&observed, &spec())
    }

    #[test]
    fn a_right_guest_and_an_empty_spec_need_nothing() {
        assert_eq!(plan(&right(), &spec()), []);
        assert_eq!(plan(&ObservedGuest::default(), &GuestSpec::default()), []);
        // cloud-init is none of our business as long as there is nothing to do.
        assert_eq!(after(|guest| guest.cloud_init_runs = true), []);
    }

    #[test]
    fn a_bare_guest_needs_everything_in_order() {
        let bare = ObservedGuest {
            cloud_init_runs: true,
            ..ObservedGuest::default()
        };
        let wanted = [
            GuestAction::AwaitCloudInit,
            GuestAction::InstallPackages {
                packages: vec!["curl".into(), "locales".into(), "tzdata".into()],
            },
            GuestAction::CreateUser {
                name: "phoenix".into(),
            },
            GuestAction::AuthorizeKeys {
                user: "phoenix".into(),
                lines: vec![KEY.into()],
            },
            GuestAction::SetTimezone {
                before: None,
                name: "Europe/Berlin".into(),
            },
            GuestAction::MakeLocale {
                name: "en_US.UTF-8".into(),
            },
            GuestAction::SetDefaultLocale {
                before: None,
                name: "en_US.UTF-8".into(),
            },
            GuestAction::InstallDocker,
            GuestAction::StartDocker {
                disabled_units: Vec::new(),
                answers: false,
            },
        ];
        assert_eq!(plan(&bare, &spec()), wanted);
    }

    #[test]
    fn only_what_is_wrong_is_done() {
        let set_timezone = || {
            vec![GuestAction::SetTimezone {
                before: Some("Europe/Berlin".into()),
                name: "Europe/Berlin".into(),
            }]
        };
        let keys = |lines: &[&str]| {
            vec![GuestAction::AuthorizeKeys {
                user: "phoenix".into(),
                lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            }]
        };
        let docker = |disabled: &[&str], answers| {
            vec![GuestAction::StartDocker {
                disabled_units: disabled.iter().map(|unit| (*unit).to_owned()).collect(),
                answers,
            }]
        };
        assert_eq!(
            after(|guest| guest.timezone.in_etc_timezone = Some("Etc/UTC".into())),
            set_timezone()
        );
        assert_eq!(
            after(|guest| guest.user.as_mut().unwrap().keys.lines.clear()),
            keys(&[KEY])
        );
        assert_eq!(
            after(|guest| guest.user.as_mut().unwrap().keys.is_private = false),
            keys(&[])
        );
        assert_eq!(
            after(|guest| guest.docker.answers = false),
            docker(&[], false)
        );
        assert_eq!(
            after(|guest| guest.docker.disabled_units = vec!["docker.service".into()]),
            docker(&["docker.service"], true)
        );
    }

    #[test]
    fn every_action_that_writes_shows_a_change() {
        for action in plan(&ObservedGuest::default(), &spec()) {
            assert!(!action.changes().is_empty(), "{action:?}");
        }
    }
}
