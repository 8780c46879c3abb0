//! NFS volumes in real guests, with real systemd and Docker, and a double of `mount.nfs`.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::time::Duration;

use phoenix_tests::agent::{ask, lab, nothing_done, work};
use phoenix_tests::lab::Guest;
use phoenix_tests::lab::Suite::{Bookworm, Trixie};
use phoenix_tests::nfs::{NfsServer, files_of};
use serde_json::{Value, json};

const SHARE: &str = "nas:/share/1001";
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
    let files = files_of(SHARE);
    let size = || guest.sh(&format!("stat -c %s {files}/log 2> /dev/null || echo 0"));
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
        let server = NfsServer::install(&guest).unwrap();

        // The server is down: said with mount's own words, and nothing is half done.
        let failed = apply(&guest, "down", &spec("hard"));
        assert_eq!(failed["failed"]["kind"], "retryable", "{failed}");
        let messages = failed["failed"]["messages"].to_string();
        assert!(messages.contains("Connection refused"), "{messages}");

        server.start().unwrap();
        let state = apply(&guest, "up", &spec("hard"));
        assert!(state["succeeded"].is_object(), "{state}");
        assert_eq!(apply(&guest, "again", &spec("hard")), nothing_done());
        let source = guest.sh(&format!("findmnt -no SOURCE {POINT}")).unwrap();
        assert_eq!(source, SHARE);
        start_writer(&guest);
        wait_written(&guest);

        // A reboot needs no Phoenix.
        boot(&guest);
        guest.wait_docker().unwrap();
        wait_written(&guest);

        a_server_that_is_down_at_boot_keeps_containers_down(&guest, &server);
        server.start().unwrap();
        guest.wait_docker().unwrap();
        wait_written(&guest);
        assert_eq!(apply(&guest, "after", &spec("hard")), nothing_done());
    }
}

fn a_server_that_is_down_at_boot_keeps_containers_down(guest: &Guest, server: &NfsServer<'_>) {
    let before = server.calls().unwrap().len();
    server.stop().unwrap();
    boot(guest);
    // It is tried again and again, and Docker is asked for all the time.
    let tried = guest.wait("three tries to mount", LIMIT, || {
        let _ = guest.run(&["timeout", "2", "docker", "ps"])?;
        let calls = server.calls()?.len() - before;
        Ok((calls < 3).then(|| format!("{calls} tries")))
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
    let server = NfsServer::install(&guest).unwrap();
    server.start().unwrap();

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
    let calls = server.calls().unwrap();
    assert!(calls[calls.len() - 1].contains("hard,noatime"), "{calls:?}");
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
    let files = files_of(SHARE);
    assert!(
        guest
            .sh(&format!("cat {files}/log"))
            .unwrap()
            .contains("line")
    );
}
