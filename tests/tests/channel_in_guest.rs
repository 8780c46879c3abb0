//! The channel into real guests: the agent's package pushed and installed, jobs through a restarted QEMU guest agent
//! and a reset.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test program: its panic is its report"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use phoenix_common::retry::Deadline;
use phoenix_common::spec::{BaseSetupSpec, GuestSpec};
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Docker, Facts, Membership, SwarmInit, Work};
use phoenix_hook::channel::{CarriedPackage, Channel, ChannelError, JobError};
use phoenix_hook::paths::Paths;
use phoenix_hook::plan::agent::{AgentVerdict, judge_agent};
use phoenix_tests::lab::Suite::{Bookworm, Trixie};
use phoenix_tests::lab::{Guest, Lab, LabSpec};

/// Holds dpkg's lock, as apt does on a first boot, for so many seconds.
const HOLD_LOCK: &str = r#"use Fcntl;
for my $file ("/var/lib/dpkg/lock-frontend", "/var/lib/apt/lists/lock") {
    my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
    open(my $handle, ">", $file) or die; push @open, $handle;
    fcntl($handle, F_SETLK, $lock) or die;
}
sleep $ARGV[0];
"#;

fn soon() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

fn channel(guest: &Guest, vmid: u32) -> Channel {
    let socket = guest.qga_socket();
    let root = socket.ancestors().nth(3).unwrap();
    Channel::to_vm(Vmid::new(vmid).unwrap(), &Paths::new(root))
}

/// The package built by `make deb-lab`.
fn package() -> Option<CarriedPackage> {
    let folder = std::env::var_os("PHOENIX_DEB_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/lab"),
        PathBuf::from,
    );
    let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut paths = files.map(|file| file.path());
    let path = paths.find(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("phoenix-guest-agent_")
    });
    let Some(path) = path else {
        println!("skipped: no package in {} (make deb-lab)", folder.display());
        return None;
    };
    let version = path.file_name().unwrap().to_string_lossy().into_owned();
    Some(CarriedPackage {
        content: std::fs::read(&path).unwrap(),
        version: version.split('_').nth(1).unwrap().to_owned(),
    })
}

async fn install(channel: &Channel, package: &CarriedPackage) -> Result<Facts, ChannelError> {
    channel.install_agent(package, soon()).await
}

/// Something happens in the guest a little later, whatever becomes of the QEMU guest agent.
fn later(guest: &Guest, seconds: &str, command: &str) {
    let delay = format!("--on-active={seconds}");
    let argv = [
        "systemd-run",
        "--collect",
        "--timer-property=AccuracySec=10ms",
        &delay,
    ];
    let argv = [&argv[..], &["sh", "-c", command]].concat();
    assert!(guest.run(&argv).unwrap().success());
}

fn hold_lock(guest: &Guest, seconds: &str) {
    guest.write("/root/hold-lock.pl", HOLD_LOCK, 0o600).unwrap();
    let unit = [
        "systemd-run",
        "--unit=hold-lock",
        "--collect",
        "perl",
        "/root/hold-lock.pl",
        seconds,
    ];
    assert!(guest.run(&unit).unwrap().success());
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(guest.sh("systemctl is-active hold-lock").unwrap(), "active");
}

#[tokio::test]
async fn the_agent_is_installed_into_bare_guests() {
    let spec = LabSpec::new().guest(1001, Bookworm).guest(1002, Trixie);
    let (Some(package), Some(lab)) = (package(), Lab::for_test(&spec)) else {
        return;
    };
    for vmid in [1001, 1002] {
        let guest = lab.guest(vmid);
        let channel = channel(&guest, vmid);
        channel.probe(soon()).await.unwrap();
        let error = channel.facts(soon()).await.unwrap_err();
        assert!(
            matches!(error, ChannelError::AgentMissing { .. }),
            "{error}"
        );

        let started = Instant::now();
        let facts = install(&channel, &package).await.unwrap();
        println!("{vmid}: installed in {:?}", started.elapsed());
        assert_eq!(
            judge_agent(&facts, Some(&package.version)),
            AgentVerdict::Usable
        );
        assert_eq!(facts.hostname, guest.hostname());
        assert!(
            !guest
                .path("/run/phoenix-guest-agent-setup")
                .unwrap()
                .exists()
        );

        another_package_tool_is_waited_for(&guest, &channel, &package).await;
        a_restarted_agent_costs_one_repetition(&guest, &channel, &package).await;
        a_package_that_is_none_is_dpkgs_error(&channel).await;
    }
}

async fn another_package_tool_is_waited_for(
    guest: &Guest,
    channel: &Channel,
    package: &CarriedPackage,
) {
    hold_lock(guest, "3");
    let started = Instant::now();
    install(channel, package).await.unwrap();
    assert!(started.elapsed() > Duration::from_secs(2));
    hold_lock(guest, "60");
    let soon = Deadline::after(Duration::from_secs(5));
    let error = channel.install_agent(package, soon).await.unwrap_err();
    assert!(error.to_string().contains("lock"), "{error}");
    guest.sh("systemctl stop hold-lock").unwrap();
}

async fn a_restarted_agent_costs_one_repetition(
    guest: &Guest,
    channel: &Channel,
    package: &CarriedPackage,
) {
    for seconds in ["0.1", "0.4", "0.8"] {
        later(guest, seconds, "systemctl restart qemu-guest-agent");
        install(channel, package).await.unwrap();
    }
}

async fn a_package_that_is_none_is_dpkgs_error(channel: &Channel) {
    let garbage = CarriedPackage {
        content: b"no package".to_vec(),
        version: "9.9.9".to_owned(),
    };
    let error = install(channel, &garbage).await.unwrap_err();
    assert!(matches!(error, ChannelError::Dpkg { .. }), "{error}");
    channel.facts(soon()).await.unwrap();
}

#[tokio::test]
async fn jobs_outlive_the_qemu_guest_agent_but_no_reset() {
    let spec = LabSpec::new().guest(1001, Bookworm);
    let (Some(package), Some(lab)) = (package(), Lab::for_test(&spec)) else {
        return;
    };
    let guest = lab.guest(1001);
    let channel = channel(&guest, 1001);
    let before = install(&channel, &package).await.unwrap();

    // The job's start, its polls and its end: the agent goes down at each of them.
    for seconds in [0.05, 0.3, 0.6, 0.9_f32] {
        later(
            &guest,
            &seconds.to_string(),
            "systemctl restart qemu-guest-agent",
        );
    }
    let init = Work::SwarmInit(SwarmInit {
        advertise_address: guest.address().to_string(),
        default_address_pool: vec!["10.200.0.0/16".to_owned()],
    });
    channel.run_job(init, soon(), &mut |_| {}).await.unwrap();
    let facts = channel.facts(soon()).await.unwrap();
    let docker = facts.docker.known().cloned();
    assert!(
        matches!(
            &docker,
            Some(Docker::Running {
                swarm: Membership::Manager { .. },
                ..
            })
        ),
        "{docker:?}"
    );

    // A job that waits for dpkg's lock when the guest is reset under it.
    hold_lock(&guest, "60");
    let needs_apt = Work::ApplyGuest(GuestSpec {
        base_setup: Some(BaseSetupSpec {
            packages: vec!["hello".to_owned()],
            ..BaseSetupSpec::default()
        }),
        ..GuestSpec::default()
    });
    let reset = guest.clone();
    let resetting = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(2));
        reset.reset().unwrap();
    });
    let error = channel
        .run_job(needs_apt, soon(), &mut |_| {})
        .await
        .unwrap_err();
    resetting.join().unwrap();
    assert!(matches!(error, JobError::Rebooted { .. }), "{error}");
    assert_ne!(channel.facts(soon()).await.unwrap().boot_id, before.boot_id);
}
