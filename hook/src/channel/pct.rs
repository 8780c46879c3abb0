//! The channel to a container of this node: `pct exec`, which takes no lock (`pct push` does, and exits 0 when it
//! fails).

use phoenix_common::command::Ended;
use phoenix_common::qga::ExitKind;
use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;

use super::script::text;
use super::{ChannelError, GuestCommand, GuestOutput};
use crate::paths::Paths;
use crate::pve::tool::tool;

/// First on stderr once the command runs in the container. `pct` itself ends with 1, 2 or 255 when it does not get
/// that far, and so may the command.
const ENTERED: &str = "phoenix: entered";
const ENTER: &str = "echo \"$0\" >&2; exec \"$@\"";

/// Runs programs by `pct exec`.
#[derive(Debug, Clone)]
pub struct PctChannel {
    vmid: Vmid,
    paths: Paths,
}

impl PctChannel {
    pub(super) fn new(vmid: Vmid, paths: &Paths) -> Self {
        Self {
            vmid,
            paths: paths.clone(),
        }
    }

    pub(super) fn vmid(&self) -> Vmid {
        self.vmid
    }

    pub(super) async fn probe(&self, deadline: Deadline) -> Result<(), ChannelError> {
        let nothing = GuestCommand {
            program: "/bin/true".to_owned(),
            arguments: Vec::new(),
            stdin: Vec::new(),
            output_limit_bytes: 0,
        };
        self.run(nothing, deadline).await.map(drop)
    }

    /// The output limit is the command runner's; `pct`'s death does not end the command in the container.
    pub(super) async fn run(
        &self,
        command: GuestCommand,
        deadline: Deadline,
    ) -> Result<GuestOutput, ChannelError> {
        let vmid = self.vmid;
        // With its default, `pct exec` would take our environment along.
        let ended = tool(&self.paths, "pct", deadline.remaining())
            .args(["exec", &vmid.to_string(), "--keep-env", "0", "--"])
            .args(["/bin/sh", "-c", ENTER, ENTERED])
            .arg(command.program)
            .args(command.arguments)
            .stdin(command.stdin)
            .run_to_exit()
            .await
            .map_err(|source| ChannelError::Pct { vmid, source })?;
        let Ended { code, output } = ended;
        let Some(stderr) = behind_mark(&output.stderr) else {
            return Err(ChannelError::NotEntered {
                vmid,
                code,
                message: text(&output.stderr),
            });
        };
        Ok(GuestOutput {
            exit: exit_kind(code),
            stderr: stderr.to_vec(),
            stdout: output.stdout,
        })
    }
}

/// `pct` passes 128 + n for a command that signal n ended.
fn exit_kind(code: i32) -> ExitKind {
    match code {
        129..=192 => ExitKind::Signal(code - 128),
        code => ExitKind::Code(code),
    }
}

fn behind_mark(stderr: &[u8]) -> Option<&[u8]> {
    stderr.strip_prefix(ENTERED.as_bytes())?.strip_prefix(b"\n")
}
