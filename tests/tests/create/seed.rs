//! The two guests of the first plan: planned, made, and nothing the second time.

use serde_json::{Value, json};

use crate::estate::{declared_keys, wanted};
use crate::node::Node;

#[test]
fn the_plan_is_shown_field_by_field_and_nothing_is_done() {
    let node = Node::new();
    let before = node.kept();
    let planned = node.phoenix("create 1001 --dry-run");
    assert_eq!(planned.exit, Some(3), "{planned:?}");
    for line in [
        "1001 Portainer: would be made",
        "  ensure_vm_defined",
        "    + clone 9000 as 1001 (Portainer) on node pve1",
        "        cores: 2 -> 4",
        "        memory: 2048 -> 8192",
        "    + enlarge disk scsi0 from 8 to 32 GiB",
        "        ipconfig0: (not set) -> ip=10.0.0.101/24,gw=10.0.0.1",
        "    + start 1001",
    ] {
        assert!(planned.stdout.contains(line), "{line}: {}", planned.stdout);
    }
    // Nobody agreed.
    let asked = node.phoenix("create 1001 --machine-only");
    assert_eq!(asked.exit, Some(2), "{asked:?}");
    assert!(asked.stderr.contains("--yes"), "{asked:?}");
    assert!(node.kept() == before, "something was written");
}

#[test]
fn both_guests_are_made_and_a_second_run_writes_nothing() {
    let node = Node::new();
    for vmid in [1002, 1001] {
        let created = node.phoenix(&format!("create {vmid} --machine-only --yes"));
        assert_eq!(created.exit, Some(0), "{created:?}");
        for step in [
            "ensure_vm_defined: clone 9000",
            "apply_core_configurations: set name",
            "apply_core_configurations: enlarge disk scsi0",
            "apply_network_configurations: set ipconfig0, ciuser",
            "start_vm: start",
            ": 100 %",
        ] {
            let step = step.replace("set name", "set cores");
            assert!(created.stderr.contains(&step), "{step}: {}", created.stderr);
        }
        assert_eq!(declared_keys(&node.config(vmid)), wanted(vmid));
        assert!(node.runs(vmid));
    }
    node.settle();
    let before = node.kept();
    for vmid in [1001, 1002] {
        for verb in ["create", "converge"] {
            let again = node.phoenix(&format!("{verb} {vmid} --machine-only"));
            assert_eq!(again.exit, Some(0), "{again:?}");
            assert!(again.stdout.contains("nothing written"), "{again:?}");
        }
    }
    assert!(node.kept() == before, "the second run wrote something");
}

#[test]
fn what_changed_is_converged_and_what_needs_a_restart_is_told() {
    let node = Node::new();
    let created = node.phoenix("create 1001 --machine-only --yes");
    assert_eq!(created.exit, Some(0), "{created:?}");
    node.settle();
    // The running guest is changed by hand; its disk grows beyond what is declared.
    let qm = |words: &str| {
        let output = std::process::Command::new(node.pve.tool("qm"))
            .args(words.split(' '))
            .output();
        assert!(output.unwrap().status.success(), "qm {words}");
    };
    qm("set 1001 --cores 2 --onboot 0 --startup order=7,up=30");
    qm("resize 1001 scsi0 40G");
    let converged = node.phoenix("converge 1001 --machine-only --yes --json");
    assert_eq!(converged.exit, Some(0), "{converged:?}");
    let report: Value = serde_json::from_str(&converged.stdout).unwrap();
    assert_eq!(report["ending"]["outcome"], "converged", "{report}");
    let findings = report["ending"]["findings"].to_string();
    assert!(
        findings.contains("has 40 GiB and 32 are declared"),
        "{findings}"
    );
    let config = node.config(1001);
    assert_eq!(config["onboot"], json!(1));
    assert_eq!(
        config["startup"], "order=1,up=30",
        "what nobody declared is kept"
    );

    qm("set 1001 --memory 4096");
    let converged = node.phoenix("converge 1001 --machine-only --yes");
    assert_eq!(converged.exit, Some(0), "{converged:?}");
}

#[test]
fn a_guest_that_is_not_there_is_not_converged_and_a_container_not_made() {
    let node = Node::new();
    let absent = node.phoenix("converge 1001 --yes");
    assert_eq!(absent.exit, Some(1), "{absent:?}");
    assert!(absent.stderr.contains("phoenix create 1001"), "{absent:?}");
    let unknown = node.phoenix("create 4711 --yes");
    assert_eq!(unknown.exit, Some(2), "{unknown:?}");
}
