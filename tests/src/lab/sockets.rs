//! What a guest's QEMU would have on the node besides the guest: sockets and a pid file.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use super::agent_double::AgentEnd;
use super::error::LabError;
use super::machine::Hardware;
use super::qmp::{self, SharedStatus};
use super::{agent_double, docker_proxy, relay};

/// The tasks that serve the sockets, for as long as QEMU lives.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    tasks: Vec<JoinHandle<()>>,
    files: Vec<PathBuf>,
}

impl Sockets {
    /// Opens them; the node has none.
    pub(super) fn open(
        hardware: &Hardware,
        status: SharedStatus,
        off: UnboundedSender<()>,
        obeys: Arc<AtomicBool>,
    ) -> Result<Self, LabError> {
        let mut sockets = Self::default();
        let run = hardware.place.run();
        fs::create_dir_all(&run).map_err(LabError::path("create", &run))?;
        let Some(vmid) = hardware.machine.vmid else {
            return Ok(sockets);
        };
        let folder = hardware.layout.run_qemu_server();
        let (qga, qmp) = (
            hardware.layout.qga(vmid),
            folder.join(format!("{vmid}.qmp")),
        );
        let (docker, pid) = (run.join("docker.sock"), folder.join(format!("{vmid}.pid")));
        // Known before they are made: dropped in mid-way, all go.
        sockets.files = vec![qga.clone(), qmp.clone(), docker.clone(), pid.clone()];
        let agent = relay::listen(&qga).map_err(LabError::path("listen at", &qga))?;
        sockets.serve(qmp::serve(qmp::listen(&qmp)?, status));
        // No process of the node stands behind the number; pid 1 always lives.
        fs::write(&pid, "1\n").map_err(LabError::path("write", &pid))?;
        if let Some(double) = hardware.machine.double {
            let log = hardware.place.agent_requests();
            sockets.serve(agent_double::serve(
                agent,
                AgentEnd {
                    double,
                    log,
                    off,
                    obeys,
                },
            ));
            return Ok(sockets);
        }
        sockets.serve(relay::serve(agent, run.join("qga.sock")));
        let log = hardware.place.docker_requests();
        let proxy = docker_proxy::listen(&docker)?;
        sockets.serve(docker_proxy::serve(proxy, run.join("dockerd.sock"), log));
        Ok(sockets)
    }

    fn serve(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(tokio::spawn(task));
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
    }
}
