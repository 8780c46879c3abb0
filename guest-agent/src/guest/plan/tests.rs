use super::*;
use crate::files::observed::ObservedFiles;
use crate::gpu::plan::ObservedGpus;
use crate::guest::observed::{AuthorizedKeys, Locale, Timezone, User};
use crate::volumes::observed::ObservedVolumes;
use phoenix_common::spec::{DockerSpec, UnattendedUpgradesSpec};

const KEY: &str = "ssh-ed25519 AAAA me";

fn spec() -> GuestSpec {
    GuestSpec {
        base_setup: Some(BaseSetupSpec {
            username: Some("phoenix".into()),
            ssh_authorized_keys: vec![KEY.into(), format!(" {KEY} ")],
            packages: vec!["curl".into()],
            timezone: Some("Europe/Berlin".into()),
            locale: Some("en_US.UTF-8".into()),
            unattended_upgrades: None,
        }),
        docker: Some(DockerSpec {}),
        ..GuestSpec::default()
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
        unattended_upgrades: String::new(),
        volumes: ObservedVolumes::default(),
        files: ObservedFiles::default(),
        docker: DockerService {
            is_installed: true,
            disabled_units: Vec::new(),
            answers: true,
        },
        gpus: ObservedGpus::default(),
    }
}

/// The plan for the right guest after `change`.
fn after(change: impl FnOnce(&mut ObservedGuest)) -> Vec<GuestAction> {
    let mut observed = right();
    change(&mut observed);
    actions(&observed, &spec())
}

fn actions(observed: &ObservedGuest, spec: &GuestSpec) -> Vec<GuestAction> {
    plan(observed, spec).unwrap().actions
}

#[test]
fn a_right_guest_and_an_empty_spec_need_nothing() {
    assert_eq!(actions(&right(), &spec()), []);
    assert_eq!(
        actions(&ObservedGuest::default(), &GuestSpec::default()),
        []
    );
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
    assert_eq!(actions(&bare, &spec()), wanted);
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
    for action in actions(&ObservedGuest::default(), &spec()) {
        assert!(!action.changes().is_empty(), "{action:?}");
    }
}

#[test]
fn unattended_upgrades_are_set_once() {
    let declared = |enabled, reboot_at: Option<&str>| GuestSpec {
        base_setup: Some(BaseSetupSpec {
            unattended_upgrades: Some(UnattendedUpgradesSpec {
                enabled,
                reboot_at: reboot_at.map(str::to_owned),
            }),
            ..BaseSetupSpec::default()
        }),
        ..GuestSpec::default()
    };
    let on = declared(true, Some("03:30"));
    let steps = actions(&ObservedGuest::default(), &on);
    let [
        GuestAction::InstallPackages { packages },
        GuestAction::SetUnattendedUpgrades { text, shown },
    ] = &steps[..]
    else {
        panic!("{steps:?}")
    };
    assert_eq!(
        (&packages[..], shown.as_str()),
        (
            &["unattended-upgrades".to_owned()][..],
            "on, reboots at 03:30"
        )
    );
    assert!(text.contains("Automatic-Reboot-Time \"03:30\""), "{text}");
    let mut seen = ObservedGuest {
        unattended_upgrades: text.clone(),
        ..ObservedGuest::default()
    };
    seen.packages.insert("unattended-upgrades".into());
    assert_eq!(actions(&seen, &on), []);
    // Off needs no package, and never reboots.
    let off = actions(&ObservedGuest::default(), &declared(false, Some("03:30")));
    let [GuestAction::SetUnattendedUpgrades { text, .. }] = &off[..] else {
        panic!("{off:?}")
    };
    assert!(
        text.contains("Unattended-Upgrade \"0\"") && text.contains("Automatic-Reboot \"false\"")
    );
}
