//! GPUs as generic resources of a real Swarm, with a double of nvidia-smi.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::time::Duration;

use phoenix_tests::agent::{facts, lab, nothing_done, work};
use phoenix_tests::lab::Guest;
use phoenix_tests::lab::Suite::{Bookworm, Trixie};
use serde_json::{Value, json};

const NVIDIA_SMI: &str =
    "#!/bin/sh\necho 'GPU-aaaa-1, NVIDIA A100'\necho 'GPU-bbbb-2, NVIDIA A100'\n";

fn apply(guest: &Guest, job: &str) -> Value {
    work(
        guest,
        job,
        &json!({"apply_guest": {"docker": {}, "gpu": {}}}),
    )
}

fn daemon_json(guest: &Guest) -> Value {
    serde_json::from_str(&guest.read("/etc/docker/daemon.json").unwrap()).unwrap()
}

#[test]
fn two_gpus_serve_two_of_three_replicas() {
    let Some(lab) = lab(&[(1001, Bookworm), (1002, Trixie)]) else {
        return;
    };
    for vmid in [1001, 1002] {
        let guest = lab.guest(vmid);
        let before = daemon_json(&guest);
        let none = apply(&guest, "none");
        let warning = none["succeeded"]["warnings"][0].as_str().unwrap();
        assert!(warning.contains("no GPU; the label stays"), "{none}");

        guest
            .write("/usr/bin/nvidia-smi", NVIDIA_SMI, 0o755)
            .unwrap();
        let state = apply(&guest, "offer");
        let change = &state["succeeded"]["changes"][0];
        assert_eq!(
            change["fields"][0]["after"], "NVIDIA-GPU=GPU-aaaa-1, NVIDIA-GPU=GPU-bbbb-2",
            "{state}"
        );
        assert_eq!(change["fields"][1]["field"], "Docker");
        let after = daemon_json(&guest);
        assert_eq!(after["insecure-registries"], before["insecure-registries"]);
        assert_eq!(apply(&guest, "again"), nothing_done());
        assert_eq!(facts(&guest)["gpus"]["known"].as_array().unwrap().len(), 2);
        three_replicas_want_one_gpu_each(&guest);
    }
}

fn three_replicas_want_one_gpu_each(guest: &Guest) {
    guest
        .sh(
            "tar -cC / bin/busybox | docker import - lab/busybox > /dev/null; \
             docker swarm init --default-addr-pool 10.200.0.0/16 > /dev/null; \
             docker service create --detach --quiet --no-resolve-image --name model --replicas 3 \
             --generic-resource NVIDIA-GPU=1 lab/busybox /bin/busybox sleep 1000",
        )
        .unwrap();
    let settled = guest.wait(
        "two tasks to run and one to wait",
        Duration::from_mins(1),
        || {
            let mut states = guest.sh(
                "docker service ps model --format '{{.CurrentState}}' | cut -d' ' -f1 | sort",
            )?;
            states.retain(|letter| letter != '\r');
            Ok((states != "Pending\nRunning\nRunning").then_some(states))
        },
    );
    settled.unwrap();
    // Each task has a GPU of its own.
    let given = guest
        .sh("for id in $(docker ps -q); do docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' $id; done \
             | grep DOCKER_RESOURCE | sort")
        .unwrap();
    assert_eq!(
        given,
        "DOCKER_RESOURCE_NVIDIA-GPU=GPU-aaaa-1\nDOCKER_RESOURCE_NVIDIA-GPU=GPU-bbbb-2"
    );
}

#[test]
fn a_configuration_that_is_no_json_is_not_touched() {
    let Some(lab) = lab(&[(1001, Trixie)]) else {
        return;
    };
    let guest = lab.guest(1001);
    guest
        .write("/usr/bin/nvidia-smi", NVIDIA_SMI, 0o755)
        .unwrap();
    guest
        .write("/etc/docker/daemon.json", "{ # mine\n}", 0o644)
        .unwrap();
    let state = apply(&guest, "refused");
    assert_eq!(state["failed"]["kind"], "refused", "{state}");
    assert_eq!(
        guest.read("/etc/docker/daemon.json").unwrap(),
        "{ # mine\n}"
    );
    // dockerd itself checks what would be written.
    guest
        .write("/etc/docker/daemon.json", r#"{"log-level": 7}"#, 0o644)
        .unwrap();
    let state = apply(&guest, "invalid");
    assert_eq!(state["failed"]["kind"], "refused", "{state}");
    assert_eq!(guest.sh("ls -A /etc/docker").unwrap(), "daemon.json");
}
