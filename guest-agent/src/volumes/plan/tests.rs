use super::*;
use crate::volumes::observed::{Bare, Guard, Mounted, Users};

fn volume() -> VolumeSpec {
    VolumeSpec {
        name: "data".into(),
        server: Some("nas".into()),
        path: "/share/1001".into(),
        mount_point: "/data".into(),
        options: "hard".into(),
    }
}

fn closed() -> Bare {
    Bare {
        kind: BareKind::Folder,
        is_empty: true,
        protection: Protection::Immutable,
    }
}

fn guard_for(mount_points: &[String]) -> Guard {
    let Some(VolumeAction::Guard { files, .. }) =
        plan_guard(&ObservedVolumes::default(), mount_points)
    else {
        return Guard::default();
    };
    Guard {
        files,
        is_enabled: true,
        is_loaded: true,
    }
}

/// The volume as it shall be.
fn right() -> ObservedVolumes {
    let text = unit::mount_unit(&volume(), "nas:/share/1001");
    let unit = ObservedUnit {
        written: unit::parse(&text).unwrap(),
        text,
        is_enabled: true,
    };
    let point = MountPoint {
        mounted: Some(Mounted {
            source: "nas:/share/1001".into(),
            file_system: "nfs4".into(),
            answers: true,
        }),
        bare: Some(closed()),
        ..MountPoint::default()
    };
    ObservedVolumes {
        units: [("/data".to_owned(), unit)].into(),
        mount_points: [("/data".to_owned(), point)].into(),
        guard: guard_for(&["/data".into()]),
        has_mount_program: true,
    }
}

fn after(change: impl FnOnce(&mut ObservedVolumes)) -> Result<VolumePlan, VolumeRefusal> {
    let mut observed = right();
    change(&mut observed);
    plan(&observed, &[volume()])
}

fn point(observed: &mut ObservedVolumes) -> &mut MountPoint {
    observed.mount_points.get_mut("/data").unwrap()
}

fn bare(observed: &mut ObservedVolumes) -> &mut Bare {
    point(observed).bare.as_mut().unwrap()
}

fn fields(plan: &VolumePlan) -> Vec<String> {
    let changes = plan.actions.iter().map(VolumeAction::change);
    changes
        .flat_map(|change| change.fields)
        .map(|field| {
            let shown = |value: Option<String>| value.unwrap_or_default();
            format!(
                "{}: {} -> {}",
                field.field,
                shown(field.before),
                shown(field.after)
            )
        })
        .collect()
}

#[test]
fn what_is_right_needs_nothing_and_no_volume_is_nothing() {
    assert_eq!(after(|_| {}), Ok(VolumePlan::default()));
    let nothing = plan(&ObservedVolumes::default(), &[]);
    assert_eq!(nothing, Ok(VolumePlan::default()));
}

#[test]
fn a_new_volume_is_guarded_before_it_is_mounted() {
    let plan = plan(&ObservedVolumes::default(), &[volume()]).unwrap();
    assert!(matches!(plan.actions[0], VolumeAction::Guard { .. }));
    assert!(matches!(
        plan.actions[1],
        VolumeAction::Mount {
            replaces: false,
            ..
        }
    ));
    assert_eq!(
        fields(&plan),
        [
            "starts only after:  -> /data",
            "name:  -> data",
            "source:  -> nas:/share/1001",
            "options:  -> hard",
            "mounted at:  -> /data"
        ]
    );
}

#[test]
fn single_differences_are_named() {
    for (wanted, plan) in [
        (
            "mounted at:  -> /data",
            after(|seen| point(seen).mounted = None),
        ),
        (
            "at boot: not mounted -> mounted",
            after(|seen| seen.units.get_mut("/data").unwrap().is_enabled = false),
        ),
        (
            "folder under it: can be written -> closed",
            after(|seen| bare(seen).protection = Protection::None),
        ),
        (
            "units: not read by systemd -> read",
            after(|seen| seen.guard.is_loaded = false),
        ),
        (
            "starts only after: other mounts -> /data",
            after(|seen| seen.guard.is_enabled = false),
        ),
    ] {
        assert_eq!(fields(&plan.unwrap()), [wanted]);
    }
}

#[test]
fn other_options_cost_a_restart_of_docker_and_wait_for_users() {
    let other = |seen: &mut ObservedVolumes| {
        let unit = seen.units.get_mut("/data").unwrap();
        unit.text = unit.text.replace("Options=hard", "Options=soft");
        unit.written = unit::parse(&unit.text).unwrap();
        // Docker ends these itself.
        point(seen).users.in_containers = vec!["web (7)".into()];
    };
    let plan = after(other).unwrap();
    assert!(matches!(
        plan.actions[..],
        [VolumeAction::Mount { replaces: true, .. }]
    ));
    assert_eq!(
        fields(&plan),
        [
            "options: soft -> hard",
            "Docker: runs -> restarted, with all containers"
        ]
    );
    let plan = after(|seen| {
        other(seen);
        point(seen).users.of_guest = vec!["bash (9)".into()];
    })
    .unwrap();
    assert_eq!(plan.actions, []);
    assert!(
        plan.notices[0].contains("in use by bash (9)"),
        "{:?}",
        plan.notices
    );
}

#[test]
fn a_dropped_volume_goes_unless_it_is_in_use() {
    let mut observed = right();
    let gone = plan(&observed, &[]).unwrap();
    let VolumeAction::Guard { files, .. } = &gone.actions[0] else {
        panic!("{gone:?}")
    };
    assert!(files.is_empty(), "Docker is not stopped with it");
    assert!(matches!(gone.actions[1], VolumeAction::Unmount { .. }));
    point(&mut observed).users = Users {
        of_guest: Vec::new(),
        in_containers: (1..8).map(|pid| format!("web ({pid})")).collect(),
    };
    let kept = plan(&observed, &[]).unwrap();
    assert_eq!(kept.actions, []);
    assert!(kept.notices[0].ends_with("web (5) and 2 more"), "{kept:?}");
}

#[test]
fn a_volume_without_a_server_is_left_as_it_is() {
    let unknown = VolumeSpec {
        server: None,
        ..volume()
    };
    let one = std::slice::from_ref(&unknown);
    assert_eq!(plan(&right(), one), Ok(VolumePlan::default()));
    let nothing = plan(&ObservedVolumes::default(), one);
    assert_eq!(nothing, Ok(VolumePlan::default()));
}

#[test]
fn what_is_somebody_elses_is_refused() {
    let mount_point = || "/data".to_owned();
    for (wanted, plan) in [
        (
            VolumeRefusal::NotEmpty {
                mount_point: mount_point(),
            },
            after(|seen| {
                point(seen).mounted = None;
                bare(seen).is_empty = false;
            }),
        ),
        (
            VolumeRefusal::NoFolder {
                mount_point: mount_point(),
            },
            after(|seen| {
                point(seen).mounted = None;
                bare(seen).kind = BareKind::Other;
            }),
        ),
        (
            VolumeRefusal::ForeignUnit {
                mount_point: mount_point(),
            },
            after(|seen| {
                seen.units.clear();
                point(seen).foreign_unit = true;
            }),
        ),
        (
            VolumeRefusal::ForeignMount {
                mount_point: mount_point(),
                found: "other:/x".into(),
            },
            after(|seen| {
                if let Some(mounted) = &mut point(seen).mounted {
                    mounted.source = "other:/x".into();
                }
            }),
        ),
    ] {
        assert_eq!(plan, Err(wanted));
    }
}

#[test]
fn words_that_could_end_a_line_or_be_an_option_are_refused() {
    let with = |change: fn(&mut VolumeSpec)| {
        let mut volume = volume();
        change(&mut volume);
        check(&[volume])
    };
    assert_eq!(with(|_| {}), Ok(()));
    for change in [
        (|volume| volume.name = "a\nb".into()) as fn(&mut VolumeSpec),
        |volume| volume.server = Some("nas\nType=ext4".into()),
        |volume| volume.path = "/a\n[Install]".into(),
        |volume| volume.path = "a".into(),
        |volume| volume.options = "ro\nx".into(),
        |volume| volume.mount_point = "/var/lib/docker".into(),
    ] {
        assert!(with(change).is_err());
    }
    let inner = VolumeSpec {
        name: "inner".into(),
        mount_point: "/data/inner".into(),
        ..volume()
    };
    assert!(check(&[volume(), inner]).is_err());
}
