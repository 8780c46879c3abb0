//! Clients that nobody here wrote, from `PyPI`: `pyportainer`, whose typed models check the shape of
//! answers, and `portainer-ctl`, with requests that Phoenix never sends.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

#[path = "../portainer_double/session.rs"]
mod session;

use std::path::PathBuf;

use phoenix_tests::doubles::portainer::{
    ADMIN_PASSWORD, AgentDouble, MemoryGuest, PortainerDouble,
};
use phoenix_tests::lab::{LabError, Run, python_environment};
use session::Session;

const REQUIREMENTS: &str = include_str!("../../portainer_clients/requirements.txt");
const WALK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/portainer_clients/walk.py");

/// Where the clients are, or none with a printed line.
#[expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a test program: its output is its report"
)]
fn clients() -> Option<PathBuf> {
    match python_environment("portainer-clients", REQUIREMENTS) {
        Ok(bin) => Some(bin),
        Err(LabError::Unusable(reason)) if std::env::var_os("PHOENIX_LAB_REQUIRED").is_none() => {
            println!("skipped: {reason}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn pyportainer_understands_every_answer() {
    let Some(bin) = clients() else {
        return;
    };
    for version in ["2.23.0", "2.39.0", "2.43.0"] {
        let guest = MemoryGuest::standalone();
        let agent = AgentDouble::memory(&guest, "127.0.0.1:0").unwrap();
        let double = PortainerDouble::start(version).unwrap();
        let session = Session::of(&double);
        session.register("guest", &agent.url());
        session.create("app", 1);
        session.settled(1);
        let walked = Run::new([bin.join("python3")])
            .args(&[
                "-B",
                WALK,
                &double.http_url(),
                &session.key,
                "1",
                "1",
                version,
            ])
            .run()
            .unwrap();
        assert_eq!(walked.code, 0, "{version}: {}", walked.stderr);
        assert_eq!(walked.stdout, "walked\n", "{version}");
    }
}

#[test]
fn portainer_ctl_deploys_to_a_swarm() {
    let Some(bin) = clients() else {
        return;
    };
    for version in ["2.23.0", "2.39.0", "2.43.0"] {
        let guest = MemoryGuest::swarm_manager();
        let agent = AgentDouble::memory(&guest, "127.0.0.1:0").unwrap();
        let double = PortainerDouble::start(version).unwrap();
        let session = Session::of(&double);
        session.register("swarm", &agent.url());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop.yml");
        let compose = "version: '3.8'\nservices:\n  web:\n    image: busybox:1.36\n    configs: [conf_1]\nconfigs:\n  conf_1: {external: true}\n";
        std::fs::write(&file, compose).unwrap();
        let conf = folder.path().join("conf");
        std::fs::write(&conf, "one").unwrap();
        let host = format!("{}/api", double.http_url());
        let pctl = |words: &[&str]| {
            // The script `pctl` of the environment names the folder it was built in.
            let run = Run::new([bin.join("python3")])
                .args(&["-B", "-c", "from portainer_ctl.cli import main; main()"])
                .args(&["-H", &host, "-U", "admin", "-P", ADMIN_PASSWORD, "-j"])
                .args(words);
            let ran = run.run().unwrap();
            assert_eq!(
                ran.code, 0,
                "{version} {words:?}: {} {}",
                ran.stdout, ran.stderr
            );
            ran.stdout
        };
        let config = format!("{}:conf_1", conf.display());
        let file = file.display().to_string();
        pctl(&[
            "deploy", "-f", &file, "-E", "1", "-S", "shop", "-e", "A=1", "-c", &config,
        ]);
        session.settled(1);
        let services = guest.services();
        assert_eq!(services.len(), 1, "{version}");
        assert_eq!(services[0].name, "shop_web", "{version}");
        // The same again is an update.
        pctl(&["deploy", "-f", &file, "-E", "1", "-S", "shop", "-e", "A=2"]);
        session.settled(1);
        assert!(
            guest.services()[0].version > services[0].version,
            "{version}"
        );
        let listed = pctl(&["stacks", "ls"]);
        assert!(listed.contains("shop"), "{version}: {listed}");
        pctl(&["tags", "create", "lab"]);
        assert!(pctl(&["endpoints", "ls"]).contains("swarm"), "{version}");
        pctl(&["stacks", "delete", "--id", "1", "-E", "1"]);
        assert!(guest.services().is_empty(), "{version}");
    }
}
