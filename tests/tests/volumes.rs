//! NFS volumes in real guests, with real systemd and Docker. The kernel of this machine may have no NFS, so
//! `mount.nfs` is a double: it mounts a folder of a "server" under the share's name, or fails while that is down.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::time::Duration;

use phoenix_tests::agent::{ask, lab, nothing_done, work};
use phoenix_tests::lab::Guest;
use phoenix_tests::lab::Suite::{Bookworm, Trixie};
use serde_json::{Value, json};

/// The server's folder lies on a real file system, which an overlay needs.
const MOUNT_NFS: &str = r#"#!/bin/sh
server=/var/lib/containerd/nfs; share=$server/$(echo "$1" | tr '/: ' '___')
echo "$*" >> $server/calls
[ -e $server/up ] || { echo 'mount.nfs: Connection refused' >&2; exit 32; }
mkdir -p $share/empty $share/files $share/work
exec mount -i -t overlay "$1" "$2" -o "lowerdir=$share/empty,upperdir=$share/files,workdir=$share/work"
"#;
const FILES: &str = "/var/lib/containerd/nfs/nas__share_1001/files";
const POINT: &str = "/persistent-storage";
const LIMIT: Duration = Duration::from_mins(2);

fn spec(options: &str) -> Value {
    json!({"docker": {}, "volumes": [{"name": "data", "server": "nas", "path": "/share/1001",
        "mount_point": POINT, "options": options}]})
}

fn apply(guest: &Guest, job: &str, spec: &Value) -> Value {
    work(guest, job, &json!({ "apply_guest": spec }))
}

fn inspect(guest: &Guest, spec: &Value) -> Value {
    ask(guest, &json!({ "inspect_guest": spec }))["ok"]["inspect_guest"].take()
}

fn server(guest: &Guest, script: &str) {
    guest
        .sh(&format!("cd /var/lib/containerd/nfs && {script}"))
        .unwrap();
}

/// A container that is always restarted and writes to the volume all the time.
fn start_writer(guest: &Guest) {
    guest
        .sh(&format!(
            "tar -cC / bin/busybox | docker import - lab/busybox > /dev/null && docker run -d --name writer \
             --restart=always -v {POINT}:/data lab/busybox /bin/busybox sh -c \
             'while :; do echo line >> /data/log; sleep 0.2; done'"
        ))
        .unwrap();
}

/// The writer's file on the server grows.
fn wait_written(guest: &Guest) {
    let size = || guest.sh(&format!("stat -c %s {FILES}/log 2> /dev/null || echo 0"));
    let before = size().unwrap();
    let grows = guest.wait("the container to write", LIMIT, || {
        let now = size()?;
        Ok((now == before).then_some(now))
    });
    grows.unwrap();
}

fn boot(guest: &Guest) {
    guest.kill().unwrap();
    guest.start().unwrap();
    guest.wait_agent().unwrap();
}

#[test]
fn containers_start_on_mounted_volumes_only() {
    let Some(lab) = lab(&[(1001, Bookworm), (1002, Trixie)]) else {
        return;
    };
    for vmid in [1001, 1002] {
        let guest = lab.guest(vmid);
        guest
            .write("/usr/sbin/mount.nfs", MOUNT_NFS, 0o755)
            .unwrap();
        guest.sh("mkdir -p /var/lib/containerd/nfs").unwrap();

        // The server is down: said with mount's own words, and nothing is half done.
        let failed = apply(&guest, "down", &spec("hard"));
        assert_eq!(failed["failed"]["kind"], "retryable", "{failed}");
        let messages = failed["failed"]["messages"].to_string();
        assert!(messages.contains("Connection refused"), "{messages}");

        server(&guest, "touch up");
        let state = apply(&guest, "up", &spec("hard"));
        assert!(state["succeeded"].is_object(), "{state}");
        assert_eq!(apply(&guest, "again", &spec("hard")), nothing_done());
        let source = guest.sh(&format!("findmnt -no SOURCE {POINT}")).unwrap();
        assert_eq!(source, "nas:/share/1001");
        start_writer(&guest);
        wait_written(&guest);

        // A reboot needs no Phoenix.
        boot(&guest);
        guest.wait_docker().unwrap();
        wait_written(&guest);

        a_server_that_is_down_at_boot_keeps_containers_down(&guest);
        server(&guest, "touch up");
        guest.wait_docker().unwrap();
        wait_written(&guest);
        assert_eq!(apply(&guest, "after", &spec("hard")), nothing_done());
    }
}

fn a_server_that_is_down_at_boot_keeps_containers_down(guest: &Guest) {
    server(guest, "rm up; : > calls");
    boot(guest);
    // It is tried again and again, and Docker is asked for all the time.
    let tried = guest.wait("three tries to mount", LIMIT, || {
        let _ = guest.run(&["timeout", "2", "docker", "ps"])?;
        let calls = guest.sh("wc -l < /var/lib/containerd/nfs/calls")?;
        Ok((calls.parse::<u32>().unwrap_or(0) < 3).then_some(calls))
    });
    tried.unwrap();
    for unit in ["docker.service", "containerd.service"] {
        let state = guest.run(&["systemctl", "is-active", unit]).unwrap();
        assert_ne!(state.stdout.trim(), "active", "{unit}");
    }
    let processes = guest.processes().unwrap();
    assert!(!processes.contains("containerd-shim"), "{processes:?}");
    // Not even root leaves anything on the bare folder.
    let touched = guest.run(&["touch", &format!("{POINT}/log")]).unwrap();
    assert_ne!(touched.code, 0);
    assert_eq!(guest.sh(&format!("ls -A {POINT}")).unwrap(), "");
    let plan = inspect(guest, &spec("hard"));
    let fields = plan["changes"].to_string();
    assert!(fields.contains(r#""field":"mounted at""#), "{plan}");
}

#[test]
fn other_options_are_mounted_and_a_dropped_volume_goes() {
    let Some(lab) = lab(&[(1001, Trixie)]) else {
        return;
    };
    let guest = lab.guest(1001);
    guest
        .write("/usr/sbin/mount.nfs", MOUNT_NFS, 0o755)
        .unwrap();
    guest
        .sh("mkdir -p /var/lib/containerd/nfs; touch /var/lib/containerd/nfs/up")
        .unwrap();

    // Files on the bare folder would vanish under the mount.
    guest
        .sh(&format!("mkdir {POINT}; touch {POINT}/mine"))
        .unwrap();
    let refused = apply(&guest, "refused", &spec("hard"));
    assert_eq!(refused["failed"]["kind"], "refused", "{refused}");
    guest.sh(&format!("rm {POINT}/mine")).unwrap();
    assert!(apply(&guest, "first", &spec("hard"))["succeeded"].is_object());
    start_writer(&guest);
    wait_written(&guest);

    let plan = inspect(&guest, &spec("hard,noatime"));
    let change = &plan["changes"][0];
    assert_eq!(
        change["fields"],
        json!([
            {"field": "options", "before": "hard", "after": "hard,noatime"},
            {"field": "Docker", "before": "runs", "after": "restarted, with all containers"}
        ]),
        "{plan}"
    );
    let state = apply(&guest, "options", &spec("hard,noatime"));
    assert_eq!(state["succeeded"]["changes"], plan["changes"], "{state}");
    let calls = guest.read("/var/lib/containerd/nfs/calls").unwrap();
    assert!(
        calls.lines().last().unwrap().contains("hard,noatime"),
        "{calls}"
    );
    wait_written(&guest);
    a_dropped_volume_goes_when_nobody_uses_it(&guest);
}

fn a_dropped_volume_goes_when_nobody_uses_it(guest: &Guest) {
    let dropped = json!({"docker": {}, "volumes": []});
    let plan = inspect(guest, &dropped);
    assert_eq!(plan["changes"], json!([]), "{plan}");
    let notice = plan["notices"][0].as_str().unwrap();
    assert!(notice.contains("in use by busybox ("), "{notice}");
    guest.docker("rm -f writer").unwrap();
    let started = guest
        .sh("systemctl show -p ActiveEnterTimestampMonotonic docker")
        .unwrap();
    let state = apply(guest, "dropped", &dropped);
    assert!(state["succeeded"].is_object(), "{state}");
    assert_eq!(apply(guest, "nothing", &dropped), nothing_done());
    let now = guest
        .sh("systemctl show -p ActiveEnterTimestampMonotonic docker")
        .unwrap();
    assert_eq!(started, now, "Docker is not restarted for it");
    let left = guest
        .sh(&format!(
            "ls -A {POINT}; touch {POINT}/x && rm {POINT}/x; grep -c {POINT} /proc/self/mountinfo; \
             find /etc/systemd/system -name '*phoenix-volumes*' -o -name 'persistent*'"
        ))
        .unwrap_or_default();
    assert_eq!(
        left, "0",
        "the folder stays and can be used, nothing else is left"
    );
    assert!(
        guest
            .sh(&format!("cat {FILES}/log"))
            .unwrap()
            .contains("line")
    );
}
