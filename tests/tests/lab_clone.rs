//! Guests cloned on the fake node: the task as Proxmox has it, its faults, and a clone that really runs.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use phoenix_tests::doubles::pve::Fault;
use phoenix_tests::lab::Suite::Bookworm;
use phoenix_tests::lab::{GuestSpec, HOOKSCRIPT, Lab, LabSpec, Node, NodeSpec};

fn lab() -> Option<Lab> {
    let template = GuestSpec::new(9000, Bookworm)
        .name("template")
        .without_docker();
    let template = template.template().hooked();
    Lab::for_test(&LabSpec::new().guest_with(template).node(NodeSpec::new()))
}

fn qm(node: &Node, words: &str) -> (i32, String, String) {
    let ran = node.qm(words).unwrap();
    (ran.code, ran.stdout, ran.stderr)
}

fn write_hook(node: &Node) {
    let name = HOOKSCRIPT.rsplit('/').next().unwrap();
    let hook = "#!/bin/sh\necho hook $1 $2\n";
    node.write(&format!("/var/lib/vz/snippets/{name}"), hook, 0o755)
        .unwrap();
}

#[test]
fn a_clone_is_a_guest_of_its_own() {
    let Some(lab) = lab() else { return };
    let node = lab.node();
    write_hook(&node);
    let (code, stdout, stderr) = qm(&node, "clone 9000 1001 --name web --full 1");
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(
        stdout.ends_with("transferred 2.0 GiB of 2.0 GiB (100.00%)\n"),
        "{stdout}"
    );
    assert_eq!(qm(&node, "clone 9000 1001").0, 2, "the id is taken");
    qm(
        &node,
        "set 1001 --ipconfig0 ip=192.168.77.71/24,gw=192.168.77.254 --memory 512",
    );
    assert_eq!(qm(&node, "resize 1001 scsi0 4G").1, "Image resized.\n");
    let config = qm(&node, "config 1001").1;
    assert!(
        config.contains(&format!("hookscript: {HOOKSCRIPT}\n")),
        "copied: {config}"
    );
    assert!(
        config.contains("size=4G\n") && !config.contains("lock"),
        "{config}"
    );
    node.sh("test -e /var/lib/vz/images/1001/vm-1001-disk-0.qcow2")
        .unwrap();

    let (code, stdout, _) = qm(&node, "start 1001");
    let said = "generating cloud-init ISO\nhook 1001 pre-start\nhook 1001 post-start\n";
    assert_eq!((code, stdout.as_str()), (0, said));
    let guest = lab.guest(1001);
    guest.wait_agent().unwrap();
    assert_eq!(guest.sh("hostname").unwrap(), "web");
    assert_eq!(guest.memory_limit_bytes().unwrap(), 512 << 20);
    guest
        .sh("ip address show | grep -q 192.168.77.71/")
        .unwrap();
    guest.sh("echo kept > /root/file").unwrap();
    let (code, stdout, _) = qm(&node, "guest exec 1001 -- /bin/cat /root/file");
    assert!(
        code == 0 && stdout.contains(r#""out-data" : "kept\n""#),
        "{stdout}"
    );

    assert_eq!(qm(&node, "destroy 1001 --purge 1").0, 25, "it runs");
    assert_eq!(qm(&node, "stop 1001").0, 0);
    assert_eq!(qm(&node, "destroy 1001 --purge 1").0, 0);
    assert!(lab.machine("1001").is_err(), "nothing of it is left");
    node.sh("test ! -e /var/lib/vz/images/1001").unwrap();
    // The id is free, and the new guest has nothing of the former one.
    qm(&node, "clone 9000 1001 --name second");
    qm(
        &node,
        "set 1001 --ipconfig0 ip=192.168.77.72/24,gw=192.168.77.254",
    );
    assert_eq!(qm(&node, "start 1001").0, 0);
    let guest = lab.guest(1001);
    guest.wait_agent().unwrap();
    assert_eq!(guest.sh("hostname").unwrap(), "second");
    assert!(guest.sh("test ! -e /root/file").is_ok());
}

#[test]
fn faults_leave_what_proxmox_leaves() {
    let Some(lab) = lab() else { return };
    let node = lab.node();
    let fails = Fault::CloneFails { percent: 40 };
    node.switch_on(&fails).unwrap();
    let (code, _, stderr) = qm(&node, "clone 9000 1001 --full 1");
    assert!(
        code == 255 && stderr.starts_with("clone failed: copy failed: "),
        "{stderr}"
    );
    assert_eq!(qm(&node, "status 1001").0, 2, "Proxmox has cleaned up");
    node.switch_off(&fails).unwrap();

    let dies = Fault::CloneDies { percent: 40 };
    node.switch_on(&dies).unwrap();
    let (code, _, stderr) = qm(&node, "clone 9000 1001 --full 1");
    assert_eq!((code, stderr.as_str()), (255, "unexpected status\n"));
    assert!(qm(&node, "config 1001").1.contains("lock: clone\n"));
    assert_eq!(qm(&node, "start 1001").2, "VM is locked (clone)\n");
    assert_eq!(qm(&node, "destroy 1001").2, "VM is locked (clone)\n");
    node.switch_off(&dies).unwrap();
    assert_eq!(qm(&node, "unlock 1001").0, 0);
    assert_eq!(qm(&node, "destroy 1001").0, 0);

    node.switch_on(&Fault::NoQuorum).unwrap();
    for words in ["clone 9000 1001", "create 1002"] {
        let (code, _, stderr) = qm(&node, words);
        assert_eq!(
            (code, stderr.as_str()),
            (255, "cluster not ready - no quorum?\n")
        );
    }
    assert_eq!(
        qm(&node, "set 9000 --cores 1").0,
        13,
        "/etc/pve cannot be written"
    );
    node.switch_off(&Fault::NoQuorum).unwrap();
}

#[test]
fn a_running_clone_can_be_watched() {
    let Some(lab) = lab() else { return };
    let node = lab.node();
    node.switch_on(&Fault::SlowClone { step_millis: 300 })
        .unwrap();
    let copy = node.clone();
    let cloning = std::thread::spawn(move || qm(&copy, "clone 9000 1001 --full 1"));
    let limit = std::time::Duration::from_secs(30);
    node.wait("the clone's lock", limit, || {
        let config = node.qm("config 1001")?.stdout;
        Ok((!config.contains("lock: clone")).then_some(config))
    })
    .unwrap();
    // Its log grows while it runs, and its state says so.
    let log = node.sh("cat /var/log/pve/tasks/*/*qmclone*").unwrap();
    assert!(!log.contains("TASK OK"), "{log}");
    let upid = node.sh("ls /var/log/pve/tasks/* | grep qmclone").unwrap();
    let state = format!("/nodes/pve1/tasks/{}/status", upid.trim());
    let get = ["pvesh", "get", &state, "--output-format", "json"];
    assert!(
        node.run(&get)
            .unwrap()
            .stdout
            .contains(r#""status":"running""#)
    );
    assert_eq!(cloning.join().unwrap().0, 0);
    let ended = node.run(&get).unwrap().stdout;
    assert!(
        ended.contains(r#""exitstatus":"OK""#) && ended.contains("stopped"),
        "{ended}"
    );
}
