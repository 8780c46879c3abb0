//! The fake node calls hookscripts as Proxmox was recorded to, and its guests live and die as there.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::time::{Duration, Instant};

use phoenix_tests::doubles::pve::Phase;
use phoenix_tests::lab::Suite::Bookworm;
use phoenix_tests::lab::{GuestSpec, HOOKSCRIPT, Lab, LabSpec, NodeSpec};

/// Writes down what it sees; `/root/do-<phase>` may hold more to do.
const HOOK: &str = r#"#!/bin/bash
ls /proc/$$/fd > /root/fds
fds=$(sort -n /root/fds | grep -v 255 | tr '\n' ' ')
{
  echo "call $* from=${PVE_MIGRATED_FROM-unset} stdin=$(wc -c) fds=$fds"
  tr '\0' '\n' < /proc/$PPID/cmdline | sed 's/^/parent /'
  flock -n "/var/lock/qemu-server/lock-$1.conf" true && echo "lock free" || echo "lock held"
  env -u PWD -u SHLVL -u _ | sort | sed 's/^/env /'
} >> /root/calls
echo "hook $2"
[ ! -e "/root/do-$2" ] || . "/root/do-$2"
"#;

struct Bench(Lab);

impl Bench {
    fn up(guest: GuestSpec) -> Option<Self> {
        let guest = guest.stopped().hooked();
        let lab = Lab::for_test(&LabSpec::new().guest_with(guest).node(NodeSpec::new()))?;
        let name = HOOKSCRIPT.rsplit('/').next().unwrap();
        lab.node()
            .write(&format!("/var/lib/vz/snippets/{name}"), HOOK, 0o755)
            .unwrap();
        Some(Self(lab))
    }

    fn qm(&self, words: &str) -> (i32, String, String) {
        let ran = self.0.node().qm(words).unwrap();
        (ran.code, ran.stdout, ran.stderr)
    }

    fn calls(&self, first_word: &str) -> Vec<String> {
        let calls = self.0.node().read("/root/calls").unwrap_or_default();
        let lines = calls.lines().filter(|line| line.starts_with(first_word));
        lines.map(str::to_owned).collect()
    }

    fn phases(&self) -> Vec<String> {
        let word = |line: &String| line.split(' ').nth(2).unwrap().to_owned();
        self.calls("call").iter().map(word).collect()
    }

    fn forget(&self) {
        self.0.node().write("/root/calls", "", 0o600).unwrap();
    }

    fn then_do(&self, phase: Phase, script: &str) {
        self.0
            .node()
            .write(&format!("/root/do-{}", phase.name()), script, 0o600)
            .unwrap();
    }

    fn wait_phases(&self, wanted: &[&str]) {
        let probe = || {
            let phases = self.phases();
            Ok((phases != wanted).then(|| format!("{phases:?}")))
        };
        self.0
            .node()
            .wait("hook calls", Duration::from_secs(30), probe)
            .unwrap();
    }
}

#[test]
fn a_start_and_a_shutdown_call_the_hook_as_recorded() {
    let Some(bench) = Bench::up(GuestSpec::new(1001, Bookworm)) else {
        return;
    };
    let (code, stdout, stderr) = bench.qm("start 1001");
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (0, "hook pre-start\nhook post-start\n", "")
    );
    assert_eq!(
        bench.calls("call"),
        [
            "call 1001 pre-start from= stdin=0 fds=0 1 2 6 7 10 ",
            "call 1001 post-start from= stdin=0 fds=0 1 2 6 7 10 "
        ]
    );
    assert_eq!(bench.calls("lock"), ["lock held"; 2]);
    let environment: Vec<String> = bench.calls("env").into_iter().take(9).collect();
    assert_eq!(
        environment,
        [
            "env HOME=/root",
            "env LANG=C.UTF-8",
            "env LC_ALL=C",
            "env LOGNAME=root",
            "env LVM_SUPPRESS_FD_WARNINGS=1",
            "env PATH=/sbin:/bin:/usr/sbin:/usr/bin",
            "env PVE_MIGRATED_FROM=",
            "env SHELL=/bin/bash",
            "env TERM=xterm",
        ]
    );
    let parent = bench.calls("parent").remove(0);
    assert!(parent.starts_with("parent task UPID:pve1:"), "{parent}");
    assert!(parent.ends_with(":qmstart:1001:root@pam:"), "{parent}");

    bench.forget();
    bench.0.guest(1001).wait_agent().unwrap();
    let (code, stdout, _) = bench.qm("shutdown 1001");
    assert_eq!(
        (code, stdout.as_str()),
        (0, "hook pre-stop\nhook post-stop\n")
    );
    assert!(
        bench
            .calls("call")
            .iter()
            .all(|call| call.contains("from=unset"))
    );
    assert_eq!(bench.qm("status 1001").1, "status: stopped\n");
    // qmeventd looked too, and found post-stop done.
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(bench.phases(), ["pre-stop", "post-stop"]);
}

#[test]
fn a_failing_or_lingering_hook_has_the_recorded_effect() {
    let Some(bench) = Bench::up(GuestSpec::new(1001, Bookworm)) else {
        return;
    };
    bench.then_do(Phase::PreStart, "exit 3");
    let (code, _, stderr) = bench.qm("start 1001");
    assert_eq!(code, 255);
    assert_eq!(
        stderr,
        "hookscript error for 1001 on pre-start: command '/var/lib/vz/snippets/phoenix-hook.sh \
         1001 pre-start' failed: exit code 3 \n"
    );
    assert_eq!(bench.qm("status 1001").1, "status: stopped\n");
    bench.then_do(Phase::PreStart, "");

    // A background child on the hook's stdout holds the task; one in its own session outlives it.
    bench.then_do(
        Phase::PostStart,
        "sleep 1.5 & sleep 601 >/dev/null 2>&1 & setsid sleep 602 >/dev/null 2>&1 & exit 4",
    );
    let started = Instant::now();
    let (code, _, _) = bench.qm("start 1001");
    assert_eq!(code, 0, "a failing post-start is only a warning");
    assert!(started.elapsed() >= Duration::from_millis(1500));
    let sleepers = bench.0.node().sh("pgrep -a sleep || true").unwrap();
    assert!(
        !sleepers.contains("601"),
        "killed with the task's process group: {sleepers}"
    );
    assert!(
        sleepers.contains("602"),
        "in a session of its own: {sleepers}"
    );

    let (code, _, stderr) = bench.qm("start 1001");
    assert_eq!((code, stderr.as_str()), (255, "VM 1001 already running\n"));
    let (code, _, stderr) = bench.qm("start 999");
    let missing = "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist\n";
    assert_eq!((code, stderr.as_str()), (255, missing));
}

#[test]
fn ends_that_no_task_asked_for_reach_the_hook_through_qmeventd() {
    let Some(bench) = Bench::up(GuestSpec::new(1001, Bookworm)) else {
        return;
    };
    let guest = bench.0.guest(1001);
    bench.qm("start 1001");
    bench.forget();
    guest.wait_running().unwrap();
    guest.run(&["systemctl", "poweroff"]).unwrap();
    bench.wait_phases(&["post-stop"]);
    bench.qm("start 1001");
    bench.forget();
    guest.kill().unwrap();
    bench.wait_phases(&["post-stop"]);
    bench.qm("start 1001");
    guest.wait_agent().unwrap();
    bench.forget();
    let (code, stdout, _) = bench.qm("reboot 1001");
    assert_eq!(
        (code, stdout.as_str()),
        (0, "hook pre-stop\nhook post-stop\n")
    );
    bench.wait_phases(&["pre-stop", "post-stop", "pre-start", "post-start"]);
    bench.forget();
    assert_eq!(bench.qm("reset 1001").0, 0);
    guest.run(&["true"]).unwrap();
    assert!(bench.phases().is_empty(), "a reset calls no hook");
}

#[test]
fn backup_starts_migrations_and_pauses_show_in_the_monitor() {
    let Some(bench) = Bench::up(GuestSpec::new(1001, Bookworm)) else {
        return;
    };
    let status = || bench.qm("status 1001").1;
    bench.qm("start 1001 --lab-paused");
    assert_eq!(status(), "status: prelaunch\n");
    assert!(
        bench.0.guest(1001).run(&["true"]).is_err(),
        "nothing has run in it"
    );
    bench.qm("stop 1001");
    bench.qm("start 1001 --migratedfrom other");
    assert_eq!(status(), "status: inmigrate\n");
    assert_eq!(
        bench.calls("call").last().unwrap().split(' ').nth(3),
        Some("from=other")
    );
    bench.qm("stop 1001");
    bench.qm("start 1001");
    bench.0.guest(1001).wait_agent().unwrap();
    assert_eq!(bench.qm("suspend 1001").0, 0);
    assert_eq!(status(), "status: paused\n");
    let (code, _, stderr) = bench.qm("guest cmd 1001 ping");
    assert_eq!(
        (code, stderr.as_str()),
        (29, "QEMU guest agent is not running\n")
    );
    assert_eq!(bench.qm("resume 1001").0, 0);
    assert_eq!(bench.qm("guest cmd 1001 ping").0, 0);
}

#[test]
fn the_nodes_boot_and_shutdown_are_bulk_tasks() {
    let guest = GuestSpec::new(1001, Bookworm).config("onboot: 1");
    let Some(bench) = Bench::up(guest) else {
        return;
    };
    let node = bench.0.node();
    let start = node
        .run(&["pvesh", "create", "/nodes/pve1/startall"])
        .unwrap();
    assert!(
        start.stdout.starts_with("Starting VM 1001\n\"UPID:pve1:"),
        "{start:?}"
    );
    bench.0.guest(1001).wait_agent().unwrap();
    let stop = node
        .run(&["pvesh", "create", "/nodes/pve1/stopall"])
        .unwrap();
    assert!(
        stop.stdout
            .starts_with("Stopping VM 1001 (timeout = 180 seconds)\n"),
        "{stop:?}"
    );
    assert_eq!(
        bench.phases(),
        ["pre-start", "post-start", "pre-stop", "post-stop"]
    );
    let ran = bench.0.event(1001, Phase::PostStart).unwrap();
    // qmeventd may still hold the lock after the guest's end.
    assert!(
        ran.code == 0 && ran.stdout.ends_with("hook post-start\n"),
        "{ran:?}"
    );
}
