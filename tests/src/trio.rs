//! An estate of three guests that Proxmox has started: 1001 manages a Swarm, 1002 and 1003 work in it, no stack.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::estate::{Estate, EstateError};
use crate::lab::{GuestSpec, Lab, LabError, LabSpec, NodeSpec, Suite, packages};

/// The image that its registry offers.
pub const IMAGE: &str = "phoenix-demo/web:1";
/// How long it may take to converge, or to become what a test waits for.
pub const LIMIT: Duration = Duration::from_mins(3);

/// The three guests and their node.
#[derive(Debug)]
pub struct Trio(pub Estate);

impl Trio {
    /// For tests; `None` with a printed line where no lab can be held.
    ///
    /// # Errors
    /// No package, or the Swarm did not come about.
    pub fn for_test() -> Result<Option<Self>, EstateError> {
        let package = packages("phoenix-hook").pop();
        let node = NodeSpec::new().package(package.ok_or(EstateError::NoPackage)?);
        let guest = |vmid, suite| GuestSpec::new(vmid, suite).stopped().hooked();
        let spec = LabSpec::new()
            .guest_with(guest(1001, Suite::Bookworm))
            .guest_with(guest(1002, Suite::Trixie))
            .guest_with(guest(1003, Suite::Bookworm))
            .image(IMAGE)
            .node(node);
        let Some(lab) = Lab::for_test(&spec) else {
            return Ok(None);
        };
        let trio = Self(Estate(lab));
        let entry = |vmid: u32, role: &str| {
            let ip = format!("192.168.77.{}/24", vmid - 990);
            json!({"vmid": vmid, "name": format!("vm{vmid}"), "features": ["docker"],
                "network_config": {"ip": ip, "gw": "192.168.77.254"}, "swarm_role": role})
        };
        let roles = [(1001, "manager"), (1002, "worker"), (1003, "worker")];
        let guests = roles.map(|(vmid, role)| entry(vmid, role));
        trio.write("/etc/phoenix/phoenix_vm_configs.json", &json!(guests))?;
        for vmid in [1001, 1002, 1003] {
            trio.0.start(vmid)?;
        }
        trio.converges();
        Ok(Some(trio))
    }

    /// Writes a JSON file on the node.
    ///
    /// # Errors
    /// The node is off.
    pub fn write(&self, path: &str, content: &Value) -> Result<(), LabError> {
        let node = self.0.0.node();
        node.write(path, content.to_string(), 0o644)
    }

    /// What a script in guest 1001 prints.
    ///
    /// # Panics
    /// It fails: a step of the test.
    #[expect(clippy::panic, reason = "prose in tests")]
    pub fn manager(&self, script: &str) -> String {
        match self.0.0.guest(1001).sh(script) {
            Ok(said) => said.trim().to_owned(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits until every guest's last run ended converged.
    ///
    /// # Panics
    /// It does not come about; with what the worker said.
    #[expect(clippy::panic, reason = "prose in tests")]
    pub fn converges(&self) {
        if let Err(error) = self.0.wait_converged(LIMIT, |_| {}) {
            let said = self
                .0
                .0
                .node()
                .journal("phoenix-worker")
                .unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(40).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            let shown = self.manager("docker node ls");
            panic!("{error}\n{}\n{shown}", last.join("\n"));
        }
    }

    /// Asks again and again, for at most [`LIMIT`].
    ///
    /// # Panics
    /// It does not become so.
    pub fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !is_so() {
            let shown = || self.manager("docker node ls; docker service ls");
            assert!(begin.elapsed() < LIMIT, "{what}: {}", shown());
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}
