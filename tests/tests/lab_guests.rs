//! The lab shown on itself: what it promises to every other test.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use phoenix_tests::lab::Suite::{self, Bookworm, Trixie};
use phoenix_tests::lab::{GuestSpec, Lab, LabSpec, Layout, REGISTRY};

const GIB: u64 = 1 << 30;

#[test]
fn a_guest_is_a_whole_debian_with_agent_and_docker() {
    for suite in Suite::ALL {
        let guest = GuestSpec::new(1001, suite).memory_bytes(GIB);
        let Some(lab) = Lab::for_test(&LabSpec::new().guest_with(guest)) else {
            return;
        };
        let guest = lab.guest(1001);
        guest.wait_running().unwrap();
        let mut agent = guest.qga().unwrap();
        let name = agent
            .exec(&["/bin/hostname"], Duration::from_secs(5))
            .unwrap();
        assert_eq!(name.stdout, "vm1001\n");
        assert_eq!(guest.memory_limit_bytes().unwrap(), GIB);
        assert!(
            guest
                .sh("cat /etc/os-release")
                .unwrap()
                .contains(suite.name())
        );
        // No warning: memory and CPU limits of containers are in force.
        let info = guest.run(&["docker", "info"]).unwrap();
        assert!(!info.stderr.contains("WARNING"), "{}", info.stderr);
        assert_eq!(guest.docker("ps -q").unwrap(), "");
        // It cannot set the host's clock.
        let set = guest.run(&["sh", "-c", "date -s @$(date +%s)"]).unwrap();
        assert!(set.stderr.contains("Operation not permitted"), "{set:?}");
        assert!(
            guest.docker_writes().is_empty(),
            "{:?}",
            guest.docker_writes()
        );
    }
}

#[test]
fn power_is_like_a_virtual_machines() {
    let spec = LabSpec::new().guest(1001, Bookworm);
    let Some(lab) = Lab::for_test(&spec) else {
        return;
    };
    let guest = lab.guest(1001);
    let boot = |guest: &phoenix_tests::lab::Guest| {
        guest.wait_agent().unwrap();
        guest
            .sh("cat /proc/sys/kernel/random/boot_id /etc/machine-id")
            .unwrap()
    };
    let first = boot(&guest);
    guest.write("/root/kept", "by the disk", 0o600).unwrap();
    let mut open = guest.qga().unwrap();
    // Reset and a reboot from inside: QEMU lives on, and so does the connection to its socket.
    guest.reset().unwrap();
    let second = boot_id_over(&mut open);
    guest.run(&["systemctl", "reboot"]).unwrap();
    wait_boots(&guest, 3);
    let third = boot_id_over(&mut open);
    assert_ne!(second, third);
    drop(open);
    // The power cut: the socket goes with QEMU.
    guest.kill().unwrap();
    assert!(!guest.qga_socket().exists());
    assert!(!guest.status().unwrap().running);
    guest.start().unwrap();
    let fourth = boot(&guest);
    let (first, fourth): (Vec<_>, Vec<_>) = (first.lines().collect(), fourth.lines().collect());
    assert_ne!(first[0], fourth[0], "a new boot id");
    assert_eq!(first[1], fourth[1], "the same machine id");
    assert_eq!(guest.read("/root/kept").unwrap(), "by the disk");
    guest.power_off().unwrap();
    assert!(!guest.status().unwrap().running);
}

fn boot_id_over(agent: &mut phoenix_tests::lab::QgaConnection) -> String {
    agent.sync().unwrap();
    let file = "/proc/sys/kernel/random/boot_id";
    let ran = agent
        .exec(&["/bin/cat", file], Duration::from_secs(5))
        .unwrap();
    ran.stdout.trim().to_owned()
}

fn wait_boots(guest: &phoenix_tests::lab::Guest, wanted: u32) {
    let boots = || {
        let boots = guest.status()?.boots;
        Ok((boots < wanted).then(|| boots.to_string()))
    };
    guest
        .wait("the next boot", Duration::from_secs(30), boots)
        .unwrap();
}

#[test]
fn labs_run_side_by_side_and_leave_nothing_behind() {
    let spec = || LabSpec::new().guest(1001, Bookworm).image("web:1");
    let Some(one) = Lab::for_test(&spec()) else {
        return;
    };
    let two = Lab::up(&spec()).unwrap();
    for lab in [&one, &two] {
        assert_eq!(lab.guest(1001).address().to_string(), "192.168.77.11");
        let catalog = lab.http_get(&format!("{REGISTRY}/v2/_catalog")).unwrap();
        assert_eq!(catalog.text().trim(), r#"{"repositories":["web"]}"#);
    }
    let ids = [one.id().to_owned(), two.id().to_owned()];
    let found = ids.each_ref().map(|id| traces(id));
    assert!(found.iter().all(|traces| traces.len() > 5), "{found:?}");
    one.down().unwrap();
    // By being dropped, as at the end of a test that fails.
    drop(two);
    for id in &ids {
        assert_eq!(traces(id), BTreeSet::new());
    }
}

#[test]
fn what_a_killed_lab_process_leaves_can_be_cleaned_up() {
    let spec = LabSpec::new().guest(1001, Bookworm);
    let Some(lab) = Lab::for_test(&spec) else {
        return;
    };
    let id = lab.id().to_owned();
    let server = lab.server_process().unwrap();
    // Its machines live on.
    server.kill().unwrap();
    assert!(lab.guest(1001).run(&["true"]).unwrap().success());
    phoenix_tests::lab::down(&Layout::of(&id).unwrap()).unwrap();
    assert_eq!(traces(&id), BTreeSet::new());
}

#[test]
fn a_lab_whose_owner_is_killed_takes_itself_down() {
    if Lab::for_test(&LabSpec::new()).is_none() {
        return;
    }
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "an_owner_to_be_killed",
            "--ignored",
            "--nocapture",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(owner.stdout.take().unwrap());
    let mut lines = output.lines().map_while(Result::ok);
    let id = lines
        .find_map(|line| Some(line.strip_prefix("lab ")?.to_owned()))
        .unwrap();
    assert!(traces(&id).len() > 5);
    owner.kill().unwrap();
    owner.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !traces(&id).is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(traces(&id), BTreeSet::new());
}

#[test]
#[ignore = "another test starts and kills it"]
fn an_owner_to_be_killed() {
    let lab = Lab::up(&LabSpec::new().guest(1001, Bookworm)).unwrap();
    println!("\nlab {}", lab.id());
    std::thread::sleep(Duration::from_mins(1));
}

/// All that bears a lab's id on this host: processes, mounts, cgroups, files.
fn traces(id: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if !pid.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // Processes inside have no id in their command lines, but their cgroups have.
        for file in ["cmdline", "cgroup", "mountinfo"] {
            let text = std::fs::read_to_string(entry.path().join(file)).unwrap_or_default();
            if text.contains(id) {
                found.insert(format!("process {pid}: {file}"));
            }
        }
    }
    for folder in ["/sys/fs/cgroup", "/tmp", "/run", "/var/tmp"] {
        walk(Path::new(folder), id, 4, &mut found);
    }
    if Layout::of(id).unwrap().folder().exists() {
        found.insert("its folder".to_owned());
    }
    found
}

fn walk(folder: &Path, id: &str, depth: u32, found: &mut BTreeSet<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().contains(id) {
            found.insert(entry.path().display().to_string());
        } else if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), id, depth - 1, found);
        }
    }
}

#[test]
fn two_guests_make_a_swarm_that_answers_over_http() {
    let spec = LabSpec::new()
        .guest(1001, Bookworm)
        .guest(1002, Trixie)
        .image("web:1");
    let Some(lab) = Lab::for_test(&spec) else {
        return;
    };
    let (manager, worker) = (lab.guest(1001), lab.guest(1002));
    let started = Instant::now();
    manager
        .docker("swarm init --advertise-addr 192.168.77.11 --default-addr-pool 10.200.0.0/16")
        .unwrap();
    let token = manager.docker("swarm join-token -q worker").unwrap();
    worker
        .docker(&format!("swarm join --token {token} 192.168.77.11:2377"))
        .unwrap();
    manager
        .docker("network create -d overlay --attachable net")
        .unwrap();
    manager
        .docker(&format!(
            "service create -d --name web --mode global --network net --endpoint-mode dnsrr \
             --publish mode=host,published=8080,target=80 {REGISTRY}/web:1"
        ))
        .unwrap();
    for guest in [&manager, &worker] {
        let url = format!("{}:8080", guest.address());
        let answers = || {
            let answer = lab.http_get(&url).map(|answer| answer.text());
            Ok(match answer {
                Ok(text) if text.ends_with(" 1\n") => None,
                Ok(text) => Some(text),
                Err(error) => Some(error.to_string()),
            })
        };
        guest
            .wait("the service", Duration::from_secs(90), answers)
            .unwrap();
    }
    // Over the overlay, by name, across the nodes.
    let tasks = manager
        .docker(&format!(
            "run --rm --network net {REGISTRY}/web:1 nslookup tasks.web."
        ))
        .unwrap();
    assert_eq!(
        tasks.matches("Address").count(),
        3,
        "server and two tasks: {tasks}"
    );
    println!("swarm of two, answering after {:?}", started.elapsed());
    let writes = manager.docker_writes();
    assert!(
        writes.iter().any(|line| line.ends_with("/services/create")),
        "{writes:?}"
    );
    let before = writes.len();
    manager.docker("service ls").unwrap();
    manager.docker("node ls").unwrap();
    assert_eq!(manager.docker_writes().len(), before, "reads are no writes");
}
