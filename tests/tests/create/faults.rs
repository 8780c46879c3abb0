//! What Proxmox may do to a run on the node: each a clear word, and a state that the next run finishes.

use std::process::Command;
use std::time::{Duration, Instant};

use phoenix_tests::doubles::pve::Fault;

use crate::estate::{declared_keys, wanted};
use crate::node::{Ended, Node, ended};

const CREATE: &str = "create 1001 --machine-only --yes";

fn finishes(node: &Node) {
    node.settle();
    let next = node.phoenix(CREATE);
    assert_eq!(next.exit, Some(0), "{next:?}");
    assert_eq!(declared_keys(&node.config(1001)), wanted(1001));
    assert!(node.runs(1001));
    node.settle();
    let again = node.phoenix(CREATE);
    assert!(again.stdout.contains("nothing written"), "{again:?}");
}

fn failed_with(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.exit, Some(1), "{ended:?}");
    for word in words {
        assert!(ended.stdout.contains(word), "{word}: {ended:?}");
    }
    assert!(
        ended.stdout.contains("to go on: phoenix create 1001"),
        "{ended:?}"
    );
}

#[test]
fn a_clone_that_fails() {
    let node = Node::new();
    let fault = Fault::CloneFails { percent: 40 };
    node.pve.switch_on(&fault).unwrap();
    let failed = node.phoenix(CREATE);
    failed_with(&failed, &["qmclone", "clone failed: copy failed"]);
    assert!(failed.stderr.contains(": 40 %"), "{failed:?}");
    assert_eq!(node.pve.config(1001), None);
    node.pve.switch_off(&fault);
    finishes(&node);
}

#[test]
fn a_clone_that_dies_leaves_a_locked_half_that_is_removed() {
    let node = Node::new();
    let fault = Fault::CloneDies { percent: 40 };
    node.pve.switch_on(&fault).unwrap();
    let failed = node.phoenix(CREATE);
    failed_with(&failed, &["qmclone", "unexpected status"]);
    assert!(node.pve.config(1001).unwrap().contains("lock: clone"));
    node.pve.switch_off(&fault);
    let planned = node.phoenix("create 1001 --dry-run");
    let remove = "remove what an interrupted clone left of 1001";
    assert!(planned.stdout.contains(remove), "{planned:?}");
    finishes(&node);
}

#[test]
fn a_foreign_half_is_left_alone() {
    let node = Node::new();
    node.pve
        .add_guest(
            1001,
            "lock: create\nname: theirs\nscsi0: local:1001/vm-1001-disk-0.qcow2,size=8G\n",
        )
        .unwrap();
    let before = node.kept();
    let refused = node.phoenix(CREATE);
    assert_eq!(refused.exit, Some(5), "{refused:?}");
    assert!(refused.stdout.contains("qm unlock 1001"), "{refused:?}");
    assert!(node.kept() == before);
}

/// The run is killed, the clone's task goes on: the next run waits for it and takes its result.
#[test]
fn a_clone_that_goes_on_without_its_run_is_waited_for() {
    let node = Node::new();
    let slow = Fault::SlowClone { step_millis: 400 };
    node.pve.switch_on(&slow).unwrap();
    let upid = {
        let mut clone = Command::new(node.pve.tool("pvesh"));
        clone.args(["create", "/nodes/pve1/qemu/9000/clone", "--newid", "1001"]);
        clone.args([
            "--name",
            "Portainer",
            "--full",
            "1",
            "--output-format",
            "json",
        ]);
        clone.args(["--description", "Made by Phoenix as guest 1001, from 9000"]);
        clone.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let begun = Instant::now();
    while node.pve.config(1001).is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "no clone");
        std::thread::sleep(Duration::from_millis(10));
    }
    let waited = node.phoenix(CREATE);
    assert_eq!(waited.exit, Some(0), "{waited:?}");
    assert!(
        waited.stderr.contains("Proxmox holds its lock (clone)"),
        "{waited:?}"
    );
    assert_eq!(
        waited.stderr.matches("ensure_vm_defined").count(),
        0,
        "{waited:?}"
    );
    drop(upid.wait_with_output());
    finishes(&node);
}

#[test]
fn no_quorum() {
    let node = Node::new();
    node.pve.switch_on(&Fault::NoQuorum).unwrap();
    let failed = node.phoenix(CREATE);
    failed_with(&failed, &["no quorum", "pvecm status"]);
    assert_eq!(node.pve.config(1001), None);
    node.pve.switch_off(&Fault::NoQuorum);
    finishes(&node);
}

/// A backup holds the guest for 30 s: the run waits and then does its work.
#[test]
fn a_lock_that_passes() {
    let node = Node::new();
    let created = node.phoenix(CREATE);
    assert_eq!(created.exit, Some(0), "{created:?}");
    let config = node.pve.config(1001).unwrap();
    let locked = config.replace("cores: 4", "cores: 2") + "lock: backup\n";
    node.pve.add_guest(1001, &locked).unwrap();
    node.settle();
    let waiting = node.spawn(CREATE);
    std::thread::sleep(Duration::from_secs(3));
    node.pve
        .add_guest(1001, &config.replace("cores: 4", "cores: 2"))
        .unwrap();
    let ended = ended(waiting.wait_with_output().unwrap());
    assert_eq!(ended.exit, Some(0), "{ended:?}");
    assert!(
        ended.stderr.contains("Proxmox holds its lock (backup)"),
        "{ended:?}"
    );
    let given_up = {
        node.pve.add_guest(1001, &locked).unwrap();
        node.phoenix("converge 1001 --machine-only --yes --deadline 1")
    };
    assert_eq!(given_up.exit, Some(4), "{given_up:?}");
}

/// Another task holds the flock for longer than Proxmox waits for it: tried again until it is free.
#[test]
fn a_flock_held_for_30_seconds() {
    let node = Node::new();
    node.arm_fail_points();
    // Killed before the clone, then behind it.
    for _ in 0..2 {
        assert_eq!(node.phoenix(CREATE).exit, None);
    }
    node.disarm_fail_points();
    let lock = node.pve.path().join("var/lock/qemu-server/lock-1001.conf");
    let mut holder = Command::new("flock")
        .arg(lock)
        .args(["sleep", "30"])
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let waited = node.phoenix(CREATE);
    assert_eq!(waited.exit, Some(0), "{waited:?}");
    assert!(waited.stderr.contains("got timeout"), "{waited:?}");
    assert!(begun.elapsed() > Duration::from_secs(25));
    holder.wait().unwrap();
    finishes(&node);
}

#[test]
fn a_guest_or_template_on_a_node_that_is_gone() {
    let node = Node::new();
    let elsewhere = node.pve.path().join("etc/pve/nodes/pve2/qemu-server");
    std::fs::create_dir_all(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("1001.conf"), "name: Portainer\n").unwrap();
    // Writes the list of guests anew.
    node.pve.add_guest(999, "name: other\n").unwrap();
    node.pve
        .switch_on(&Fault::NodeGone {
            node: "pve2".to_owned(),
        })
        .unwrap();
    let failed = node.phoenix(CREATE);
    failed_with(&failed, &["on node pve2"]);
    std::fs::remove_file(elsewhere.join("1001.conf")).unwrap();
    node.pve.add_guest(999, "name: other\n").unwrap();
    finishes(&node);
}
