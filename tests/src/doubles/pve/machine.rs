//! The guests' QEMUs, asked of the lab.

use std::path::PathBuf;
use std::time::Duration;

use phoenix_common::vmid::Vmid;

use super::config::Config;
use super::error::PveError;
use super::node::Node;
use crate::lab::GuestSpec;
use crate::lab::control::{Output, Power, Program, QemuStatus, Reply, Request, ask};
use crate::lab::pve_files::DiskContent;

const ANSWER: Duration = Duration::from_mins(1);

/// The lab behind the node (`/run/lab-control/socket`).
#[derive(Debug)]
pub(super) struct Machines(PathBuf);

impl Machines {
    pub(super) fn of(node: &Node) -> Self {
        Self(node.below("/run/lab-control/socket"))
    }

    /// None when it does not run. A guest that the lab does not know is stopped.
    pub(super) fn status(&self, vmid: u32) -> Option<QemuStatus> {
        let machine = vmid.to_string();
        let power = self.power(&Request::Status { machine }, ANSWER).ok()?;
        power.running.then_some(power.status)
    }

    pub(super) fn start(&self, vmid: u32, status: QemuStatus) -> Result<(), PveError> {
        let machine = vmid.to_string();
        self.ask(&Request::Start { machine, status })
    }

    /// Gives a guest that was cloned a place in the lab, unless it has one: `disk` is what is on its disk.
    pub(super) fn place(&self, vmid: u32, config: &Config, disk: &[u8]) -> Result<(), PveError> {
        let status = Request::Status {
            machine: vmid.to_string(),
        };
        let Ok(content) = serde_json::from_slice::<DiskContent>(disk) else {
            return Ok(());
        };
        if ask(&self.0, &status, ANSWER).is_ok() {
            return Ok(());
        }
        let vmid = Vmid::new(vmid).map_err(|error| PveError::Double(error.to_string()))?;
        let address = config.get("ipconfig0").and_then(|value| {
            let ip = value.split(',').find_map(|part| part.strip_prefix("ip="))?;
            ip.split('/').next()?.parse().ok()
        });
        let memory_mib = super::resources::memory_mib(config);
        let guest = GuestSpec {
            vmid,
            suite: content.suite,
            name: config.get("name").unwrap_or_default().to_owned(),
            address,
            memory_bytes: Some(memory_mib << 20),
            started: false,
            docker: content.docker,
            double: None,
            config_lines: Vec::new(),
        };
        self.ask(&Request::Define { guest })
    }

    /// Runs a program in a container.
    pub(super) fn run(&self, vmid: u32, program: Program) -> Result<Output, PveError> {
        let machine = vmid.to_string();
        let request = Request::Run { machine, program };
        // As `pct exec`: nothing ends it but the program.
        match ask(&self.0, &request, Duration::from_hours(1))? {
            Reply::Ran { output } => Ok(output),
            _ => Err(PveError::Double("no output in the answer".into())),
        }
    }

    /// Its disks are gone. A lab that does not know it has nothing to forget.
    pub(super) fn forget(&self, vmid: u32) {
        let machine = vmid.to_string();
        let _ = self.ask(&Request::Forget { machine });
    }

    pub(super) fn kill(&self, vmid: u32) -> Result<(), PveError> {
        self.ask(&Request::Kill {
            machine: vmid.to_string(),
        })
    }

    pub(super) fn power_button(&self, vmid: u32) -> Result<(), PveError> {
        self.ask(&Request::PowerButton {
            machine: vmid.to_string(),
        })
    }

    pub(super) fn reset(&self, vmid: u32) -> Result<(), PveError> {
        self.ask(&Request::Reset {
            machine: vmid.to_string(),
        })
    }

    pub(super) fn pause(&self, vmid: u32) -> Result<(), PveError> {
        self.ask(&Request::Pause {
            machine: vmid.to_string(),
        })
    }

    pub(super) fn proceed(&self, vmid: u32) -> Result<(), PveError> {
        self.ask(&Request::Continue {
            machine: vmid.to_string(),
        })
    }

    /// Whether it went off within `longest`.
    pub(super) fn await_off(&self, vmid: u32, longest: Duration) -> bool {
        let request = Request::AwaitOff {
            machine: vmid.to_string(),
            seconds: longest.as_secs(),
        };
        let power = self.power(&request, longest + ANSWER);
        power.is_ok_and(|power| !power.running)
    }

    fn ask(&self, request: &Request) -> Result<(), PveError> {
        ask(&self.0, request, ANSWER)?;
        Ok(())
    }

    fn power(&self, request: &Request, deadline: Duration) -> Result<Power, PveError> {
        match ask(&self.0, request, deadline)? {
            Reply::Power { power } => Ok(power),
            _ => Err(PveError::Double("no power in the answer".into())),
        }
    }
}
