//! The table: what happens to a guest, how Proxmox's tasks look while they call its hookscript, and whether Phoenix
//! is to act.

use crate::bench::Bench;

/// How the guest is before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    Stopped,
    Running,
}

/// One event of Proxmox.
pub(crate) struct Row {
    pub(crate) event: &'static str,
    pub(crate) before: Before,
    pub(crate) play: fn(&Bench, u32),
    /// The phases of its hook calls, in order.
    pub(crate) calls: &'static [&'static str],
    /// Whether the guest is asked for its state, and so brought to what is declared.
    pub(crate) acts: bool,
    /// Events that stay, because the guest is watched.
    pub(crate) watched: u64,
}

const fn row(
    event: &'static str,
    before: Before,
    play: fn(&Bench, u32),
    calls: &'static [&'static str],
    acts: bool,
) -> Row {
    Row {
        event,
        before,
        play,
        calls,
        acts,
        watched: 0,
    }
}

const START: &[&str] = &["pre-start", "post-start"];
const STOP: &[&str] = &["pre-stop", "post-stop"];
const OFF: &[&str] = &["post-stop"];

pub(crate) const ROWS: &[Row] = &[
    row(
        "start",
        Before::Stopped,
        |bench, vmid| bench.qm(&format!("start {vmid}")),
        START,
        true,
    ),
    row(
        "stop",
        Before::Running,
        |bench, vmid| bench.qm(&format!("stop {vmid}")),
        STOP,
        false,
    ),
    row(
        "shutdown",
        Before::Running,
        |bench, vmid| bench.qm(&format!("shutdown {vmid}")),
        STOP,
        false,
    ),
    Row {
        event: "shutdown that times out",
        before: Before::Running,
        play: shutdown_that_times_out,
        calls: &["pre-stop"],
        acts: false,
        watched: 1,
    },
    row(
        "guest powers itself off",
        Before::Running,
        power_off_inside,
        OFF,
        false,
    ),
    row(
        "QEMU crashes",
        Before::Running,
        |bench, vmid| bench.guest(vmid).kill().unwrap(),
        OFF,
        false,
    ),
    row(
        "qm reboot",
        Before::Running,
        reboot,
        &["pre-stop", "post-stop", "pre-start", "post-start"],
        true,
    ),
    row(
        "reset, reboot inside",
        Before::Running,
        |bench, vmid| bench.qm(&format!("reset {vmid}")),
        &[],
        false,
    ),
    row(
        "pause and resume",
        Before::Running,
        pause_and_resume,
        &[],
        false,
    ),
    row("hibernate", Before::Running, hibernate, OFF, false),
    row(
        "resume from hibernation",
        Before::Stopped,
        resume_from_hibernation,
        START,
        true,
    ),
    row(
        "live migration arrives",
        Before::Stopped,
        migration_arrives,
        START,
        true,
    ),
    row(
        "live migration leaves",
        Before::Running,
        migration_leaves,
        &[],
        false,
    ),
    row(
        "live migration aborted, on the target",
        Before::Stopped,
        migration_aborted,
        &["pre-start", "post-start", "post-stop"],
        false,
    ),
    row(
        "offline migration",
        Before::Stopped,
        |bench, vmid| bench.move_to("pve2", vmid),
        &[],
        false,
    ),
    row(
        "rollback of a running guest without RAM",
        Before::Running,
        rollback,
        STOP,
        false,
    ),
    row(
        "rollback with RAM",
        Before::Running,
        rollback_with_ram,
        &["pre-stop", "post-stop", "pre-start", "post-start"],
        true,
    ),
    row(
        "snapshot, disk move, resize",
        Before::Running,
        snapshot,
        &[],
        false,
    ),
    row(
        "backup of a running guest, snapshot mode",
        Before::Running,
        backup_in_snapshot_mode,
        &[],
        false,
    ),
    row(
        "backup of a running guest, stop mode",
        Before::Running,
        backup_in_stop_mode,
        &["pre-stop", "post-stop", "pre-start", "post-start"],
        true,
    ),
    row(
        "backup of a stopped guest",
        Before::Stopped,
        backup_of_a_stopped_guest,
        &["pre-start", "post-start", "pre-stop", "post-stop"],
        false,
    ),
    row("live restore", Before::Stopped, live_restore, START, true),
    row("node boot", Before::Stopped, node_boot, START, true),
    row(
        "clone, template, destroy of another",
        Before::Stopped,
        clone_of_it,
        &[],
        false,
    ),
];

fn shutdown_that_times_out(bench: &Bench, vmid: u32) {
    bench.set_stubborn(vmid);
    let ran = bench.try_qm(&format!("shutdown {vmid} --timeout 1"));
    assert_eq!(ran.code, 255, "{}", ran.stderr);
}

fn power_off_inside(bench: &Bench, vmid: u32) {
    // The command has no answer: the guest is gone.
    let _ = bench.try_qm(&format!("guest cmd {vmid} shutdown"));
    bench.wait_status(vmid, "stopped");
}

fn reboot(bench: &Bench, vmid: u32) {
    bench.qm(&format!("reboot {vmid}"));
    bench.wait_status(vmid, "running");
}

fn pause_and_resume(bench: &Bench, vmid: u32) {
    bench.qm(&format!("suspend {vmid}"));
    bench.qm(&format!("resume {vmid}"));
}

/// `qm suspend --todisk`: the state is saved, QEMU quits without pre-stop.
fn hibernate(bench: &Bench, vmid: u32) {
    bench.set_lock(vmid, "suspended");
    bench.guest(vmid).kill().unwrap();
}

fn resume_from_hibernation(bench: &Bench, vmid: u32) {
    bench.set_lock(vmid, "suspended");
    bench.qm(&format!("start {vmid} --skiplock"));
    bench.qm(&format!("unlock {vmid}"));
}

/// QEMU waits for the guest's memory, and the configuration still lies with the source.
fn migration_begins(bench: &Bench, vmid: u32) {
    bench.move_to("pve2", vmid);
    bench.qm(&format!("start {vmid} --migratedfrom pve2"));
    assert_eq!(bench.power(vmid), "inmigrate");
}

fn migration_arrives(bench: &Bench, vmid: u32) {
    migration_begins(bench, vmid);
    bench.nothing_is_asked_for_a_moment(vmid);
    bench.move_to("pve1", vmid);
    bench.qm(&format!("resume {vmid}"));
}

fn migration_aborted(bench: &Bench, vmid: u32) {
    migration_begins(bench, vmid);
    bench.qm(&format!("stop {vmid} --migratedfrom pve2"));
}

fn migration_leaves(bench: &Bench, vmid: u32) {
    bench.set_lock(vmid, "migrate");
    bench.move_to("pve2", vmid);
    bench.guest(vmid).kill().unwrap();
}

fn rollback(bench: &Bench, vmid: u32) {
    bench.set_lock(vmid, "rollback");
    bench.qm(&format!("stop {vmid} --skiplock"));
    bench.qm(&format!("unlock {vmid}"));
}

fn rollback_with_ram(bench: &Bench, vmid: u32) {
    bench.set_lock(vmid, "rollback");
    bench.qm(&format!("stop {vmid} --skiplock"));
    bench.qm(&format!("start {vmid} --skiplock"));
    bench.qm(&format!("unlock {vmid}"));
}

fn snapshot(bench: &Bench, vmid: u32) {
    bench.set_lock(vmid, "snapshot");
    bench.qm(&format!("unlock {vmid}"));
    bench.try_qm(&format!("resize {vmid} scsi0 +1G"));
}

fn backup_in_snapshot_mode(bench: &Bench, vmid: u32) {
    bench.set_lock(vmid, "backup");
    bench.qm(&format!("unlock {vmid}"));
}

/// vzdump stops the guest, starts it paused for the copy, lets it go on, and gives the lock back.
fn backup_in_stop_mode(bench: &Bench, vmid: u32) {
    bench.set_lock(vmid, "backup");
    bench.qm(&format!("shutdown {vmid} --skiplock"));
    bench.qm(&format!("start {vmid} --skiplock --lab-paused"));
    assert_eq!(bench.power(vmid), "prelaunch");
    bench.nothing_is_asked_for_a_moment(vmid);
    bench.qm(&format!("resume {vmid}"));
    bench.qm(&format!("unlock {vmid}"));
}

pub(crate) fn backup_of_a_stopped_guest(bench: &Bench, vmid: u32) {
    bench.set_lock(vmid, "backup");
    bench.qm(&format!("start {vmid} --skiplock --lab-paused"));
    bench.qm(&format!("stop {vmid} --skiplock"));
    bench.qm(&format!("unlock {vmid}"));
}

/// The guest runs while its disk still comes in.
fn live_restore(bench: &Bench, vmid: u32) {
    bench.set_lock(vmid, "create");
    bench.qm(&format!("start {vmid} --skiplock"));
    bench.nothing_is_asked_for_a_moment(vmid);
    bench.qm(&format!("unlock {vmid}"));
}

fn node_boot(bench: &Bench, vmid: u32) {
    bench.qm(&format!("set {vmid} --onboot 1"));
    bench.node(&["pvesh", "create", "/nodes/pve1/startall"]);
}

fn clone_of_it(bench: &Bench, vmid: u32) {
    let copy = vmid + 1000;
    bench.qm(&format!("clone {vmid} {copy} --full 1"));
    bench.qm(&format!("template {copy}"));
    bench.qm(&format!("destroy {copy}"));
}
