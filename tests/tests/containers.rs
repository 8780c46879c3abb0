//! Containers of Proxmox, served over `pct exec`: the same start event, another road into the guest.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::time::Duration;

use phoenix_tests::estate::Estate;
use phoenix_tests::lab::{GuestSpec, Lab, LabSpec, Node, NodeSpec, Ran, Suite, packages};

const GUESTS: &str = r#"{
    "vms": [{ "vmid": 1203, "name": "wrong", "features": ["docker"] }],
    "containers": [
        { "vmid": 1201, "name": "ct1201", "features": ["base_setup", "docker"], "user_config": { "username": "phoenix_user" } },
        { "vmid": 1202, "name": "ct1202", "features": ["docker"] }
    ]
}"#;

fn pct(node: &Node, argv: &[&str], stdin: &str) -> Ran {
    let argv = [&["pct"][..], argv].concat();
    let command = node.command(&argv).unwrap().stdin(stdin);
    command.deadline(Duration::from_mins(2)).run().unwrap()
}

fn up() -> Option<Estate> {
    let package = packages("phoenix-hook").pop().unwrap();
    let container = |vmid| GuestSpec::new(vmid, Suite::Bookworm).stopped().hooked();
    let bare = container(1202)
        .config("rootfs: local:1202/vm-1202-disk-0.raw,size=4G")
        .config("unprivileged: 1");
    let spec = LabSpec::new()
        .guest_with(container(1201).container(false))
        .guest_with(bare)
        .guest_with(container(1203).container(false))
        .node(NodeSpec::new().package(package));
    let lab = Lab::for_test(&spec)?;
    let node = lab.node();
    node.sh("mkdir -p /etc/phoenix").unwrap();
    node.write("/etc/phoenix/phoenix_vm_configs.json", GUESTS, 0o644)
        .unwrap();
    Some(Estate(lab))
}

#[test]
fn a_container_is_set_up_by_its_start_event() {
    let Some(estate) = up() else { return };
    let node = estate.0.node();
    let off = pct(&node, &["exec", "1201", "--", "true"], "");
    assert_eq!(
        (off.code, off.stderr.as_str()),
        (255, "container '1201' not running!\n")
    );

    let started = pct(&node, &["start", "1201"], "");
    assert!(
        started.success() && started.stdout.contains("1201 post-start queued"),
        "{started:?}"
    );
    let watched = estate.phoenix("status 1201 --watch").unwrap();
    assert!(
        watched.stdout.contains("converged"),
        "{}{}",
        watched.stdout,
        watched.stderr
    );
    let inside = "id -un phoenix_user; docker info --format {{.ServerVersion}}; phoenix-guest-agent --version";
    let seen = pct(&node, &["exec", "1201", "--", "sh", "-c", inside], "");
    assert!(
        seen.success() && seen.stdout.starts_with("phoenix_user\n20.10"),
        "{seen:?}"
    );
    let again = estate.phoenix("run 1201 post-start").unwrap();
    assert!(
        again.stdout.contains("nothing written"),
        "{}{}",
        again.stdout,
        again.stderr
    );

    the_double_is_true_to_the_recordings(&node);
    what_cannot_be_done_is_said(&estate);
    let stopped = pct(&node, &["stop", "1201"], "");
    assert!(
        stopped.stdout.contains("1201 post-stop queued"),
        "{stopped:?}"
    );
    let gone = estate.phoenix("run 1201 post-start").unwrap();
    assert_eq!(gone.code, 1, "{}{}", gone.stdout, gone.stderr);
}

fn the_double_is_true_to_the_recordings(node: &Node) {
    for (argv, code, stdout) in [
        (&["sh", "-c", "exit 42"][..], 42, ""),
        (&["sh", "-c", "kill -KILL $$"], 137, ""),
        (&["cat"], 0, "in\n"),
        (&["nosuchcommand"], 127, ""),
    ] {
        let ran = pct(node, &[&["exec", "1201", "--"], argv].concat(), "in\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (code, stdout), "{argv:?}");
    }
    let bare = pct(node, &["exec", "1201", "--keep-env", "0", "--", "env"], "");
    assert!(
        bare.stdout.contains("container=lxc\n") && !bare.stdout.contains("HOME="),
        "{bare:?}"
    );
    for (vmid, code, said) in [
        ("1202", 255, "container '1202' not running!"),
        ("999", 2, "lxc/999.conf' does not exist"),
    ] {
        let ran = pct(node, &["exec", vmid, "--", "true"], "");
        assert!(ran.code == code && ran.stderr.contains(said), "{ran:?}");
    }
    // Proxmox's lock is held by a hook; `exec` does not ask for it.
    let held = "mkdir -p /run/lock/lxc; flock /run/lock/lxc/pve-config-1201.lock sh -c 'pct exec 1201 -- echo free; pct stop 1201'; true";
    let said = node.command(&["sh", "-c", held]).unwrap().run().unwrap();
    assert!(said.stdout.starts_with("free\n"), "{said:?}");
    assert!(said.stderr.contains("got timeout"), "{said:?}");
}

fn what_cannot_be_done_is_said(estate: &Estate) {
    for (vmid, wanted) in [
        (1202, "Docker in a container needs nesting"),
        (1203, "declare guest 1203 under \"containers\""),
    ] {
        assert!(pct(&estate.0.node(), &["start", &vmid.to_string()], "").success());
        let plan = estate.phoenix(&format!("plan {vmid}")).unwrap();
        assert!(
            plan.stdout.contains(wanted),
            "{}{}",
            plan.stdout,
            plan.stderr
        );
    }
}
