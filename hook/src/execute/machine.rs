//! Carries out one step of a machine's plan.

use phoenix_common::fail_point;
use phoenix_common::vmid::Vmid;

use crate::plan::machine::action::MachineAction;
use crate::progress::Progress;
use crate::pve::api::{ApiError, CloneRequest, GuestAddress, Pve};
use crate::pve::vmlist::Kind;

/// What an executor works with.
#[derive(Debug, Clone, Copy)]
pub struct MachineExecutor<'run> {
    pub pve: &'run Pve,
    pub progress: &'run Progress,
}

impl MachineExecutor<'_> {
    /// # Errors
    /// The step was not carried out, or it is not known whether it was: observe anew.
    pub async fn execute(&self, action: &MachineAction) -> Result<(), ApiError> {
        fail_point!("before {}: {action}", action.step());
        match action {
            MachineAction::RemoveHalfMade { vmid, node, .. } => {
                let guest = vm(node, *vmid);
                self.pve
                    .destroy(&guest, true, &mut |line| self.tell(*vmid, line))
                    .await
            }
            MachineAction::Clone {
                vmid,
                template,
                node,
                name,
                description,
            } => {
                let clone = CloneRequest {
                    from: vm(node, *template),
                    to: *vmid,
                    name: name.clone(),
                    description: description.clone(),
                };
                self.pve
                    .clone_guest(&clone, &mut |line| self.tell(*vmid, line))
                    .await
            }
            MachineAction::SetConfig {
                vmid, node, fields, ..
            } => {
                let changes: Vec<_> = (fields.iter().cloned())
                    .map(|field| (field.key, field.before, field.after))
                    .collect();
                self.pve.set_config(&vm(node, *vmid), &changes).await
            }
            MachineAction::EnlargeDisk {
                vmid,
                node,
                disk,
                to_gib,
                ..
            } => self.pve.enlarge_disk(&vm(node, *vmid), disk, *to_gib).await,
            MachineAction::Start { vmid, node } => {
                self.pve
                    .start(&vm(node, *vmid), &mut |line| self.tell(*vmid, line))
                    .await
            }
        }?;
        fail_point!("after {}: {action}", action.step());
        Ok(())
    }

    /// A line of a task: the percentage of a copied disk, or what it says.
    fn tell(&self, vmid: Vmid, line: &str) {
        match percentage(line) {
            Some(percent) => self.progress.now(vmid, &format!("{percent} %")),
            None if line.trim().is_empty() || line.starts_with("TASK ") => {}
            None => self.progress.now(vmid, line),
        }
    }
}

fn vm(node: &str, vmid: Vmid) -> GuestAddress {
    GuestAddress {
        node: node.to_owned(),
        kind: Kind::Qemu,
        vmid,
    }
}

/// The whole percents of `transferred 1.2 GiB of 32.0 GiB (3.85%)`.
fn percentage(line: &str) -> Option<u8> {
    let (before, _) = line.rsplit_once("%)")?;
    let (_, number) = before.rsplit_once('(')?;
    let whole = number.split('.').next()?;
    whole.parse().ok().filter(|percent| *percent <= 100)
}

#[cfg(test)]
mod tests {
    use super::percentage;

    #[test]
    fn the_percents_of_a_copied_disk_are_read() {
        assert_eq!(percentage("transferred 0.0 B of 1.0 GiB (0.00%)"), Some(0));
        let line = "drive-scsi0: transferred 1.0 GiB of 1.0 GiB (100.00%) in 3s";
        assert_eq!(percentage(line), Some(100));
        for other in ["create full clone of drive scsi0", "(900%)", "x%)"] {
            assert_eq!(percentage(other), None, "{other}");
        }
    }
}
