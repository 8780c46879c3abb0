//! Jobs of the real binary: started, attached to, busy, killed, swept.

#![cfg(test)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use support::fake_engine::{FakeEngine, Says};
use support::guest::Guest;

const JOBS: &str = "run/phoenix-guest-agent/jobs";

/// A guest whose engine never answers but for its version: work on it goes on until killed.
fn stuck() -> (Guest, FakeEngine) {
    let guest = Guest::new();
    let engine = guest.engine(|_| Says::Nothing);
    (guest, engine)
}

fn leave() -> Value {
    json!({"swarm_leave": {"force": false}})
}

/// The process of the job, found by its command line.
fn runner(job: &str) -> i32 {
    let processes = std::fs::read_dir("/proc").unwrap();
    let runners: Vec<i32> = processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            // Not the one who starts it, which names it too.
            let is_agent = line
                .split('\0')
                .next()
                .is_some_and(|it| it.ends_with("phoenix-guest-agent"));
            is_agent && line.contains("job-run") && line.trim_end_matches('\0').ends_with(job)
        })
        .collect();
    let [pid] = runners[..] else {
        panic!("{runners:?}")
    };
    pid
}

fn kill(pid: i32) {
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

fn await_state(guest: &Guest, job: &str, wanted: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let status = guest.job_status(job);
        if status["state"] == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{status}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn one_job_works_at_a_time_and_a_killed_one_is_lost_for_good() {
    let (guest, _engine) = stuck();
    let started = json!({"ok": {"job_start": "started"}});
    assert_eq!(guest.start_job("stuck-one", &leave()), started);
    assert_eq!(
        guest.start_job("stuck-one", &leave()),
        json!({"ok": {"job_start": "attached"}})
    );
    let busy = json!({"job": "stuck-one", "work": "swarm_leave"});
    assert_eq!(
        guest.start_job("stuck-two", &leave()),
        json!({"ok": {"job_start": {"busy": busy}}})
    );
    assert_eq!(guest.job_status("stuck-two")["state"], "not_found");
    assert_eq!(guest.job_status("stuck-one")["state"], "running");
    assert_eq!(
        guest.ask(&json!("facts"))["ok"]["facts"]["running_jobs"],
        json!([busy])
    );
    let pid = runner("stuck-one");
    let session = nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(pid))).unwrap();
    assert_eq!(session.as_raw(), pid, "a session of its own");
    kill(pid);
    await_state(&guest, "stuck-one", "lost");
    assert_eq!(guest.start_job("stuck-two", &leave()), started);
    kill(runner("stuck-two"));
    await_state(&guest, "stuck-two", "lost");
}

#[test]
fn ten_starts_of_one_job_at_once_make_one_process() {
    let (guest, engine) = stuck();
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| guest.start_job("storm", &leave())))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    let count = |wanted: &str| {
        answers
            .iter()
            .filter(|a| a["ok"]["job_start"] == wanted)
            .count()
    };
    assert_eq!((count("started"), count("attached")), (1, 9), "{answers:?}");
    std::thread::sleep(Duration::from_millis(200));
    kill(runner("storm"));
    let asked = engine.received();
    assert_eq!(
        asked
            .iter()
            .filter(|call| call.call() == "GET /info")
            .count(),
        1
    );
}

#[test]
fn a_token_does_not_stay_on_disk() {
    let guest = Guest::new();
    let _engine = guest.engine(|_| Says::error(500, "no"));
    let address = guest.own_address();
    let state = guest.work(
        "join",
        &json!({"swarm_join": {"token": "SWMTKN-canary", "managers": ["192.0.2.1:2377"],
            "advertise_address": address}}),
    );
    assert_eq!(state["failed"]["kind"], "failed", "{state}");
    assert_private(&guest.path(JOBS));
}

/// No file below holds the canary; folders are 0700, files 0600.
fn assert_private(folder: &Path) {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700, "{}", folder.display());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_private(&path);
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains("canary"), "{}", path.display());
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[test]
fn a_runner_without_a_request_does_nothing() {
    let guest = Guest::new();
    guest.write(&format!("{JOBS}/late/work"), "swarm_leave");
    assert_eq!(guest.job_status("late")["state"], "lost");
    let output = guest.run(&["job-run", "late"], b"");
    assert!(!output.status.success());
    assert_eq!(guest.job_status("late")["state"], "lost");
}

#[test]
fn old_jobs_are_swept_and_twenty_kept() {
    let guest = Guest::new();
    let _engine =
        guest.engine(|_| Says::Json(200, json!({"Swarm": {"LocalNodeState": "inactive"}})));
    let age = |job: &str, seconds: u64| {
        guest.write(&format!("{JOBS}/{job}/result.json"), "{}");
        let when = SystemTime::now() - Duration::from_secs(seconds);
        let folder = std::fs::File::open(guest.path(&format!("{JOBS}/{job}"))).unwrap();
        folder.set_modified(when).unwrap();
    };
    age("ancient", 3700);
    for index in 0..25 {
        age(&format!("recent-{index:02}"), 100 + index);
    }
    std::fs::set_permissions(guest.path(JOBS), PermissionsExt::from_mode(0o700)).unwrap();
    assert!(guest.work("new", &leave())["succeeded"].is_object());
    let mut left: Vec<String> = std::fs::read_dir(guest.path(JOBS))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    left.sort();
    assert_eq!(left.len(), 21, "{left:?}");
    assert!(left.contains(&"recent-19".to_owned()) && !left.contains(&"recent-20".to_owned()));
}

#[test]
fn a_folder_that_others_may_write_is_refused() {
    let guest = Guest::new();
    std::fs::create_dir_all(guest.path(JOBS)).unwrap();
    std::fs::set_permissions(guest.path(JOBS), PermissionsExt::from_mode(0o777)).unwrap();
    let outcome = guest.start_job("job", &leave());
    assert_eq!(outcome["err"]["kind"], "failed", "{outcome}");
}

#[test]
fn progress_is_read_from_a_line_on() {
    let guest = Guest::new();
    let _engine =
        guest.engine(|_| Says::Json(200, json!({"Swarm": {"LocalNodeState": "inactive"}})));
    guest.work("job", &leave());
    let line = json!({"step": "swarm", "message": "this guest is in no Swarm"});
    assert_eq!(guest.job_status("job")["progress"], json!([line]));
    let after = guest.ask(&json!({"job_status": {"job": "job", "after": 1}}));
    assert_eq!(after["ok"]["job_status"]["progress"], json!([]));
}

#[test]
fn the_next_job_starts_as_soon_as_the_result_of_the_last_is_read() {
    let guest = Guest::new();
    let _engine =
        guest.engine(|_| Says::Json(200, json!({"Swarm": {"LocalNodeState": "inactive"}})));
    // Each start comes while the process before it may still be ending.
    for index in 0..30 {
        assert!(guest.work(&format!("job-{index}"), &leave())["succeeded"].is_object());
    }
    // A process that hangs after its result does not keep others out either.
    let folder = guest.path(&format!("{JOBS}/hangs"));
    guest.write(&format!("{JOBS}/hangs/result.json"), r#""lost""#);
    let lock = std::fs::File::create(folder.join("lock")).unwrap();
    let _lock = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive).unwrap();
    assert!(guest.work("next", &leave())["succeeded"].is_object());
}

/// Stands in for systemd: starts what follows `--` by itself, then does `end`.
fn systemd_run(guest: &Guest, end: &str) {
    std::fs::create_dir_all(guest.path("run/systemd/system")).unwrap();
    let script = format!(
        "while [ \"$1\" != -- ]; do shift; done; shift\n\
         PHOENIX_ROOT=\"$ROOT\" setsid \"$@\" < /dev/null > /dev/null 2>&1 &\n{end}"
    );
    guest.program("systemd-run", &script);
}

#[test]
fn a_unit_that_runs_although_its_start_failed_keeps_its_job() {
    let (guest, _engine) = stuck();
    let end =
        format!("until [ -e \"$ROOT/{JOBS}/unit-runs/started\" ]; do sleep 0.01; done; exit 1");
    systemd_run(&guest, &end);
    assert_eq!(
        guest.start_job("unit-runs", &leave()),
        json!({"ok": {"job_start": "started"}})
    );
    assert_eq!(guest.job_status("unit-runs")["state"], "running");
    kill(runner("unit-runs"));
    await_state(&guest, "unit-runs", "lost");
}

#[test]
fn a_job_that_ended_before_its_start_failed_keeps_its_result() {
    let guest = Guest::new();
    let _engine =
        guest.engine(|_| Says::Json(200, json!({"Swarm": {"LocalNodeState": "inactive"}})));
    systemd_run(&guest, "wait; exit 1");
    assert!(guest.work("quick", &leave())["succeeded"].is_object());
}

#[test]
fn a_unit_that_never_starts_leaves_no_trace() {
    let (guest, _engine) = stuck();
    std::fs::create_dir_all(guest.path("run/systemd/system")).unwrap();
    guest.program("systemd-run", "echo 'Failed to connect to bus' >&2; exit 1");
    let outcome = guest.start_job("unit-fails", &leave());
    assert_eq!(outcome["err"]["kind"], "retryable", "{outcome}");
    assert!(!guest.path(&format!("{JOBS}/unit-fails")).exists());
    systemd_run(&guest, "exit 0");
    let started = json!({"ok": {"job_start": "started"}});
    assert_eq!(guest.start_job("unit-fails", &leave()), started);
    kill(runner("unit-fails"));
}

#[test]
fn a_half_written_request_goes_with_its_job() {
    let guest = Guest::new();
    let _engine =
        guest.engine(|_| Says::Json(200, json!({"Swarm": {"LocalNodeState": "inactive"}})));
    for job in ["asked", "swept"] {
        guest.write(&format!("{JOBS}/{job}/work"), "swarm_join");
        guest.write(&format!("{JOBS}/{job}/.phoenix-a1"), "SWMTKN-canary");
    }
    guest.write(&format!("{JOBS}/swept/request.json"), "SWMTKN-canary");
    assert_eq!(guest.job_status("asked")["state"], "lost");
    assert!(!guest.path(&format!("{JOBS}/asked/.phoenix-a1")).exists());
    std::fs::set_permissions(guest.path(JOBS), PermissionsExt::from_mode(0o700)).unwrap();
    assert!(guest.work("next", &leave())["succeeded"].is_object());
    for left in [".phoenix-a1", "request.json"] {
        assert!(!guest.path(&format!("{JOBS}/swept/{left}")).exists());
    }
    assert_eq!(guest.job_status("swept")["state"], "lost");
    assert_eq!(guest.read(&format!("{JOBS}/swept/work")), "swarm_join");
}

#[test]
fn a_start_lock_that_cannot_be_looked_at_is_no_start() {
    let guest = Guest::new();
    guest.write(&format!("{JOBS}/dead/work"), "swarm_join");
    std::fs::create_dir(guest.path(&format!("{JOBS}/.start"))).unwrap();
    assert_eq!(guest.job_status("dead")["state"], "lost");
}
