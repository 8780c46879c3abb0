//! The hook form as Proxmox calls it: the real binary, a root folder of its own, every kind of trouble.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod node;

use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use node::Node;
use phoenix_hook::event::{Class, Trigger};
use phoenix_hook::pve::vmlist::Kind;

fn node_with_guest() -> Node {
    let node = Node::new("pve1");
    node.add_guest(1002, Kind::Qemu, "pve1", "agent: 1\nname: web\n");
    node
}

#[test]
fn all_phases_are_queued_in_one_line_each() {
    let node = node_with_guest();
    for (phase, class) in [
        ("pre-start", Class::Announced),
        ("post-start", Class::Start),
        ("pre-stop", Class::Stopping),
        ("post-stop", Class::Stopped),
    ] {
        let call = node.call("1002", phase);
        let event = node.take_only_event();
        assert_eq!(event.trigger.name(), phase);
        assert_eq!(event.class(), class);
        assert_eq!(
            call.stdout,
            format!(
                "phoenix: 1002 {phase} queued as {}; watch: phoenix status 1002 --watch\n",
                event.id
            )
        );
        assert_eq!((call.exit, &*call.stderr), (Some(0), ""));
    }
}

#[test]
fn an_event_says_what_was_seen() {
    let node = node_with_guest();
    node.add_guest(
        1003,
        Kind::Lxc,
        "pve1",
        "lock: backup\n[snap]\nlock: rollback\n",
    );
    node.call("1003", "pre-stop");
    let event = node.take_only_event();
    let facts = event.pve.known().unwrap();
    assert_eq!(facts.lock.as_deref(), Some("backup"));
    assert_eq!(facts.kind, Some(Kind::Lxc));
    assert_eq!(
        (&*facts.node, facts.owner.as_deref()),
        ("pve1", Some("pve1"))
    );
    assert_eq!(event.vmid.get(), 1003);
    assert_eq!(event.moment.boot_id.len(), 36);
    assert!(event.moment.boottime_ns > 0 && event.moment.unix_ms > 1_600_000_000_000);
    assert!(
        event
            .id
            .starts_with(&format!("{:020}-1003-pre-stop-", event.moment.boottime_ns))
    );
}

#[test]
fn an_empty_source_node_is_no_migration() {
    let node = node_with_guest();
    node.call_with("1002", "post-start", &[("PVE_MIGRATED_FROM", "")]);
    assert_eq!(node.take_only_event().class(), Class::Start);
    node.call_with("1002", "post-start", &[("PVE_MIGRATED_FROM", "pve2")]);
    let from = Some("pve2".to_owned());
    assert_eq!(node.take_only_event().class(), Class::Arrival { from });
}

#[test]
fn what_is_no_event_is_a_warning_and_success() {
    let node = node_with_guest();
    for (vmid, phase, wanted) in [
        ("1002", "no-such-phase", "unknown phase no-such-phase"),
        ("1002", "", "unknown phase"),
        ("1002", "reconcile", "unknown phase reconcile"),
        (
            "1002",
            "post-start\nforged: TASK OK\u{1b}[2J",
            "\\u{a}forged",
        ),
        ("5", "post-start", "5 is not a vmid"),
        ("99999999999999999999999", "post-start", "is not a vmid"),
    ] {
        let call = node.call(vmid, phase);
        assert_eq!(call.exit, Some(0), "{vmid} {phase}");
        assert!(
            call.stdout.starts_with("phoenix: warning: "),
            "{}",
            call.stdout
        );
        assert!(call.stdout.contains(wanted), "{}", call.stdout);
        assert_eq!(call.stdout.lines().count(), 1);
        assert_eq!(node.event_count(), 0);
    }
}

#[test]
fn a_guest_that_nobody_configured_is_queued_all_the_same() {
    let node = Node::new("pve1");
    assert_eq!(node.call("1002", "post-start").exit, Some(0));
    let event = node.take_only_event();
    assert_eq!(event.pve.known().unwrap().owner, None);
}

#[test]
fn without_a_readable_etc_pve_the_event_is_unclassified() {
    let node = node_with_guest();
    let vmlist = node.path("etc/pve/.vmlist");
    for (content, why) in [
        (vec![b'{'], "not what pmxcfs writes"),
        (vec![b' '; 2 << 20], "larger"),
    ] {
        std::fs::write(&vmlist, content).unwrap();
        node.call("1002", "post-start");
        assert_unclassified(&node, why);
    }
    std::fs::remove_file(&vmlist).unwrap();
    nix::unistd::mkfifo(&vmlist, nix::sys::stat::Mode::S_IRWXU).unwrap();
    node.call("1002", "post-start");
    assert_unclassified(&node, "not a regular file");
    std::fs::remove_dir_all(node.path("etc/pve")).unwrap();
    node.call("1002", "post-start");
    assert_unclassified(&node, "cannot read");
}

fn assert_unclassified(node: &Node, why: &str) {
    let event = node.take_only_event();
    assert_eq!(event.class(), Class::Unclassified);
    let text = format!("{:?}", event.pve);
    assert!(text.contains(why), "{text}");
}

#[test]
fn a_queue_that_takes_nothing_never_fails_the_start() {
    let node = node_with_guest();
    // A file where the folders should be: what a full or read-only disk is like for root as well.
    let state = node.path("var/lib/phoenix");
    std::fs::create_dir_all(state.parent().unwrap()).unwrap();
    std::fs::write(&state, b"").unwrap();
    let call = node.call("1002", "pre-start");
    assert_eq!(call.exit, Some(0));
    assert!(
        call.stdout
            .contains("warning: 1002 pre-start: nothing queued, go on with `phoenix run <vmid> <phase>`: cannot write"),
        "{}",
        call.stdout
    );
    assert_eq!(call.stdout.lines().count(), 1);
    std::fs::remove_file(&state).unwrap();
    assert_eq!(node.call("1002", "post-start").exit, Some(0));
    assert_eq!(node.take_only_event().trigger, Trigger::PostStart);
}

#[test]
fn a_full_disk_leaves_no_half_event() {
    let node = node_with_guest();
    let call = node.call_limited_to_file_size_of_zero("1002", "post-start");
    assert_eq!(call.exit, Some(0));
    assert!(call.stdout.contains("nothing queued"), "{}", call.stdout);
    assert_eq!(node.event_count(), 0);
    assert_eq!(
        std::fs::read_dir(node.path("var/lib/phoenix/tmp"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn closed_output_is_no_trouble() {
    let node = node_with_guest();
    assert_eq!(node.call_with_closed_output("1002", "post-start"), Some(0));
    node.take_only_event();
}

#[test]
fn the_task_around_the_call_is_found() {
    let node = node_with_guest();
    let upid = |kind: &str| format!("task UPID:pve1:00002203:000E171A:6B01267D:{kind}:root@pam:");
    node.call_below(
        &[&upid("startall:"), &upid("qmstart:1002")],
        "1002",
        "post-start",
    );
    let event = node.take_only_event();
    assert_eq!(event.task.kind.as_deref(), Some("qmstart"));
    assert_eq!(event.task.bulk, Some(phoenix_hook::event::Bulk::StartAll));
}

/// What the kernel saw: one program, one more thread, no socket, and the event synced before and after its rename.
#[test]
fn the_call_forks_nothing_and_opens_no_socket() {
    if !std::path::Path::new("/usr/bin/strace").exists() {
        println!("skipped: strace is not installed");
        return;
    }
    let node = node_with_guest();
    let trace = node.path("trace");
    let options = ["-f", "-qq", "-o", trace.to_str().unwrap()];
    node.call_traced(&options, "1002", "post-start");
    node.take_only_event();
    let trace = std::fs::read_to_string(trace).unwrap();
    let count = |call: &str| trace.lines().filter(|line| line.contains(call)).count();
    assert_eq!(count(" execve("), 1, "{trace}");
    assert_eq!(
        count(" fork(") + count(" vfork(") + count(" socket(") + count(" connect("),
        0
    );
    let new_tasks = trace.lines().filter(|line| line.contains(" clone"));
    assert!(
        new_tasks.clone().all(|line| line.contains("CLONE_THREAD")),
        "{trace}"
    );
    assert_eq!(new_tasks.count(), 1, "{trace}");
    assert_eq!((count(" fsync("), count(" rename(")), (2, 1), "{trace}");
}

#[test]
fn a_storm_is_queued_whole_and_each_call_is_short() {
    let node = node_with_guest();
    let started = Instant::now();
    let calls = 50;
    for _ in 0..calls {
        node.call("1002", "post-start");
    }
    let each = started.elapsed() / calls;
    assert!(each.as_millis() < 100, "{each:?} a call");
    assert_eq!(node.event_count(), 50);
    let mode = |path: &str| node.path(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("var/lib/phoenix/queue"), 0o700);
}

fn configure(node: &Node, settings: &str, guests: &str) {
    let folder = node.path("etc/phoenix");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("phoenix_hypervisor_config.json"), settings).unwrap();
    std::fs::write(folder.join("phoenix_vm_configs.json"), guests).unwrap();
    std::fs::write(
        folder.join("phoenix_stacks_config.json"),
        r#"{"stacks": {}}"#,
    )
    .unwrap();
}

const STRICT: &str = r#"{"pre_start": "strict"}"#;
const SOUND: &str = r#"[{"vmid": 1002, "name": "web"}]"#;
const BROKEN: &str = r#"[{"vmid": 1002, "name": "web", "no_such_key": 1}]"#;

#[test]
fn a_wrong_configuration_refuses_a_start_only_where_the_operator_chose_so() {
    for (settings, guests, phase, refused) in [
        ("{}", BROKEN, "pre-start", false),
        (r#"{"pre_start": "lenient"}"#, BROKEN, "pre-start", false),
        ("{broken", BROKEN, "pre-start", false),
        (STRICT, SOUND, "pre-start", false),
        (STRICT, BROKEN, "post-start", false),
        (STRICT, BROKEN, "pre-start", true),
        (STRICT, "{broken", "pre-start", true),
    ] {
        let node = node_with_guest();
        configure(&node, settings, guests);
        let call = node.call("1002", phase);
        let wanted = if refused { Some(2) } else { Some(0) };
        assert_eq!(
            call.exit, wanted,
            "{settings} {guests} {phase}: {}",
            call.stdout
        );
        assert_eq!(
            call.stdout.contains("refused by"),
            refused,
            "{}",
            call.stdout
        );
        assert_eq!(call.stdout.lines().count(), 1);
        node.take_only_event();
    }
}

#[test]
fn strict_concerns_no_backup_no_migration_and_no_other_guest() {
    let node = Node::new("pve1");
    configure(&node, STRICT, BROKEN);
    node.add_guest(1002, Kind::Qemu, "pve1", "lock: backup\n");
    node.add_guest(1003, Kind::Qemu, "pve2", "");
    assert_eq!(node.call("1002", "pre-start").exit, Some(0));
    node.take_only_event();
    let arriving = [("PVE_MIGRATED_FROM", "pve2")];
    assert_eq!(node.call_with("1003", "pre-start", &arriving).exit, Some(0));
    node.take_only_event();
    node.add_guest(1004, Kind::Qemu, "pve1", "");
    let other = node.call("1004", "pre-start");
    assert_eq!(other.exit, Some(0), "{}", other.stdout);
}
