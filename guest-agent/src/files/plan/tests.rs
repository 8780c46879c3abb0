use phoenix_common::secret::Secret;
use phoenix_common::spec::FileOwner;

use super::*;
use crate::volumes::observed::{MountPoint, Mounted};

fn volume() -> VolumeSpec {
    VolumeSpec {
        name: "data".into(),
        server: Some("nas".into()),
        path: "/share".into(),
        mount_point: "/data".into(),
        options: "hard".into(),
    }
}

fn file() -> FileSpec {
    FileSpec {
        destination: "/data/qdrant/docker-compose.yml".into(),
        content: Some(FileContent {
            base64: Secret::new("canary"),
            sha256: "0123456789abcdef".into(),
            mode: 0o644,
            owner: Some(FileOwner { uid: 1, gid: 2 }),
        }),
    }
}

fn mounts(source: &str) -> ObservedVolumes {
    let point = MountPoint {
        mounted: Some(Mounted {
            source: source.into(),
            file_system: "nfs4".into(),
            answers: true,
        }),
        ..MountPoint::default()
    };
    ObservedVolumes {
        mount_points: [("/data".to_owned(), point)].into(),
        ..ObservedVolumes::default()
    }
}

fn right() -> FoundFile {
    FoundFile {
        sha256: Some("0123456789abcdef".into()),
        mode: 0o644,
        uid: 1,
        gid: 2,
    }
}

fn planned(found: Found) -> FilePlan {
    let observed = ObservedFiles {
        found: [(file().destination, found)].into(),
        dropped: Vec::new(),
    };
    plan(&observed, &mounts("nas:/share"), &[file()], &[volume()])
}

fn fields(plan: &FilePlan) -> Vec<String> {
    let changes = plan.actions.iter().flat_map(|action| &action.change.fields);
    changes
        .map(|field| format!("{} {:?} {:?}", field.field, field.before, field.after))
        .collect()
}

#[test]
fn single_differences_are_named_and_the_content_is_not_shown() {
    assert_eq!(planned(Found::File(right())), FilePlan::default());
    let other = FoundFile {
        sha256: Some("fedcba9876543210".into()),
        mode: 0o600,
        uid: 0,
        gid: 0,
    };
    let plan = planned(Found::File(other));
    assert_eq!(
        fields(&plan),
        [
            r#"content Some("fedcba987654") Some("0123456789ab")"#,
            r#"mode Some("0600") Some("0644")"#,
            r#"owner Some("0:0") Some("1:2")"#
        ]
    );
    assert!(!format!("{plan:?}").contains("canary"));
    assert_eq!(
        planned(Found::Absent).actions[0].below,
        "qdrant/docker-compose.yml"
    );
}

#[test]
fn what_cannot_be_placed_now_is_said() {
    let link = planned(Found::Other);
    assert_eq!(link.actions, []);
    assert!(link.notices[0].contains("no file"), "{link:?}");
    let nothing = ObservedFiles::default();
    let other_mount = plan(&nothing, &mounts("else:/x"), &[file()], &[volume()]);
    assert_eq!(other_mount.actions, []);
    assert!(other_mount.notices[0].contains("waits"), "{other_mount:?}");
    // To be mounted by the steps before.
    let to_come = plan(
        &nothing,
        &ObservedVolumes::default(),
        &[file()],
        &[volume()],
    );
    assert_eq!(to_come.actions.len(), 1);
    let unreadable = FileSpec {
        content: None,
        ..file()
    };
    let left = plan(&nothing, &mounts("nas:/share"), &[unreadable], &[volume()]);
    assert_eq!(left, FilePlan::default());
    let dropped = ObservedFiles {
        dropped: vec!["/data/old.yml".into()],
        ..ObservedFiles::default()
    };
    let dropped = plan(&dropped, &mounts("nas:/share"), &[], &[volume()]);
    assert!(dropped.notices[0].starts_with("file /data/old.yml is not declared"));
}

#[test]
fn paths_that_climb_or_hide_are_none() {
    for path in ["a", "a/b.yml", ".env", "a b"] {
        assert!(stays_below(path), "{path}");
    }
    for path in ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\nb"] {
        assert!(!stays_below(path), "{path}");
    }
    assert_eq!(place("/database/x", &[volume()]), None);
    assert_eq!(place("/data", &[volume()]), None);
}
