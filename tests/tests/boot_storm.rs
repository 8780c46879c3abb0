//! Fifty guests start at once: nobody's start waits for Phoenix, the work is done by a few at a time, dead guests hold
//! nobody but themselves up, and the queue still works afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test program: its panic is its report"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use phoenix_tests::lab::Suite::Bookworm;
use phoenix_tests::lab::{AgentDouble, GuestSpec, Lab, LabSpec, Node, NodeSpec, packages};
use serde_json::{Value, json};

/// Guests that are only played: their agents answer like real ones, but there is no work in them.
const PLAYED: std::ops::Range<u32> = 1100..1145;
/// Guests that never answer.
const DEAD: std::ops::Range<u32> = 1145..1148;
/// Real ones, with work to do.
const REAL: std::ops::Range<u32> = 1148..1150;

const IN_PARALLEL: usize = 6;
const DEADLINE_SECONDS: u64 = 45;
/// All of it, on a machine with other work.
const LIMIT: Duration = Duration::from_mins(4);
/// What a hook call may take here, where fifty tasks share the processors. Alone it is a millisecond or two.
const LONGEST_HOOK: Duration = Duration::from_secs(3);

fn all() -> impl Iterator<Item = u32> {
    PLAYED.chain(DEAD).chain(REAL)
}

fn lab() -> Option<Lab> {
    let Some(package) = packages("phoenix-hook").pop() else {
        panic!("no package: make deb-lab, and set PHOENIX_DEB_DIR");
    };
    let mut spec = LabSpec::new().node(NodeSpec::new().package(package));
    for vmid in PLAYED.chain(DEAD) {
        let answers = PLAYED.contains(&vmid);
        let guest = GuestSpec::new(vmid, Bookworm).played(AgentDouble { answers });
        spec = spec.guest_with(guest.hooked());
    }
    for vmid in REAL {
        spec = spec.guest_with(GuestSpec::new(vmid, Bookworm).stopped().hooked());
    }
    let lab = Lab::for_test(&spec)?;
    let guests = all().map(|vmid| {
        let features = if REAL.contains(&vmid) {
            json!(["docker"])
        } else {
            json!([])
        };
        json!({"vmid": vmid, "name": format!("vm{vmid}"), "features": features})
    });
    let guests = json!({"version": 1, "vms": guests.collect::<Vec<_>>()});
    let node = lab.node();
    let settings = json!({"worker": {"guests_in_parallel": IN_PARALLEL,
        "converge_deadline_seconds": DEADLINE_SECONDS}});
    node.write(
        "/etc/phoenix/phoenix_vm_configs.json",
        guests.to_string(),
        0o600,
    )
    .unwrap();
    let place = "/etc/phoenix/phoenix_hypervisor_config.json";
    node.write(place, settings.to_string(), 0o600).unwrap();
    node.sh("phoenix validate; mkdir -p /run/lab-pve; : > /run/lab-pve/hook-times")
        .unwrap();
    Some(lab)
}

/// All starts at once, as far as the machine lets them; how long each took.
fn start_all(node: &Node) -> BTreeMap<u32, Duration> {
    let took = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for vmid in all() {
            let took = &took;
            scope.spawn(move || {
                let begin = Instant::now();
                let ran = node.qm(&format!("start {vmid}")).unwrap();
                assert_eq!(ran.code, 0, "{vmid}: {}", ran.stderr);
                assert!(
                    ran.stdout.contains("post-start queued as "),
                    "{vmid}: {}",
                    ran.stdout
                );
                took.lock().unwrap().insert(vmid, begin.elapsed());
            });
        }
    });
    took.into_inner().unwrap()
}

/// How many guests are worked on now: held lock files of the kernel's list.
fn at_work(node: &Node) -> usize {
    let script = "stat -c %i /run/phoenix/guest-*.lock 2>/dev/null; echo --; cat /proc/locks";
    let said = node.sh(script).unwrap_or_default();
    let (files, locks) = said.split_once("--").unwrap_or_default();
    let files: BTreeSet<&str> = files.split_whitespace().collect();
    let held = locks
        .lines()
        .filter(|line| line.contains("FLOCK") && !line.contains("->"));
    let inodes: BTreeSet<&str> = held
        .filter_map(|line| {
            line.split_whitespace()
                .find(|word| word.matches(':').count() == 2)
        })
        .filter_map(|device_and_inode| device_and_inode.rsplit(':').next())
        .collect();
    files.intersection(&inodes).count()
}

fn outcomes(node: &Node) -> BTreeMap<u32, (String, u64)> {
    let status = node.sh("phoenix status --json || true").unwrap();
    let status: Value = serde_json::from_str(&status).unwrap_or_default();
    let guests = status["guests"].as_array().cloned().unwrap_or_default();
    let entry = |guest: &Value| {
        let vmid = u32::try_from(guest["vmid"].as_u64()?).ok()?;
        let outcome = guest["record"]["outcome"]
            .as_str()
            .unwrap_or("none")
            .to_owned();
        Some((
            vmid,
            (outcome, guest["events_pending"].as_u64().unwrap_or(0)),
        ))
    };
    guests.iter().filter_map(entry).collect()
}

#[test]
fn fifty_guests_start_at_once() {
    let Some(lab) = lab() else { return };
    let node = lab.node();
    let (over, most) = (AtomicBool::new(false), Mutex::new(0));
    let begin = Instant::now();
    let (took, last_live, last_dead) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let now = at_work(&node);
                let mut most = most.lock().unwrap();
                *most = now.max(*most);
                drop(most);
                std::thread::sleep(Duration::from_millis(300));
            }
        });
        let took = start_all(&node);
        let ends = wait_for_all(&node, begin);
        over.store(true, Ordering::Relaxed);
        (took, ends.0, ends.1)
    });
    let most = *most.lock().unwrap();
    println!(
        "50 guests: slowest start {:?}, all living converged after {last_live:?}, dead given up after {last_dead:?}, \
         at most {most} at work at a time",
        took.values().max().unwrap()
    );
    assert!(
        (2..=IN_PARALLEL).contains(&most),
        "{most} at work at a time"
    );
    // The dead ones had their own deadline, and the living did not wait for them all.
    assert!(last_live < last_dead || last_dead < Duration::from_secs(3 * DEADLINE_SECONDS));
    hooks_were_short(&node);
    for vmid in PLAYED {
        let refused = lab
            .guest(vmid)
            .agent_requests()
            .into_iter()
            .find(|asked| asked.starts_with("refused"));
        assert_eq!(refused, None, "a question that played agents do not know");
        assert!(
            lab.guest(vmid)
                .agent_requests()
                .contains(&"facts".to_owned()),
            "{vmid}"
        );
    }
    for vmid in REAL {
        lab.guest(vmid).docker("version").unwrap();
    }
    let unit = node
        .run(&["systemctl", "is-active", "phoenix-worker.path"])
        .unwrap();
    assert_eq!(unit.stdout.trim(), "active");
    // And it does its work: one more event is taken at once.
    node.qm("stop 1100").unwrap();
    node.qm("start 1100").unwrap();
    wait_for_all(&node, Instant::now());
}

/// When the last living guest had converged, and the last dead one was given up.
fn wait_for_all(node: &Node, begin: Instant) -> (Duration, Duration) {
    let mut living = None;
    let mut last = BTreeMap::new();
    while begin.elapsed() < LIMIT {
        last = outcomes(node);
        let is = |vmid: u32, wanted: &str| {
            last.get(&vmid)
                .is_some_and(|(outcome, pending)| outcome == wanted && *pending == 0)
        };
        if living.is_none() && PLAYED.chain(REAL).all(|vmid| is(vmid, "converged")) {
            living = Some(begin.elapsed());
        }
        let dead = DEAD.clone().all(|vmid| {
            last.get(&vmid).is_some_and(|(outcome, pending)| {
                outcome != "converged" && outcome != "none" && outcome != "running" && *pending == 0
            })
        });
        if let (Some(living), true) = (living, dead) {
            return (living, begin.elapsed());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    panic!("not settled: {last:#?}");
}

/// Proxmox holds the guest's lock, and in a node's boot the next guests, while the hookscript runs.
fn hooks_were_short(node: &Node) {
    let times = node.read("/run/lab-pve/hook-times").unwrap();
    let mut milliseconds: Vec<u64> = times
        .lines()
        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    milliseconds.sort_unstable();
    let (median, longest) = (
        milliseconds[milliseconds.len() / 2],
        milliseconds[milliseconds.len() - 1],
    );
    println!(
        "{} hook calls: median {median} ms, longest {longest} ms",
        milliseconds.len()
    );
    assert!(milliseconds.len() >= 100);
    assert!(
        u128::from(longest) < LONGEST_HOOK.as_millis(),
        "{longest} ms"
    );
}
