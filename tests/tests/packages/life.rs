//! Install, upgrade, remove, purge.

use phoenix_tests::lab::{Guest, GuestSpec, HOOKSCRIPT, Lab, LabSpec, Suite};

use super::archive::Archive;
use super::{bare_node, install};

const WRAPPER: &str = "/var/lib/vz/snippets/phoenix-hook.sh";

/// Mode, owner and name of each path, as `stat` prints them.
fn modes(machine: &Guest, paths: &str) -> String {
    machine.sh(&format!("stat -c '%a %U %n' {paths}")).unwrap()
}

/// The exit code of a call as Proxmox makes it.
fn call(node: &Guest, vmid: &str, phase: &str) -> i32 {
    node.run(&[WRAPPER, vmid, phase]).unwrap().code
}

#[test]
fn the_hypervisors_package_is_installed_and_touches_no_guest() {
    let Some((_lab, node)) = bare_node() else {
        return;
    };
    let said = install(&node, &Archive::built("phoenix-hook"));
    assert!(said.contains("no guest was touched"), "{said}");
    assert_eq!(
        modes(
            &node,
            "/usr/bin/phoenix-hook /etc/phoenix /etc/phoenix/secrets /var/lib/phoenix /var/lib/phoenix/queue /run/phoenix /var/lib/vz/snippets/phoenix-hook.sh"
        ),
        "755 root /usr/bin/phoenix-hook\n700 root /etc/phoenix\n700 root /etc/phoenix/secrets\n\
         700 root /var/lib/phoenix\n700 root /var/lib/phoenix/queue\n700 root /run/phoenix\n\
         755 root /var/lib/vz/snippets/phoenix-hook.sh"
    );
    assert_eq!(
        node.sh("readlink /usr/bin/phoenix").unwrap(),
        "phoenix-hook"
    );
    assert_eq!(
        node.sh("systemctl is-active phoenix-worker.path").unwrap(),
        "active"
    );
    assert_eq!(
        node.sh("systemctl is-enabled phoenix-worker.path").unwrap(),
        "enabled"
    );
    assert_eq!(
        node.sh("phoenix --version && dpkg-query -W -f '${Version}' phoenix-hook")
            .unwrap(),
        format!("phoenix {0}\n{0}", env!("CARGO_PKG_VERSION"))
    );
    let samples = "/usr/share/doc/phoenix-hook/examples";
    node.sh(&format!("test -f /etc/phoenix/schema/phoenix_vm_configs.schema.json && phoenix --config-dir {samples} validate"))
        .unwrap();
    node.sh("dpkg --verify phoenix-hook && ! systemctl is-failed phoenix-worker.service")
        .unwrap();
}

#[test]
fn it_carries_the_very_guest_package_that_was_built() {
    let hook = Archive::built("phoenix-hook");
    let carried = hook.member("usr/lib/phoenix/phoenix-guest-agent.deb");
    assert!(carried == Archive::built("phoenix-guest-agent").bytes());
    let version = hook.member("usr/lib/phoenix/phoenix-guest-agent.version");
    assert_eq!(
        String::from_utf8(version).unwrap().trim(),
        env!("CARGO_PKG_VERSION")
    );
}

#[test]
fn an_upgrade_keeps_what_the_operator_wrote_and_renews_the_wrapper() {
    let Some((_lab, node)) = bare_node() else {
        return;
    };
    let built = Archive::built("phoenix-hook");
    install(&node, &built);
    node.write("/etc/phoenix/phoenix_vm_configs.json", "[]", 0o600)
        .unwrap();
    node.write(
        "/var/lib/vz/snippets/phoenix-hook.d/1002",
        "/root/former.sh\n",
        0o600,
    )
    .unwrap();
    let text = node.read(WRAPPER).unwrap();
    node.write(WRAPPER, "#!/bin/sh\nexit 1\n", 0o755).unwrap();
    let worker = "systemctl show -p ActiveEnterTimestampMonotonic --value phoenix-worker.path";
    let watching_since = node.sh(worker).unwrap();

    let said = install(&node, &built.as_version("99.0"));
    assert!(!said.contains("Next:"), "{said}");
    assert_eq!(node.read(WRAPPER).unwrap(), text);
    assert_eq!(
        node.read("/etc/phoenix/phoenix_vm_configs.json").unwrap(),
        "[]"
    );
    assert_eq!(
        node.read("/var/lib/vz/snippets/phoenix-hook.d/1002")
            .unwrap(),
        "/root/former.sh\n"
    );
    assert_eq!(node.sh(worker).unwrap(), watching_since);
}

#[test]
fn removed_and_purged_it_stops_no_guest_from_starting() {
    let Some((lab, node)) = bare_node() else {
        return;
    };
    drop(lab.machines());
    install(&node, &Archive::built("phoenix-hook"));
    let config = "/etc/pve/nodes/pve1/qemu-server/1002.conf";
    node.write(
        config,
        format!("agent: 1\nhookscript: {HOOKSCRIPT}\n"),
        0o640,
    )
    .unwrap();

    let said = node.sh("dpkg --remove phoenix-hook 2>&1").unwrap();
    assert!(said.contains("from now on: 1002"), "{said}");
    assert_eq!(call(&node, "1002", "pre-start"), 0);
    assert!(
        !node
            .run(&["systemctl", "is-active", "phoenix-worker.path"])
            .unwrap()
            .success()
    );

    let said = node.sh("dpkg --purge phoenix-hook 2>&1").unwrap();
    assert!(
        said.contains("stay, since a guest without its hookscript does not start"),
        "{said}"
    );
    assert_eq!(call(&node, "1002", "pre-start"), 0);
    assert_eq!(
        node.sh("ls -d /etc/phoenix /var/lib/phoenix /run/phoenix 2>/dev/null || true")
            .unwrap(),
        ""
    );

    node.sh(&format!("rm {config}")).unwrap();
    install(&node, &Archive::built("phoenix-hook"));
    node.sh("dpkg --purge phoenix-hook").unwrap();
    assert_eq!(node.sh("ls -A /var/lib/vz/snippets").unwrap(), "");
}

#[test]
fn the_guests_package_runs_on_both_releases_and_keeps_what_portainer_needs() {
    let package = Archive::built("phoenix-guest-agent");
    let spec = Suite::ALL
        .into_iter()
        .zip(1001..)
        .fold(LabSpec::new(), |spec, (suite, vmid)| {
            spec.guest_with(GuestSpec::new(vmid, suite).without_docker())
        });
    let Some(lab) = Lab::for_test(&spec) else {
        return;
    };
    for guest in lab.machines() {
        guest.wait_running().unwrap();
        install(&guest, &package);
        let version =
            guest.sh("phoenix-guest-agent --version && dpkg --verify phoenix-guest-agent");
        assert_eq!(
            version.unwrap(),
            format!("phoenix-guest-agent {}", env!("CARGO_PKG_VERSION"))
        );
        install(&guest, &package.as_version("99.0"));
        let state = "/var/lib/phoenix-guest-agent";
        guest
            .write(
                &format!("{state}/portainer/admin_password"),
                "secret",
                0o600,
            )
            .unwrap();
        guest.write(&format!("{state}/other"), "", 0o600).unwrap();
        guest.sh("dpkg --purge phoenix-guest-agent").unwrap();
        assert_eq!(
            guest.sh(&format!("find {state} -type f")).unwrap(),
            format!("{state}/portainer/admin_password")
        );
    }
}
