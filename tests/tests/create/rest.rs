//! The same over REST with a token, against an independently written Proxmox API.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use phoenix_tests::fakepve::FakePve;
use serde_json::{Map, Value, json};

use crate::estate::{TEMPLATE, configure, declared_keys, wanted};
use crate::node::{Ended, Node, ended, phoenix};

const SECRET: &str = "0f3c-canary";
const TOKEN: &str = "root@pam!phoenix";
const CREATE: &str = "create 1001 --machine-only --yes";

/// A machine with Phoenix's configuration that is no Proxmox node, and a cluster with the template.
struct Remote {
    pve: FakePve,
    root: tempfile::TempDir,
}

impl Remote {
    /// `None` where fakepve cannot be installed.
    fn new() -> Option<Self> {
        let pve = FakePve::for_test()?;
        let config: Map<String, Value> = TEMPLATE
            .iter()
            .filter(|(key, _)| *key != "template")
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        let template =
            json!({"vmid": 9000, "name": "debian-12", "config": config, "template": true});
        pve.ask("add-vm", &template).unwrap();
        pve.add_token(TOKEN, SECRET, &[]).unwrap();
        let remote = Self {
            pve,
            root: tempfile::tempdir().unwrap(),
        };
        remote.trust(&json!({"ca_file": remote.pve.address().ca}));
        remote.hold_token(&format!("{TOKEN}={SECRET}"));
        Some(remote)
    }

    /// Writes the settings with this certificate of the server.
    fn trust(&self, certificate: &Value) {
        let mut api = certificate.clone();
        api["url"] = json!(self.pve.address().url);
        api["token_file"] = json!("secrets/pve-token");
        configure(self.root.path(), &json!({ "pve_api": api }));
    }

    fn hold_token(&self, token: &str) {
        let path = self.root.path().join("etc/phoenix/secrets/pve-token");
        std::fs::write(&path, format!("{token}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn phoenix(&self, words: &str) -> Ended {
        let called = ended(phoenix(self.root.path(), words).output().unwrap());
        let shown = format!("{}{}", called.stdout, called.stderr);
        assert!(!shown.contains(SECRET), "the token is shown: {shown}");
        called
    }

    fn finishes(&self) {
        let next = self.phoenix(CREATE);
        assert_eq!(next.exit, Some(0), "{next:?}");
        let guest = self.pve.guest(1001).unwrap();
        assert_eq!(declared_keys(&guest["config"]), wanted(1001));
        assert_eq!(guest["status"], "running");
        let writes = self.pve.writes().unwrap().len();
        let again = self.phoenix(CREATE);
        assert!(again.stdout.contains("nothing written"), "{again:?}");
        assert_eq!(self.pve.writes().unwrap().len(), writes);
    }
}

fn failed_with(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.exit, Some(1), "{ended:?}");
    let shown = format!("{}{}", ended.stdout, ended.stderr);
    for word in words {
        assert!(shown.contains(word), "{word}: {ended:?}");
    }
}

#[test]
fn the_plan_is_that_of_the_node() {
    let Some(remote) = Remote::new() else { return };
    let node = Node::new();
    for vmid in [1001, 1002] {
        let words = format!("create {vmid} --dry-run --json");
        let plans = [remote.phoenix(&words), node.phoenix(&words)];
        let [over_rest, on_node] = plans.map(|planned| {
            assert_eq!(planned.exit, Some(3), "{planned:?}");
            serde_json::from_str::<Value>(&planned.stdout).unwrap()
        });
        assert_eq!(over_rest, on_node);
    }
    assert_eq!(remote.pve.writes().unwrap(), Vec::<String>::new());
}

#[test]
fn both_guests_are_made_and_a_second_run_writes_nothing() {
    let Some(remote) = Remote::new() else { return };
    remote.trust(&json!({"fingerprint": remote.pve.address().fingerprint}));
    for vmid in [1002, 1001] {
        let created = remote.phoenix(&format!("create {vmid} --machine-only --yes"));
        assert_eq!(created.exit, Some(0), "{created:?}");
        assert!(created.stderr.contains(": 100 %"), "{created:?}");
        let guest = remote.pve.guest(vmid).unwrap();
        assert_eq!(declared_keys(&guest["config"]), wanted(vmid));
        assert_eq!(guest["status"], "running");
    }
    let writes = remote.pve.writes().unwrap();
    for vmid in [1001, 1002] {
        let again = remote.phoenix(&format!("create {vmid} --machine-only"));
        assert!(again.stdout.contains("nothing written"), "{again:?}");
    }
    assert_eq!(remote.pve.writes().unwrap(), writes);
    // From here nobody reaches the inside of a guest.
    let inside = remote.phoenix("converge 1001");
    assert_eq!(inside.exit, Some(4), "{inside:?}");
    assert!(
        inside.stdout.contains("phoenix converge 1001 there"),
        "{inside:?}"
    );
}

#[test]
fn a_clone_that_fails() {
    let Some(remote) = Remote::new() else { return };
    remote
        .pve
        .ask("clone", &json!({"seconds": 1, "fails_at": 40}))
        .unwrap();
    let failed = remote.phoenix(CREATE);
    failed_with(
        &failed,
        &[
            "qmclone of 9000: clone failed",
            "to go on: phoenix create 1001",
        ],
    );
    remote.pve.ask("clone", &json!({"seconds": 0})).unwrap();
    remote.finishes();
}

#[test]
fn a_lock_held_for_30_seconds() {
    let Some(remote) = Remote::new() else { return };
    remote.finishes();
    remote
        .pve
        .ask("hold-lock", &json!({"vmid": 1001, "seconds": 30}))
        .unwrap();
    let guests = remote
        .root
        .path()
        .join("etc/phoenix/phoenix_vm_configs.json");
    let text = std::fs::read_to_string(&guests).unwrap();
    std::fs::write(
        &guests,
        text.replace("\"memory_mb\": 8192", "\"memory_mb\": 8000"),
    )
    .unwrap();
    let begun = Instant::now();
    let waited = remote.phoenix("converge 1001 --machine-only --yes");
    assert_eq!(waited.exit, Some(0), "{waited:?}");
    assert!(waited.stderr.contains("got timeout"), "{waited:?}");
    assert!(begun.elapsed() > Duration::from_secs(25), "{waited:?}");
}

#[test]
fn no_quorum() {
    let Some(remote) = Remote::new() else { return };
    remote
        .pve
        .ask("quorum", &json!({"quorate": false}))
        .unwrap();
    let failed = remote.phoenix(CREATE);
    failed_with(&failed, &["no quorum", "pvecm status"]);
    remote.pve.ask("quorum", &json!({"quorate": true})).unwrap();
    remote.finishes();
}

#[test]
fn a_node_that_vanishes() {
    let Some(remote) = Remote::new() else { return };
    remote
        .pve
        .ask("add-node", &json!({"name": "pve2"}))
        .unwrap();
    remote
        .pve
        .ask("node-online", &json!({"name": "pve1", "online": false}))
        .unwrap();
    let failed = remote.phoenix("create 1001 --machine-only --yes --deadline 2");
    assert!(matches!(failed.exit, Some(1 | 4)), "{failed:?}");
    let shown = format!("{}{}", failed.stdout, failed.stderr);
    assert!(shown.contains("the node cannot be reached"), "{failed:?}");
    remote
        .pve
        .ask("node-online", &json!({"name": "pve1", "online": true}))
        .unwrap();
    remote.finishes();
}

#[test]
fn a_token_without_rights() {
    let Some(remote) = Remote::new() else { return };
    let token = "operator@pve!phoenix";
    remote.pve.add_token(token, SECRET, &[]).unwrap();
    remote.hold_token(&format!("{token}={SECRET}"));
    let failed = remote.phoenix(CREATE);
    failed_with(&failed, &["may not see"]);
    // It sees and may clone, and lacks what comes then.
    let some: &[&str] = &[
        "VM.Audit",
        "VM.Clone",
        "VM.Allocate",
        "Datastore.AllocateSpace",
    ];
    remote.pve.add_token(token, SECRET, &[("/", some)]).unwrap();
    let failed = remote.phoenix(CREATE);
    failed_with(&failed, &["Permission check failed", "lacks a right"]);
    assert_eq!(remote.pve.guest(1001).unwrap()["status"], "stopped");
    remote.hold_token(&format!("{TOKEN}={SECRET}"));
    remote.finishes();
}

#[test]
fn a_wrong_token_and_a_wrong_certificate() {
    let Some(remote) = Remote::new() else { return };
    remote.hold_token(&format!("{TOKEN}=wrong"));
    failed_with(&remote.phoenix(CREATE), &["Authentication failed"]);
    remote.hold_token(&format!("{TOKEN}={SECRET}"));
    remote.trust(&json!({"fingerprint": "ab".repeat(32)}));
    let refused = remote.phoenix(CREATE);
    failed_with(&refused, &["another one than configured"]);
    remote.trust(&json!({"ca_file": remote.pve.address().ca}));
    assert_eq!(remote.pve.writes().unwrap(), Vec::<String>::new());
    remote.finishes();
}
