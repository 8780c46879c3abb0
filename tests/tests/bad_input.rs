//! Wrong configurations and guests that are away, forbidding or hostile: a clear line that names the object and
//! the next step, a truthful exit code, and a VM that starts all the same.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::time::{Duration, Instant};

use phoenix_tests::estate::{Estate, demo_configuration};

const GUESTS: &str = "/etc/phoenix/phoenix_vm_configs.json";

struct Case {
    estate: Estate,
}

impl Case {
    fn up() -> Option<Self> {
        Estate::for_test().map(|estate| Self { estate })
    }

    /// `phoenix <words>` must end with `code` and say each of `wanted` on either stream.
    fn phoenix(&self, words: &str, code: i32, wanted: &[&str]) {
        let ran = self.estate.phoenix(words).unwrap();
        let said = ran.stdout + &ran.stderr;
        assert_eq!(ran.code, code, "phoenix {words}: {said}");
        for text in wanted {
            assert!(
                said.contains(text),
                "phoenix {words}: no {text:?} in {said}"
            );
        }
        assert!(
            !said.contains(['\u{1b}', '\u{7}']),
            "raw control characters: {said:?}"
        );
    }

    /// What became of the newest event, as the flight recorder says.
    fn last_event(&self, wanted: &str) {
        let begin = Instant::now();
        loop {
            let events = self.estate.phoenix("events").unwrap().stdout;
            if events.contains(wanted) {
                return;
            }
            assert!(
                begin.elapsed() < Duration::from_mins(1),
                "no {wanted:?} in {events}"
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn write_guests(&self, text: &str) {
        self.estate.0.node().write(GUESTS, text, 0o644).unwrap();
    }

    fn restore(&self) {
        self.estate.configure(&demo_configuration()).unwrap();
    }
}

/// The declared guests with one text replaced.
fn guests_with(from: &str, to: &str) -> String {
    let path = demo_configuration().join("phoenix_vm_configs.json");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from));
    text.replace(from, to)
}

#[test]
fn a_wrong_configuration_is_named_and_starts_no_work_but_every_vm() {
    let Some(case) = Case::up() else { return };
    for (text, wanted) in [
        (
            "{ \"version\": 1,\n  \"vms\": [ { \"vmid\": 1001,, ] }".to_owned(),
            &["phoenix_vm_configs.json:2:"][..],
        ),
        (
            guests_with("\"swarm_role\": \"worker\"", "\"swarm_rolle\": \"worker\""),
            &["phoenix_vm_configs.json:20:", "swarm_rolle", "swarm_role"],
        ),
        (
            guests_with(
                "\"name\": \"hello\", \"environment\": \"dev1\"",
                "\"name\": \"helo\", \"environment\": \"dev1\"",
            ),
            &["helo", "hello"],
        ),
    ] {
        case.write_guests(&text);
        case.phoenix("run 1002 post-start", 2, wanted);
        case.phoenix("validate", 2, wanted);
    }
    // Proxmox starts the VM, the event is recorded with the reason, nothing was done to the guest.
    let said = case.estate.start(1002).unwrap();
    assert!(said.contains("queued"), "{said}");
    case.last_event("unknown_stack");
    let guest = case.estate.0.guest(1002);
    guest.wait_agent().unwrap();
    assert!(
        !guest
            .run(&["test", "-e", "/usr/bin/phoenix-guest-agent"])
            .unwrap()
            .success()
    );
    case.phoenix(
        "run 1003 post-start",
        2,
        &["guest 1003 is not configured", "phoenix_vm_configs.json"],
    );
    case.phoenix("run 1002 pre-stop", 2, &["post-start"]);
    case.phoenix("run ../1 post-start", 2, &["not a vmid"]);
}

#[test]
fn a_missing_file_of_a_stack_blocks_that_stack_alone() {
    let Some(case) = Case::up() else { return };
    let node = case.estate.0.node();
    node.sh("rm /etc/phoenix/stacks/hello/dev1.txt").unwrap();
    case.estate.start(1001).unwrap();
    case.estate.start(1002).unwrap();
    case.last_event("dev1.txt");
    let state = case.estate.swarm_state().unwrap().join("\n");
    assert!(
        state.contains("service production_hello_web/replicated/1/1"),
        "{state}"
    );
    assert!(!state.contains("dev1_hello"), "{state}");
    case.phoenix("run 1002 post-start", 1, &["stack dev1_hello", "dev1.txt"]);
    case.phoenix("status", 1, &["blocked", "dev1.txt"]);
    case.restore();
    case.phoenix("run 1002 post-start", 0, &["converged"]);
}

#[test]
fn a_guest_that_cannot_be_reached_is_told_apart_by_what_to_do() {
    let Some(case) = Case::up() else { return };
    let node = case.estate.0.node();
    node.sh("systemctl stop phoenix-worker.path").unwrap();
    case.phoenix(
        "run 1001 post-start",
        1,
        &["guest 1001 is stopped: qm start 1001"],
    );
    case.estate.start(1001).unwrap();
    let guest = case.estate.0.guest(1001);
    guest.wait_agent().unwrap();

    guest.stop_agent().unwrap();
    case.phoenix(
        "run 1001 post-start --deadline 6",
        4,
        &["guest 1001 cannot be reached", "no answer"],
    );

    guest.block_agent_commands("guest-exec").unwrap();
    case.phoenix(
        "run 1001 post-start --deadline 20",
        1,
        &["guest-exec", "switched off", "/etc/sysconfig/qemu-ga"],
    );

    // 16 MiB without an end, with escape sequences in it.
    let garbage = b"\x1b[2J\x07{\"return\": [".repeat(1 << 20);
    let hostile = guest.answer_as_agent(garbage).unwrap();
    let peak = "prlimit --as=268435456 phoenix run 1001 post-start --deadline 8; echo code=$?";
    let said = node.sh(&format!("{{ {peak}; }} 2>&1")).unwrap();
    assert!(
        said.contains("code=4") && said.contains("guest 1001"),
        "{said}"
    );
    assert!(
        !said.contains(['\u{1b}', '\u{7}']),
        "raw control characters: {said:?}"
    );
    drop(hostile);

    node.sh("rm /run/qemu-server/1001.qga; sed -i /^agent:/d /etc/pve/qemu-server/1001.conf")
        .unwrap();
    case.phoenix(
        "run 1001 post-start --deadline 6",
        1,
        &["no QEMU guest agent device", "qm set 1001 --agent 1"],
    );
}

#[test]
fn an_unknown_phase_and_a_missing_package_stop_no_vm() {
    let Some(case) = Case::up() else { return };
    let node = case.estate.0.node();
    let wrapper = "/var/lib/vz/snippets/phoenix-hook.sh";
    let said = node
        .sh(&format!("{wrapper} 1001 post-migrate 2>&1; echo code=$?"))
        .unwrap();
    assert!(
        said.contains("post-migrate") && said.contains("code=0"),
        "{said}"
    );
    node.sh("dpkg --remove phoenix-hook").unwrap();
    case.estate.start(1001).unwrap();
}
