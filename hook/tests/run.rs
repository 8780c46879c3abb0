//! `phoenix run` and `phoenix status` where nothing can be done in the guest.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod node;

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use node::Node;
use phoenix_hook::pve::vmlist::Kind;
use serde_json::Value;

const GUESTS: &str = r#"{"version": 1, "vms": [
    {"vmid": 1001, "name": "db", "nam": "x"},
    {"vmid": 1002, "name": "web", "features": ["docker"]},
    {"vmid": 1003, "name": "elsewhere"},
    {"vmid": 1004, "name": "nowhere"}
]}"#;

fn node() -> Node {
    let node = Node::new("pve1");
    std::fs::create_dir_all(node.path("etc/phoenix")).unwrap();
    let path = node.path("etc/phoenix/phoenix_vm_configs.json");
    std::fs::write(path, GUESTS).unwrap();
    node.add_guest(1001, Kind::Qemu, "pve1", "agent: 1\n");
    node.add_guest(1002, Kind::Qemu, "pve1", "agent: 1\n");
    node.add_guest(1003, Kind::Qemu, "pve2", "agent: 1\n");
    node
}

#[test]
fn a_guest_that_does_not_run_here_is_refused_up_front() {
    let node = node();
    for (vmid, wanted) in [
        ("1002", "guest 1002 is stopped: qm start 1002"),
        ("1003", "guest 1003 is on node pve2"),
        ("1004", "no guest 1004 on any node"),
    ] {
        let call = node.verb(&["run", vmid, "post-start"]);
        assert_eq!(call.exit, Some(1), "{}", call.stderr);
        assert!(call.stderr.contains(wanted), "{}", call.stderr);
    }
    assert!(!node.path("var/lib/phoenix/guests/1002.json").exists());
}

#[test]
fn deadlines_have_a_range() {
    let node = node();
    for wrong in ["0", "86401", "18446744073709551615"] {
        let call = node.verb(&["run", "1002", "post-start", "--deadline", wrong]);
        assert_eq!(call.exit, Some(2), "{}", call.stderr);
    }
}

#[test]
fn one_interrupt_ends_a_run_and_is_recorded() {
    let node = node();
    let _monitor = node.monitor(1002, "running");
    // An agent that never answers: the run waits.
    let agent = node.path("run/qemu-server/1002.qga");
    let _agent = std::os::unix::net::UnixListener::bind(agent).unwrap();
    let run = node.spawn_verb(&["run", "1002", "post-start"]);
    let record = node.path("var/lib/phoenix/guests/1002.json");
    let begin = Instant::now();
    while !record.exists() {
        assert!(begin.elapsed() < Duration::from_secs(20), "no record");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill(
        Pid::from_raw(i32::try_from(run.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("phoenix run 1002 post-start"), "{said}");
    let record: Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    assert_eq!(record["outcome"], "interrupted");
    assert_eq!(record["open"][0], "ended by Ctrl-C");
}

#[test]
fn a_mistake_in_one_entry_hides_neither_its_record_nor_the_others() {
    let node = node();
    node.call("1001", "post-start");
    assert_eq!(node.verb(&["worker"]).exit, Some(0));

    let one = node.verb(&["status", "1002"]);
    assert_eq!((one.exit, &*one.stderr), (Some(0), ""), "{}", one.stdout);
    assert!(!one.stdout.contains("nam"), "{}", one.stdout);
    let wrong = node.verb(&["status", "1001"]).stdout;
    assert!(
        wrong.contains("unknown_key") && wrong.contains("failed"),
        "{wrong}"
    );

    let all = node.verb(&["status"]);
    assert_eq!(all.exit, Some(1), "{}", all.stdout);
    let first = all.stdout.lines().next().unwrap();
    assert!(
        first.contains("phoenix_vm_configs.json:2:"),
        "{}",
        all.stdout
    );
    assert!(all.stdout.contains("web") && all.stdout.contains("1001"));

    let plan = node.verb(&["plan"]);
    assert_eq!(plan.exit, Some(1), "{}", plan.stderr);
    assert!(plan.stderr.contains("unknown_key"), "{}", plan.stderr);
    assert!(plan.stdout.contains("1002 web") && !plan.stdout.contains("1001"));
}

#[test]
fn without_a_configuration_there_is_nothing_to_show() {
    let node = Node::new("pve1");
    for verb in ["status", "plan"] {
        let call = node.verb(&[verb]);
        assert_eq!(call.exit, Some(2), "{verb}: {}", call.stdout);
        assert!(format!("{}{}", call.stdout, call.stderr).contains("phoenix_vm_configs.json"));
    }
}
