//! Puts a file into a guest, in pieces that can be sent again.

use phoenix_common::digest::sha256_hex;
use phoenix_common::qga::ExitKind;
use phoenix_common::retry::Deadline;

use super::script::{Script, text};
use super::{Channel, ChannelError};

/// Fits Proxmox's habits (`qm guest exec --pass-stdin` takes 1 MiB) and holds the socket for some 0.1 s.
const CHUNK_BYTES: usize = 1 << 20;
/// How often the whole is begun again when its checksum is wrong.
const TRIES: usize = 3;

/// Makes the folder private and says how many bytes of this very content are there from an earlier try.
const PREPARE: &str = r#"set -eu; umask 077
mkdir -p "$1"; chmod 0700 "$1"; cd "$1"
for part in *.part; do [ "$part" = "$2.part" ] || rm -f "$part"; done
touch "$2.part"; stat -c %s "$2.part""#;
/// Writes at an offset, so that a piece which arrives twice changes nothing.
const WRITE: &str = r#"set -eu; umask 077; cd "$1"
dd of="$2.part" bs=1M seek="$3" oflag=seek_bytes iflag=fullblock conv=notrunc status=none"#;
/// Only what is whole gets its name and mode. `9` says that it is not.
/// Run again after its reply was lost, it finds the file in place.
const FINISH: &str = r#"set -eu; cd "$1"
if [ ! -e "$2.part" ] && echo "$2  $3" | sha256sum -c --status; then exit 0; fi
truncate -s "$5" "$2.part"
echo "$2  $2.part" | sha256sum -c --status || { rm -f "$2.part"; exit 9; }
chmod "$4" "$2.part"; mv -f "$2.part" "$3""#;
const CHANGED_ON_THE_WAY: ExitKind = ExitKind::Code(9);

/// Where a file goes. The folder is made root's own (0700): the agent's file commands would leave files 0666.
#[derive(Debug, Clone, Copy)]
pub struct GuestFile<'file> {
    /// Absolute; belongs to Phoenix alone, unfinished pushes in it are removed.
    pub folder: &'file str,
    pub name: &'file str,
    pub mode: u32,
}

impl Channel {
    /// Puts `content` into the guest, verified there by SHA-256. Begun again after an interruption it goes
    /// on where it was; a file that stands under its name is always whole.
    pub async fn push_file(
        &self,
        content: &[u8],
        file: GuestFile<'_>,
        deadline: Deadline,
    ) -> Result<(), ChannelError> {
        let digest = sha256_hex(content);
        for _ in 0..TRIES {
            self.send_pieces(content, &digest, file.folder, deadline)
                .await?;
            let mode = format!("{:04o}", file.mode);
            let script = Script {
                step: "checking a pushed file",
                text: FINISH,
                arguments: &[
                    file.folder,
                    &digest,
                    file.name,
                    &mode,
                    &content.len().to_string(),
                ],
                stdin: Vec::new(),
            };
            let step = script.step;
            let output = self.run_script(script, deadline).await?;
            match output.exit {
                ExitKind::Code(0) => return Ok(()),
                CHANGED_ON_THE_WAY => {}
                exit => {
                    return Err(ChannelError::Script {
                        vmid: self.vmid(),
                        step,
                        exit,
                        stderr: text(&output.stderr),
                    });
                }
            }
        }
        Err(ChannelError::Checksum {
            vmid: self.vmid(),
            path: format!("{}/{}", file.folder, file.name),
        })
    }

    async fn send_pieces(
        &self,
        content: &[u8],
        digest: &str,
        folder: &str,
        deadline: Deadline,
    ) -> Result<(), ChannelError> {
        let prepare = Script {
            step: "preparing a push",
            text: PREPARE,
            arguments: &[folder, digest],
            stdin: Vec::new(),
        };
        let present = self.require_script(prepare, deadline).await?;
        // The guest's number is only a hint: anything odd starts over, the checksum decides.
        let mut sent = present.parse().unwrap_or(0);
        while let Some(piece) = content.get(sent..).filter(|rest| !rest.is_empty()) {
            let piece = piece.get(..CHUNK_BYTES).unwrap_or(piece);
            let offset = sent.to_string();
            let write = Script {
                step: "writing a pushed file",
                text: WRITE,
                arguments: &[folder, digest, &offset],
                stdin: piece.to_vec(),
            };
            self.require_script(write, deadline).await?;
            sent += piece.len();
        }
        Ok(())
    }
}
