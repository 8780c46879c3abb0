//! The worker's unit: tight, and still able to do its work.

use phoenix_tests::lab::{GuestSpec, Lab, LabSpec, NodeSpec, Suite};

use super::archive::Archive;
use super::{bare_node, install};

const UNIT: &str = "/usr/lib/systemd/system/phoenix-worker.service";
/// Run in the worker's place: one line for each thing that it must, or must not, be able to do.
const PROBE: &str = r#"#!/bin/sh
try() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "$name: yes"; else echo "$name: no"; fi; }
try 'reads Proxmox configuration' cat /etc/pve/.vmlist
try 'reads its configuration' cat /etc/phoenix/probe.json
try 'reads the boot id' cat /proc/sys/kernel/random/boot_id
try 'sees other processes' cat /proc/1/status
try 'writes its state' touch /var/lib/phoenix/probe
try 'writes its locks' touch /run/phoenix/probe
try 'reaches a guest agent' perl -MSocket -e '
    socket(S, AF_UNIX, SOCK_STREAM, 0) and connect(S, sockaddr_un("/run/qemu-server/1001.qga")) or exit 1'
answer=$(echo input | systemd-run --quiet --pipe --wait --collect sh -c 'cat; grep CapBnd /proc/self/status; touch /etc/probe; exit 7')
[ $? -eq 7 ] && echo 'passes an exit code: yes'
case $answer in *input*CapBnd:*[1-9a-f]*) echo 'runs programs outside of the fence: yes';; esac
try 'writes /etc' touch /etc/fenced
try 'writes /usr' touch /usr/fenced
try 'mounts' mount -t tmpfs none /mnt
try 'makes namespaces' unshare --mount true
grep CapEff /proc/self/status
"#;

#[test]
fn exposure_is_at_most_two() {
    let Some((_lab, node)) = bare_node() else {
        return;
    };
    install(&node, &Archive::built("phoenix-hook"));
    node.sh(&format!(
        "systemd-analyze security --offline=yes --threshold=20 {UNIT}"
    ))
    .unwrap();
}

#[test]
fn the_fence_holds_and_leaves_room_for_the_work() {
    let spec = LabSpec::new()
        .guest_with(GuestSpec::new(1001, Suite::Bookworm).without_docker())
        .node(NodeSpec::new());
    let Some(lab) = Lab::for_test(&spec) else {
        return;
    };
    let node = lab.machine("pve1").unwrap();
    node.wait_running().unwrap();
    install(&node, &Archive::built("phoenix-hook"));
    node.write("/etc/phoenix/probe.json", "{}", 0o600).unwrap();
    node.write("/root/probe.sh", PROBE, 0o755).unwrap();
    let drop_in = "[Service]\nType=oneshot\nExecStart=\nExecStart=/root/probe.sh\nStandardOutput=file:/var/lib/phoenix/probe.out\n";
    node.write(
        "/etc/systemd/system/phoenix-worker.service.d/probe.conf",
        drop_in,
        0o644,
    )
    .unwrap();
    node.sh("systemctl daemon-reload && systemctl start phoenix-worker.service")
        .unwrap();
    assert_eq!(
        node.read("/var/lib/phoenix/probe.out").unwrap(),
        "reads Proxmox configuration: yes\n\
         reads its configuration: yes\n\
         reads the boot id: yes\n\
         sees other processes: yes\n\
         writes its state: yes\n\
         writes its locks: yes\n\
         reaches a guest agent: yes\n\
         passes an exit code: yes\n\
         runs programs outside of the fence: yes\n\
         writes /etc: no\n\
         writes /usr: no\n\
         mounts: no\n\
         makes namespaces: no\n\
         CapEff:\t0000000000000000\n"
    );
    node.sh("test -f /etc/probe").unwrap();
}
