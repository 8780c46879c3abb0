//! The worker is killed at five moments. Each time the next one brings everything to the same end, nothing doubled.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::time::{Duration, Instant};

use phoenix_tests::estate::{DEMO_STATE, Estate};

const LIMIT: Duration = Duration::from_mins(4);

/// When the worker dies, told by what can be seen from outside.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// The event is taken, the guest's agent is still silent.
    Waiting,
    /// Part of the guest package has arrived in the guest.
    MidPush,
    /// dpkg has put the guest agent in place.
    Installed,
    /// The manager's engine is in a Swarm; the record may not know.
    SwarmInit,
    /// The stack's network is there, not all of its services. The job in the guest dies as well.
    NetworkCreated,
}

impl Moment {
    /// Whether the moment has come, asked in a guest by a shell script that says `yes`.
    fn watch(self) -> (u32, &'static str) {
        match self {
            Self::Waiting => (1001, "echo yes"),
            Self::MidPush => (
                1002,
                "[ -z \"$(ls /run/phoenix-guest-agent-setup 2>/dev/null)\" ] || echo yes",
            ),
            Self::Installed => (1002, "[ ! -x /usr/bin/phoenix-guest-agent ] || echo yes"),
            Self::SwarmInit => (
                1001,
                "[ ! -s /var/lib/docker/swarm/docker-state.json ] || echo yes",
            ),
            Self::NetworkCreated => (
                1001,
                "docker network ls -q --filter label=com.docker.stack.namespace 2>/dev/null | grep -q . && { pkill -KILL -f 'phoenix-guest-agent [j]ob-run'; echo yes; } || true",
            ),
        }
    }
}

/// Both guests switched on, with the worker at work.
fn started() -> Option<Estate> {
    let estate = Estate::for_test()?;
    estate.start(1001).unwrap();
    estate.start(1002).unwrap();
    Some(estate)
}

fn killed_at(moment: Moment) {
    let Some(estate) = started() else {
        return;
    };
    let (vmid, script) = moment.watch();
    let begin = Instant::now();
    // A guest that boots does not answer yet: that is no sign either way.
    while !estate
        .0
        .guest(vmid)
        .sh(script)
        .is_ok_and(|said| said.contains("yes"))
    {
        assert!(begin.elapsed() < LIMIT, "{moment:?} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
    estate.kill_worker().unwrap();
    ends_as_undisturbed(&estate, &format!("{moment:?}"));
}

fn ends_as_undisturbed(estate: &Estate, moment: &str) {
    estate.wait_converged(LIMIT, |_| {}).unwrap();
    let state = estate.swarm_state().unwrap();
    assert_eq!(state, DEMO_STATE, "after {moment}");
    let before = estate.docker_writes().len();
    for vmid in [1001, 1002] {
        let ran = estate.phoenix(&format!("run {vmid} post-start")).unwrap();
        assert!(
            ran.stdout.contains("nothing written"),
            "{moment}: {}{}",
            ran.stdout,
            ran.stderr
        );
    }
    assert_eq!(estate.docker_writes().len(), before);
    let unit = estate
        .0
        .node()
        .sh("systemctl is-active phoenix-worker.path")
        .unwrap();
    assert_eq!(unit.trim(), "active", "after {moment}");
}

#[test]
fn while_it_waits_for_the_guest() {
    killed_at(Moment::Waiting);
}

#[test]
fn while_the_package_is_pushed() {
    killed_at(Moment::MidPush);
}

#[test]
fn after_dpkg() {
    killed_at(Moment::Installed);
}

#[test]
fn between_swarm_init_and_the_record() {
    killed_at(Moment::SwarmInit);
}

#[test]
fn between_network_and_service() {
    killed_at(Moment::NetworkCreated);
}

/// Five kills in one estate, at times that a fixed seed gives.
#[test]
fn at_five_random_times() {
    let mut random: u64 = 0x5eed_2026;
    let Some(estate) = started() else {
        return;
    };
    for _ in 0..5 {
        // xorshift64: any sequence will do, as long as it is the same one next time.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(500 + random % 4000));
        // Between two lives there is nobody to kill.
        let _ = estate.kill_worker();
    }
    ends_as_undisturbed(&estate, "five random times");
}
