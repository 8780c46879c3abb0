//! The main job: Proxmox's start event turns two bare guests into a Swarm with a stack in two environments.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::time::Duration;

use phoenix_tests::estate::{DEMO_STATE, Estate};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(3);

fn page(estate: &Estate, url: &str) -> String {
    estate.0.http_get(url).unwrap().text().trim().to_owned()
}

/// Version indexes of all services: they move with every write, also with an equal one.
fn versions(estate: &Estate) -> String {
    let ids = estate.0.guest(1001).docker("service ls -q").unwrap();
    let ids = ids.split_whitespace().collect::<Vec<_>>().join(" ");
    let format = "{{.Spec.Name}}={{.Version.Index}}";
    estate
        .0
        .guest(1001)
        .docker(&format!("service inspect --format {format} {ids}"))
        .unwrap()
}

#[test]
fn start_events_make_a_swarm_with_stacks_and_a_second_run_writes_nothing() {
    let Some(estate) = Estate::for_test() else {
        return;
    };
    // The worker first: it has to wait for its manager without anybody's help.
    let said = estate.start(1002).unwrap();
    assert!(
        said.contains("phoenix: 1002 post-start queued as "),
        "{said}"
    );
    estate.start(1001).unwrap();
    // As the task log advises; it ends when nothing is pending any more.
    let watched = estate.phoenix("status --watch").unwrap();
    assert!(watched.stdout.contains("1002"), "{}", watched.stderr);
    estate.wait_converged(LIMIT, |_| {}).unwrap();

    assert_eq!(estate.swarm_state().unwrap(), DEMO_STATE);
    assert_eq!(
        page(&estate, "http://192.168.77.12:8080/file"),
        "Hello from production."
    );
    assert_eq!(
        page(&estate, "http://192.168.77.12:8081/file"),
        "Hello from the dev1 environment."
    );
    labels_are_set(&estate);
    events_are_recorded(&estate);
    second_run_writes_nothing(&estate);
    a_change_by_hand_is_seen_and_mended(&estate);
}

fn labels_are_set(estate: &Estate) {
    let labels = estate
        .0
        .guest(1001)
        .sh("docker node inspect vm1002 --format '{{json .Spec.Labels}}'")
        .unwrap();
    let labels: Value = serde_json::from_str(&labels).unwrap();
    assert_eq!(labels["gpu"], "true");
    assert_eq!(labels["zone"], "lab");
    assert_eq!(labels["phoenix.vmid"], "1002");
}

fn events_are_recorded(estate: &Estate) {
    let events = estate.phoenix("events").unwrap().stdout;
    for phase in ["pre-start", "post-start"] {
        for vmid in ["1001", "1002"] {
            let told = |line: &str| line.contains(vmid) && line.contains(phase);
            assert!(events.lines().any(told), "{vmid} {phase} in {events}");
        }
    }
    let unit = estate
        .0
        .node()
        .sh("systemctl is-active phoenix-worker.path")
        .unwrap();
    assert_eq!(unit.trim(), "active");
}

/// Files of a guest outside of /run, logs and the engine's own that are newer than the marker.
fn newer_files(estate: &Estate, vmid: u32) -> String {
    let find = "find / -xdev -newer /root/marker -type f ! -path '/run/*' ! -path '/var/log/*' \
        ! -path '/var/lib/docker/*' ! -path '/var/lib/containerd/*' ! -path '/var/lib/systemd/*' \
        ! -path '/tmp/*' ! -path '/proc/*' ! -path '/sys/*' ! -path '/root/marker'";
    estate.0.guest(vmid).sh(find).unwrap()
}

fn second_run_writes_nothing(estate: &Estate) {
    for vmid in [1001, 1002] {
        estate
            .0
            .guest(vmid)
            .sh("touch /root/marker; sleep 0.05")
            .unwrap();
    }
    let before = (versions(estate), estate.docker_writes().len());
    for vmid in [1001, 1002] {
        let ran = estate.phoenix(&format!("run {vmid} post-start")).unwrap();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(
            ran.stdout.trim(),
            format!("{vmid}: converged (nothing to do, nothing written)")
        );
    }
    let plan = estate.phoenix("plan").unwrap();
    assert_eq!(plan.code, 0, "{}", plan.stdout);
    let after = (versions(estate), estate.docker_writes().len());
    assert_eq!(before, after);
    for vmid in [1001, 1002] {
        assert_eq!(newer_files(estate, vmid), "");
    }
}

fn a_change_by_hand_is_seen_and_mended(estate: &Estate) {
    let manager = estate.0.guest(1001);
    manager
        .docker("service update --detach --env-add VERSION=by-hand dev1_hello_web")
        .unwrap();
    manager
        .docker("node update --label-rm zone vm1002")
        .unwrap();
    let plan = estate.phoenix("plan 1002").unwrap();
    assert_eq!(plan.code, 3, "{}", plan.stdout);
    assert!(plan.stdout.contains("label zone=lab"), "{}", plan.stdout);
    let ran = estate.phoenix("run 1002 post-start").unwrap();
    assert_eq!(ran.code, 0, "{} {}", ran.stdout, ran.stderr);
    assert_eq!(
        page(estate, "http://192.168.77.12:8081/")
            .split_once(' ')
            .unwrap()
            .1,
        "dev1 1.1-rc"
    );
    assert_eq!(estate.phoenix("plan").unwrap().code, 0);
}
