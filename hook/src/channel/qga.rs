//! The channel to a VM of this node.

use phoenix_common::qga::{Exec, QgaClient, QgaError};
use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;

use super::{ChannelError, GuestCommand, GuestOutput};
use crate::paths::Paths;

/// Runs programs over QEMU's guest agent.
#[derive(Debug, Clone)]
pub struct QgaChannel {
    vmid: Vmid,
    client: QgaClient,
}

impl QgaChannel {
    pub(super) fn new(vmid: Vmid, paths: &Paths) -> Self {
        Self {
            vmid,
            client: QgaClient::new(paths.qga_socket(vmid), paths.qga_lock(vmid)),
        }
    }

    pub(super) fn vmid(&self) -> Vmid {
        self.vmid
    }

    pub(super) async fn probe(&self, deadline: Deadline) -> Result<(), ChannelError> {
        let probed = self.client.require_exec(deadline).await;
        probed.map_err(|source| self.failed(source))
    }

    pub(super) async fn run(
        &self,
        command: GuestCommand,
        deadline: Deadline,
    ) -> Result<GuestOutput, ChannelError> {
        let exec = Exec::new(command.program)
            .args(command.arguments)
            .stdin(command.stdin)
            .output_limit(command.output_limit_bytes);
        let output = self.client.exec(&exec, deadline).await;
        let output = output.map_err(|source| self.failed(source))?;
        Ok(GuestOutput {
            exit: output.exit,
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }

    fn failed(&self, source: QgaError) -> ChannelError {
        ChannelError::Qga {
            vmid: self.vmid,
            source,
        }
    }
}
