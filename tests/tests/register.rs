//! `phoenix register` and `unregister` on the fake node, with the real package: the hookscript file, foreign
//! hookscripts, storages that allow none, clones.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program: its panic is its report"
)]

use phoenix_tests::lab::Suite::Bookworm;
use phoenix_tests::lab::{GuestSpec, HOOKSCRIPT, Lab, LabSpec, Node, NodeSpec, Ran, packages};
use serde_json::Value;

const FOREIGN: &str = "local:snippets/foreign.sh";
const SNIPPETS: &str = "/var/lib/vz/snippets";

/// Says how it was called, and fails in pre-start when told so.
const SCRIPT: &str =
    "#!/bin/sh\necho foreign $1 $2\n[ $2 != pre-start ] || [ ! -e /root/refuse ] || exit 7\n";

const CONFIG: &str = r#"{"version": 1, "vms": [
    {"vmid": 1001, "name": "vm1001", "network_config": {"ip": "192.168.77.11/24", "gw": "192.168.77.254"}},
    {"vmid": 1002, "name": "vm1002", "network_config": {"ip": "192.168.77.12/24", "gw": "192.168.77.254"}}]}"#;

fn lab() -> Option<Lab> {
    let Some(package) = packages("phoenix-hook").pop() else {
        panic!("no package: make deb-lab, and set PHOENIX_DEB_DIR");
    };
    let guest = |vmid| GuestSpec::new(vmid, Bookworm).stopped().without_docker();
    let uuid = |last| format!("smbios1: uuid=00000000-0000-0000-0000-00000000000{last}");
    let foreign = format!("hookscript: {FOREIGN}");
    let spec = LabSpec::new()
        .guest_with(guest(1001).config(&uuid(1)))
        .guest_with(guest(1002).config(&foreign).config(&uuid(2)))
        .guest_with(GuestSpec::new(9000, Bookworm).without_docker().template())
        .node(NodeSpec::new().package(package));
    let lab = Lab::for_test(&spec)?;
    let node = lab.node();
    node.write("/etc/phoenix/phoenix_vm_configs.json", CONFIG, 0o600)
        .unwrap();
    node.write(&format!("{SNIPPETS}/foreign.sh"), SCRIPT, 0o755)
        .unwrap();
    Some(lab)
}

fn phoenix(node: &Node, words: &str) -> Ran {
    let argv: Vec<&str> = std::iter::once("phoenix")
        .chain(words.split_whitespace())
        .collect();
    node.run(&argv).unwrap()
}

fn ok(node: &Node, words: &str) -> String {
    let ran = phoenix(node, words);
    assert_eq!(ran.code, 0, "{words}: {} {}", ran.stdout, ran.stderr);
    ran.stdout
}

fn hookscript(node: &Node, vmid: u32) -> Option<String> {
    let config = node.qm(&format!("config {vmid}")).unwrap().stdout;
    config
        .lines()
        .find_map(|line| line.strip_prefix("hookscript: "))
        .map(str::to_owned)
}

fn start(node: &Node, vmid: u32) -> (i32, String) {
    let ran = node.qm(&format!("start {vmid}")).unwrap();
    (ran.code, ran.stdout)
}

#[test]
fn hookscripts_are_set_kept_and_given_back() {
    let Some(lab) = lab() else { return };
    let node = lab.node();
    let plan = phoenix(&node, "register --all --plan");
    assert_eq!(plan.code, 3, "{}", plan.stderr);
    assert!(
        plan.stdout
            .contains(&format!("1002: keep its hookscript {FOREIGN}")),
        "{}",
        plan.stdout
    );
    assert_eq!(hookscript(&node, 1001), None, "a plan changes nothing");

    ok(&node, "register --all");
    for vmid in [1001, 1002] {
        assert_eq!(hookscript(&node, vmid).as_deref(), Some(HOOKSCRIPT));
    }
    let again: Value = serde_json::from_str(&ok(&node, "register --all --json")).unwrap();
    let states: Vec<&Value> = again["guests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|guest| &guest["state"])
        .collect();
    assert_eq!(states, ["unchanged", "unchanged"]);
    assert_eq!(
        node.sh(&format!("stat -c %a {SNIPPETS}/phoenix-hook.d/1002"))
            .unwrap(),
        "600"
    );

    the_foreign_one_runs_first(&node);
    guests_start_without_the_program(&node);
    ok(&node, "unregister 1001 1002");
    assert_eq!(hookscript(&node, 1001), None);
    assert_eq!(hookscript(&node, 1002).as_deref(), Some(FOREIGN));
    node.sh(&format!("test ! -e {SNIPPETS}/phoenix-hook.d/1002"))
        .unwrap();
    assert!(ok(&node, "unregister 1001 1002").contains("1001 is not registered: nothing to do"));
    node.sh(&format!("test -x {SNIPPETS}/phoenix-hook.sh"))
        .unwrap();
}

fn the_foreign_one_runs_first(node: &Node) {
    // The foreign one runs first, and its refusal of a start stands.
    let (code, said) = start(node, 1002);
    assert_eq!(code, 0, "{said}");
    let first = said.lines().next().unwrap();
    assert_eq!(first, "foreign 1002 pre-start");
    assert!(
        said.contains("phoenix: 1002 pre-start queued as "),
        "{said}"
    );
    node.qm("stop 1002").unwrap();
    node.sh("touch /root/refuse").unwrap();
    let refused = node.qm("start 1002").unwrap();
    assert_eq!(refused.code, 255);
    assert!(
        refused.stderr.contains("failed: exit code 7"),
        "{}",
        refused.stderr
    );
    assert!(
        !refused.stdout.contains("phoenix:"),
        "Phoenix is not called for it: {}",
        refused.stdout
    );
    node.sh("rm /root/refuse").unwrap();
}

fn guests_start_without_the_program(node: &Node) {
    // Without the program guests start, with their own hookscript.
    node.sh("mv /usr/bin/phoenix-hook /usr/bin/away").unwrap();
    assert_eq!(
        start(node, 1002),
        (
            0,
            "foreign 1002 pre-start\nforeign 1002 post-start\n".into()
        )
    );
    assert_eq!(start(node, 1001), (0, String::new()));
    node.sh("mv /usr/bin/away /usr/bin/phoenix-hook").unwrap();
}

#[test]
fn a_clone_has_the_line_and_no_chain() {
    let Some(lab) = lab() else { return };
    let node = lab.node();
    node.qm(&format!("set 9000 --hookscript {FOREIGN}"))
        .unwrap();
    ok(&node, "register 9000");
    assert_eq!(node.qm("clone 9000 1005 --name copy").unwrap().code, 0);
    node.qm("set 1005 --ipconfig0 ip=192.168.77.75/24").unwrap();
    assert_eq!(
        hookscript(&node, 1005).as_deref(),
        Some(HOOKSCRIPT),
        "the line is copied"
    );
    let (code, said) = start(&node, 1005);
    assert_eq!(code, 0);
    assert!(
        said.contains("phoenix: 1005 ") && !said.contains("foreign"),
        "{said}"
    );
    node.qm("stop 1005").unwrap();
    assert!(ok(&node, "register 1005").contains("nothing to do"));
    ok(&node, "unregister 1005");
    assert_eq!(hookscript(&node, 1005), None);
    assert_eq!(
        hookscript(&node, 9000).as_deref(),
        Some(HOOKSCRIPT),
        "the template keeps its own"
    );

    // An id that is given to another guest does not run the former one's hookscript for long.
    ok(&node, "register 1002");
    node.qm("destroy 1002").unwrap();
    node.qm("clone 9000 1002").unwrap();
    assert!(ok(&node, "register 1002").contains("forget the hookscript kept for it"));
}

#[test]
fn what_stands_in_the_way_is_said() {
    let Some(lab) = lab() else { return };
    let node = lab.node();
    let storage = "dir: local\n\tpath /var/lib/vz\n\tcontent images,iso\n";
    node.write("/etc/pve/storage.cfg", storage, 0o600).unwrap();
    let ran = phoenix(&node, "register 1001");
    assert_eq!(ran.code, 2);
    let told = "storage local does not allow hookscripts: run again with --enable-snippets, or: pvesm set local \
        --content images,iso,snippets\n";
    assert_eq!(ran.stderr, format!("phoenix: {told}"));
    ok(&node, "register 1001 --enable-snippets");
    assert!(
        node.read("/etc/pve/storage.cfg")
            .unwrap()
            .contains("content images,iso,snippets\n")
    );
    assert_eq!(hookscript(&node, 1001).as_deref(), Some(HOOKSCRIPT));

    guests_that_cannot_be_changed_are_told(&node);
    the_file_can_be_proven(&node);
}

fn guests_that_cannot_be_changed_are_told(node: &Node) {
    // Guests that cannot be changed now, here, or at all; the others are served.
    node.qm("set 1002 --lock backup").unwrap();
    let ran = phoenix(node, "register 1001 1002 1099");
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("1002 is locked (backup)"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("Proxmox has no guest 1099"),
        "{}",
        ran.stderr
    );
    node.qm("unlock 1002").unwrap();
    node.sh(&format!("rm {SNIPPETS}/foreign.sh")).unwrap();
    let ran = phoenix(node, "register 1002");
    assert_eq!(ran.code, 5);
    assert!(
        ran.stderr.contains("qm set 1002 --delete hookscript"),
        "{}",
        ran.stderr
    );
    let config = "/etc/pve/nodes/pve2/qemu-server";
    node.sh(&format!(
        "mkdir -p {config}; mv /etc/pve/nodes/pve1/qemu-server/1002.conf {config}"
    ))
    .unwrap();
    node.sh("sed -i '/\"1002\"/,/}/s/pve1/pve2/' /etc/pve/.vmlist")
        .unwrap();
    let ran = phoenix(node, "register 1002");
    assert!(
        ran.code == 5 && ran.stderr.contains("on node pve2"),
        "{}",
        ran.stderr
    );
}

/// What doctor will ask for.
fn the_file_can_be_proven(node: &Node) {
    assert!(ok(node, "register 1001 --check").contains("phoenix-hook.sh: runs"));
    node.sh("mv /usr/bin/phoenix-hook /root/away").unwrap();
    let copy = node
        .run(&["/root/away", "register", "1001", "--check"])
        .unwrap();
    assert!(
        copy.code == 1 && copy.stderr.contains("is the package installed?"),
        "{}",
        copy.stderr
    );
    node.sh("mv /root/away /usr/bin/phoenix-hook").unwrap();
    node.sh(&format!("echo 'exit 0' > {SNIPPETS}/phoenix-hook.sh"))
        .unwrap();
    assert_eq!(phoenix(node, "register 1001 --check").code, 1);
    // A foreign file in its place is replaced.
    assert!(ok(node, "register 1001").contains("phoenix-hook.sh: installed"));
}
