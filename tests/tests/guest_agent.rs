//! The guest agent in real guests, over the real QEMU guest agent.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use phoenix_tests::lab::Suite::{self, Bookworm, Trixie};
use phoenix_tests::lab::{Guest, GuestSpec, Lab, LabSpec, program};
use serde_json::{Value, json};

const AGENT: &str = "/usr/bin/phoenix-guest-agent";

/// A lab with the agent in every guest.
fn lab(guests: &[(u32, Suite)]) -> Option<Lab> {
    let spec = guests.iter().fold(LabSpec::new(), |spec, (vmid, suite)| {
        spec.guest(*vmid, *suite)
    });
    up(&spec)
}

fn up(spec: &LabSpec) -> Option<Lab> {
    let lab = Lab::for_test(spec)?;
    let agent = std::fs::read(program("phoenix-guest-agent").unwrap()).unwrap();
    for guest in lab.machines() {
        guest.wait_agent().unwrap();
        guest.write(AGENT, &agent, 0o755).unwrap();
    }
    Some(lab)
}

/// The outcome of a request, asked as the hypervisor asks.
fn ask(guest: &Guest, body: &Value) -> Value {
    let request = json!({"protocol": 1, "id": "test", "body": body}).to_string();
    let mut agent = guest.qga().unwrap();
    let arguments = json!({"path": AGENT, "arg": ["request"], "capture-output": true,
        "input-data": STANDARD.encode(request)});
    let pid = agent.ask("guest-exec", &arguments).unwrap()["pid"].clone();
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let status = agent
            .ask("guest-exec-status", &json!({ "pid": pid }))
            .unwrap();
        if status["exited"] == true {
            assert_eq!(status["exitcode"], 0, "{status}");
            assert!(
                status["err-data"].is_null(),
                "logs go to the journal: {status}"
            );
            let output = STANDARD
                .decode(status["out-data"].as_str().unwrap())
                .unwrap();
            let mut response: Value = serde_json::from_slice(&output).unwrap();
            return response["outcome"].take();
        }
        assert!(Instant::now() < deadline, "no answer to {body}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn start(guest: &Guest, job: &str, work: &Value) -> Value {
    ask(guest, &json!({"job_start": {"job": job, "work": work}}))["ok"]["job_start"].take()
}

/// Waits for the end of a job.
fn end(guest: &Guest, job: &str) -> Value {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let mut outcome = ask(guest, &json!({"job_status": {"job": job, "after": 0}}));
        let state = outcome["ok"]["job_status"]["state"].take();
        if state != "running" {
            return state;
        }
        assert!(Instant::now() < deadline, "{job} does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn work(guest: &Guest, job: &str, work: &Value) -> Value {
    assert_eq!(start(guest, job, work), "started");
    end(guest, job)
}

fn facts(guest: &Guest) -> Value {
    ask(guest, &json!("facts"))["ok"]["facts"].take()
}

fn nothing_done() -> Value {
    json!({"succeeded": {"changes": [], "warnings": []}})
}

#[test]
fn facts_are_the_guests() {
    let Some(lab) = lab(&[(1001, Bookworm), (1002, Trixie)]) else {
        return;
    };
    for (vmid, version, api) in [(1001, "12", "1.41"), (1002, "13", "1.45")] {
        let guest = lab.guest(vmid);
        guest.wait_docker().unwrap();
        let facts = facts(&guest);
        let boot_id = guest.read("/proc/sys/kernel/random/boot_id").unwrap();
        assert_eq!(facts["boot_id"], boot_id.trim());
        assert_eq!(facts["hostname"], guest.hostname());
        assert_eq!(
            (&facts["os_id"], &facts["os_version"]),
            (&json!("debian"), &json!(version))
        );
        // Docker's bridge is no address of the guest.
        assert_eq!(
            facts["addresses"],
            json!([format!("{}/24", guest.address())])
        );
        let docker = &facts["docker"]["known"]["running"];
        assert_eq!(
            (&docker["api_version"], &docker["swarm"]),
            (&json!(api), &json!("inactive"))
        );
    }
}

#[test]
fn a_swarm_of_two_with_labels_and_nothing_twice() {
    let Some(lab) = lab(&[(1001, Bookworm), (1002, Trixie)]) else {
        return;
    };
    let (manager, worker) = (lab.guest(1001), lab.guest(1002));
    for guest in [&manager, &worker] {
        guest.wait_docker().unwrap();
    }
    let init = json!({"swarm_init": {"advertise_address": manager.address(),
        "default_address_pool": ["10.200.0.0/16"]}});
    assert!(work(&manager, "init", &init)["succeeded"].is_object());
    let token = ask(&manager, &json!({"swarm_token": "worker"}))["ok"]["swarm_token"].clone();
    let join = json!({"swarm_join": {"token": token, "advertise_address": worker.address(),
        "managers": [format!("{}:2377", manager.address())]}});
    let joined = work(&worker, "join", &join);
    assert_eq!(
        joined["succeeded"]["changes"][0]["verb"], "create",
        "{joined}"
    );
    let node = facts(&worker)["docker"]["known"]["running"]["swarm"]["worker"]["node_id"].take();
    let update = json!({"swarm_node_update": {"node_id": node, "set_labels": {"gpu": "true"},
        "remove_labels": [], "role": null, "availability": null}});
    let labelled = work(&manager, "label", &update);
    assert_eq!(
        labelled["succeeded"]["changes"][0]["subject"], "node vm1002",
        "{labelled}"
    );
    let view = ask(&manager, &json!("swarm_view"))["ok"]["swarm_view"].take();
    assert_eq!(view["default_address_pool"], json!(["10.200.0.0/16"]));
    let nodes = view["nodes"].as_array().unwrap();
    let seen = nodes.iter().find(|seen| seen["id"] == node).unwrap();
    assert_eq!(
        (&seen["labels"], &seen["state"]),
        (&json!({"gpu": "true"}), &json!("ready"))
    );
    let writes = || [manager.docker_writes(), worker.docker_writes()];
    let before = writes();
    for (guest, job, again) in [
        (&manager, "init-2", &init),
        (&worker, "join-2", &join),
        (&manager, "label-2", &update),
    ] {
        assert_eq!(work(guest, job, again), nothing_done(), "{job}");
    }
    assert_eq!(writes(), before, "the second time nothing is written");
}

#[test]
fn a_job_survives_the_agent_that_started_it() {
    let Some(lab) = lab(&[(1001, Bookworm)]) else {
        return;
    };
    let guest = lab.guest(1001);
    guest.wait_docker().unwrap();
    let token = format!("SWMTKN-1-{}-{}0", "0".repeat(50), "canary".repeat(4));
    // Docker tries for 20 s to reach a manager that does not exist.
    let join = json!({"swarm_join": {"token": token, "advertise_address": guest.address(),
        "managers": ["192.168.77.99:2377"]}});
    assert_eq!(start(&guest, "slow", &join), "started");
    guest.sh("systemctl restart qemu-guest-agent").unwrap();
    guest.wait_agent().unwrap();
    let busy = json!({"job": "slow", "work": "swarm_join"});
    assert_eq!(start(&guest, "other", &join), json!({ "busy": busy }));
    assert_eq!(start(&guest, "slow", &join), "attached");
    assert_eq!(facts(&guest)["running_jobs"], json!([busy]));
    let found = guest
        .sh("grep -rlE '(canary){4}' /run/phoenix-guest-agent /var/log || true")
        .unwrap();
    assert_eq!(found, "", "the token is on no disk");
    let state = end(&guest, "slow");
    assert_eq!(state["failed"]["kind"], "retryable", "{state}");
    assert_eq!(
        facts(&guest)["docker"]["known"]["running"]["swarm"],
        "inactive"
    );
    let units = guest
        .sh("systemctl list-units --all --no-legend 'phoenix-job-*'")
        .unwrap();
    assert_eq!(units.trim(), "", "no unit is left");
    let journal = guest
        .sh("journalctl -t phoenix-guest-agent -o cat")
        .unwrap();
    assert!(
        journal.contains("job slow failed: no manager answered"),
        "{journal}"
    );
}

#[test]
fn a_killed_job_is_lost_and_the_next_one_starts() {
    let Some(lab) = lab(&[(1001, Trixie)]) else {
        return;
    };
    let guest = lab.guest(1001);
    guest.wait_docker().unwrap();
    let token = format!("SWMTKN-1-{}-{}", "0".repeat(50), "a".repeat(25));
    let join = json!({"swarm_join": {"token": token, "advertise_address": guest.address(),
        "managers": ["192.168.77.99:2377"]}});
    assert_eq!(start(&guest, "slow", &join), "started");
    guest.sh("systemctl kill -s KILL phoenix-job-slow").unwrap();
    assert_eq!(end(&guest, "slow"), "lost");
    let leave = json!({"swarm_leave": {"force": true}});
    assert!(work(&guest, "leave", &leave)["succeeded"].is_object());
    assert_eq!(
        facts(&guest)["docker"]["known"]["running"]["swarm"],
        "inactive"
    );
}

/// A flat repository in the guest with two small packages; the second takes three seconds to install.
const REPOSITORY: &str = r#"set -e
mkdir -p /srv/repo && cd /srv/repo && : > Packages
for name in phoenix-probe phoenix-slow; do
  mkdir -p "/tmp/$name/DEBIAN"
  printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' \
    "$name" > "/tmp/$name/DEBIAN/control"
  if [ "$name" = phoenix-slow ]; then
    printf '#!/bin/sh\nsleep 3\n' > "/tmp/$name/DEBIAN/postinst"; chmod 755 "/tmp/$name/DEBIAN/postinst"
  fi
  dpkg-deb -b "/tmp/$name" "$name.deb" > /dev/null
  cat "/tmp/$name/DEBIAN/control" >> Packages
  printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' "$name" "$(stat -c %s "$name.deb")" \
    "$(sha256sum "$name.deb" | cut -d' ' -f1)" >> Packages
done
echo 'deb [trusted=yes] file:/srv/repo ./' > /etc/apt/sources.list"#;

#[test]
fn base_setup_by_real_apt_and_useradd() {
    let Some(lab) = lab(&[(1001, Bookworm), (1002, Trixie)]) else {
        return;
    };
    let spec = json!({"apply_guest": {"base_setup": {"username": "phoenix", "timezone": "Europe/Berlin",
        "ssh_authorized_keys": ["ssh-ed25519 AAAA me"], "packages": ["phoenix-probe", "bash"]},
        "docker": {}}});
    for vmid in [1001, 1002] {
        let guest = lab.guest(vmid);
        guest.wait_docker().unwrap();
        guest.sh(REPOSITORY).unwrap();
        // Another dpkg is at work.
        guest.sh("setsid dpkg -i /srv/repo/phoenix-slow.deb > /dev/null 2>&1 < /dev/null & sleep 0.5").unwrap();
        let state = work(&guest, "apply", &spec);
        assert_eq!(
            state["succeeded"]["changes"].as_array().unwrap().len(),
            4,
            "{state}"
        );
        let seen = guest
            .sh("dpkg-query -W -f '${Status} ' phoenix-probe phoenix-slow; stat -c '%U %a' \
                 ~phoenix/.ssh ~phoenix/.ssh/authorized_keys; readlink /etc/localtime; touch /run/mark")
            .unwrap();
        assert_eq!(
            seen,
            "install ok installed install ok installed phoenix 700\nphoenix 600\n\
             /usr/share/zoneinfo/Europe/Berlin"
        );
        assert_eq!(work(&guest, "again", &spec), nothing_done());
        let newer = guest
            .sh(
                "find / -xdev -newer /run/mark -not -path '/run/*' -not -path '/var/log/*' \
                 -not -path '/proc/*' -not -path '/sys/*' -not -path '/dev/*' -type f",
            )
            .unwrap();
        assert_eq!(newer, "", "a second run writes no file");
        assert_eq!(guest.docker_writes(), [""; 0]);
    }
}

#[test]
fn docker_that_does_not_run_is_enabled_and_started() {
    for suite in Suite::ALL {
        let spec = LabSpec::new().guest_with(GuestSpec::new(1001, suite).without_docker());
        let Some(lab) = up(&spec) else { return };
        let guest = lab.guest(1001);
        // The lab masks Docker where it shall not run.
        let unmask = "systemctl unmask docker.socket docker.service containerd.service && \
                      systemctl disable docker.socket docker.service";
        guest.sh(unmask).unwrap();
        assert_eq!(facts(&guest)["docker"], json!({"known": "stopped"}));
        let docker = json!({"apply_guest": {"docker": {}}});
        let state = work(&guest, "apply", &docker);
        assert_eq!(
            state["succeeded"]["changes"][0]["subject"], "service docker",
            "{state}"
        );
        assert!(facts(&guest)["docker"]["known"]["running"].is_object());
        let enabled = guest
            .sh("systemctl is-enabled docker.socket docker.service")
            .unwrap();
        assert_eq!(enabled, "enabled\nenabled");
        assert_eq!(work(&guest, "again", &docker), nothing_done());
    }
}

#[test]
fn a_mirror_that_is_down_is_said() {
    let Some(lab) = lab(&[(1001, Bookworm)]) else {
        return;
    };
    let guest = lab.guest(1001);
    guest
        .sh("echo 'deb http://192.168.77.99/debian bookworm main' > /etc/apt/sources.list")
        .unwrap();
    let state = work(
        &guest,
        "apply",
        &json!({"apply_guest": {"base_setup": {"packages": ["phoenix-probe"]}}}),
    );
    assert_eq!(state["failed"]["kind"], "retryable", "{state}");
    let messages = state["failed"]["messages"].to_string();
    assert!(messages.contains("update failed"), "{messages}");
}

/// Turns the guest's own Docker packages back into files of a flat repository and removes them.
const DOCKER_REPOSITORY: &str = r#"set -e
mkdir -p /srv/repo && cd /srv/repo && : > Packages
for name in docker.io docker-cli; do
  dpkg-query -s "$name" > /dev/null 2>&1 || continue
  root="/tmp/$name"; mkdir -p "$root/DEBIAN"
  dpkg -L "$name" | while read -r path; do
    # Documentation is left out of the lab's trees.
    if [ -d "$path" ]; then mkdir -p "$root$path"; elif [ -e "$path" ]; then cp -a "$path" "$root$path"; fi
  done
  dpkg-query -s "$name" | sed -e '/^Status:/d' -e '/^Conffiles:/,/^[^ ]/{/^Conffiles:/d;/^ /d}' \
    > "$root/DEBIAN/control"
  for script in preinst postinst prerm postrm conffiles; do
    [ ! -e "/var/lib/dpkg/info/$name.$script" ] || cp "/var/lib/dpkg/info/$name.$script" "$root/DEBIAN/$script"
  done
  dpkg-deb -Znone -b "$root" "$name.deb" > /dev/null
  cat "$root/DEBIAN/control" >> Packages
  printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' "$name" "$(stat -c %s "$name.deb")" \
    "$(sha256sum "$name.deb" | cut -d' ' -f1)" >> Packages
done
systemctl stop docker.service docker.socket
dpkg -r --force-depends docker.io docker-cli > /dev/null 2>&1 || true
[ ! -e /usr/sbin/dockerd ]"#;

#[test]
fn docker_is_installed_from_the_guests_own_mirror() {
    let Some(lab) = lab(&[(1001, Bookworm), (1002, Trixie)]) else {
        return;
    };
    let docker = json!({"apply_guest": {"docker": {}}});
    for vmid in [1001, 1002] {
        let guest = lab.guest(vmid);
        guest.wait_docker().unwrap();
        guest.sh(DOCKER_REPOSITORY).unwrap();
        // The mirror is down: nothing is half done.
        guest
            .sh("echo 'deb http://192.168.77.99/debian x main' > /etc/apt/sources.list")
            .unwrap();
        let state = work(&guest, "down", &docker);
        assert_eq!(state["failed"]["kind"], "retryable", "{state}");
        guest
            .sh("echo 'deb [trusted=yes] file:/srv/repo ./' > /etc/apt/sources.list")
            .unwrap();
        let plan = ask(&guest, &json!({"plan_guest": {"docker": {}}}))["ok"]["plan_guest"].take();
        assert_eq!(plan[0]["subject"], "package docker.io", "{plan}");
        let state = work(&guest, "install", &docker);
        assert_eq!(state["succeeded"]["changes"], plan, "{state}");
        let seen = facts(&guest);
        assert!(seen["docker"]["known"]["running"].is_object(), "{seen}");
        let enabled = guest
            .sh("systemctl is-enabled docker.socket docker.service")
            .unwrap();
        assert_eq!(enabled, "enabled\nenabled");
        guest.sh("docker version > /dev/null").unwrap();
        assert_eq!(work(&guest, "again", &docker), nothing_done());
    }
}
