//! `phoenix delete`: what Phoenix made goes with its disks, what it did not make stays unless told.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::node::Node;

fn made() -> Node {
    let node = Node::new();
    let created = node.phoenix("create 1001 --machine-only --yes");
    assert_eq!(created.exit, Some(0), "{created:?}");
    node.settle();
    node
}

#[test]
fn what_phoenix_made_is_deleted_after_it_was_asked_for() {
    let node = made();
    let asked = node.phoenix("delete 1001");
    assert_eq!(asked.exit, Some(2), "{asked:?}");
    assert!(node.runs(1001));
    let planned = node.phoenix("delete 1001 --dry-run --json");
    assert_eq!(planned.exit, Some(3), "{planned:?}");
    let report: Value = serde_json::from_str(&planned.stdout).unwrap();
    let actions = report["plan"]["actions"].as_array().unwrap();
    assert_eq!(actions.len(), 2, "{report}");
    assert_eq!(actions[1]["action"], "destroy");
    let deleted = node.phoenix("delete 1001 --yes");
    assert_eq!(deleted.exit, Some(0), "{deleted:?}");
    assert!(!node.runs(1001));
    assert_eq!(node.pve.config(1001), None);
    let disks = node.pve.path().join("var/lib/vz/images/1001");
    assert!(!disks.exists());
    let again = node.phoenix("delete 1001 --yes");
    assert_eq!(again.exit, Some(0), "{again:?}");
    assert!(again.stdout.contains("nothing to do"), "{again:?}");
}

#[test]
fn killed_at_every_step_boundary_the_next_run_deletes_the_rest() {
    let node = made();
    node.arm_fail_points();
    let mut runs = 0;
    loop {
        let ended = node.phoenix("delete 1001 --yes");
        node.settle();
        match ended.exit {
            Some(exit) => {
                assert_eq!(exit, 0, "{ended:?}");
                break;
            }
            None => runs += 1,
        }
    }
    // Shut down and destroy, before and behind each.
    assert_eq!((runs, node.disarm_fail_points().len()), (4, 4));
    assert_eq!(node.pve.config(1001), None);
}

#[test]
fn foreign_and_protected_guests_stay() {
    let node = Node::new();
    node.pve
        .add_guest(950, "name: theirs\nmemory: 512\n")
        .unwrap();
    let before = node.kept();
    let refused = node.phoenix("delete 950 --yes");
    assert_eq!(refused.exit, Some(5), "{refused:?}");
    assert!(refused.stdout.contains("--foreign"), "{refused:?}");
    node.pve
        .add_guest(950, "name: theirs\nmemory: 512\nprotection: 1\n")
        .unwrap();
    let protected = node.phoenix("delete 950 --foreign --yes");
    assert_eq!(protected.exit, Some(5), "{protected:?}");
    assert!(
        protected.stdout.contains("qm set 950 --protection 0"),
        "{protected:?}"
    );
    let template = node.phoenix("delete 9000 --yes");
    assert_eq!(template.exit, Some(5), "{template:?}");
    node.pve
        .add_guest(950, "name: theirs\nmemory: 512\n")
        .unwrap();
    assert!(node.kept() == before);
    let told = node.phoenix("delete 950 --foreign --yes");
    assert_eq!(told.exit, Some(0), "{told:?}");
    assert_eq!(node.pve.config(950), None);
}

/// The legacy containers of the first plan go by `pct`.
#[test]
fn a_container_goes_by_pct() {
    let node = Node::new();
    let conf = node.pve.path().join("etc/pve/nodes/pve1/lxc/950.conf");
    std::fs::write(&conf, "hostname: qdrant\n").unwrap();
    // Writes the list of guests anew.
    node.pve.add_guest(999, "name: other\n").unwrap();
    let pct = node.pve.tool("pct");
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> {root}/pct-calls\ncase $1 in\nstatus) cat {root}/ct-status;;\nshutdown) echo 'status: stopped' > {root}/ct-status;;\ndestroy) rm {conf};;\nesac\n",
        root = node.pve.path().display(),
        conf = conf.display(),
    );
    std::fs::write(&pct, script).unwrap();
    std::fs::set_permissions(&pct, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(node.pve.path().join("ct-status"), "status: running\n").unwrap();
    let refused = node.phoenix("delete 950 --yes");
    assert_eq!(refused.exit, Some(5), "{refused:?}");
    let deleted = node.phoenix("delete 950 --foreign --yes");
    assert_eq!(deleted.exit, Some(0), "{deleted:?}");
    let calls = std::fs::read_to_string(node.pve.path().join("pct-calls")).unwrap();
    let acts: Vec<&str> = calls
        .lines()
        .filter(|call| !call.starts_with("status"))
        .collect();
    assert_eq!(
        acts,
        [
            "shutdown 950 --timeout 60 --forceStop 1",
            "destroy 950 --purge 1"
        ]
    );
    assert!(!conf.exists());
}
