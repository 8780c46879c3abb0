//! The size of the disk that the guest boots from.

use super::MachinePlan;
use super::action::MachineAction;
use super::desired::MachineDesired;
use crate::pve::conf::GuestConf;
use crate::pve::drive;

/// Where a disk is looked for when nothing says what the guest boots from.
const USUAL_DISKS: [&str; 4] = ["scsi0", "virtio0", "sata0", "ide0"];

pub(super) fn plan(desired: &MachineDesired, node: &str, conf: &GuestConf, plan: &mut MachinePlan) {
    let Some(gib) = desired.disk_gib else {
        return;
    };
    let Some((disk, bytes)) = boot_disk(conf) else {
        plan.findings.push(format!(
            "disk_size_gb is {gib}, but no disk with a size is found to boot from (qm config {})",
            desired.vmid
        ));
        return;
    };
    let wanted = u64::from(gib) << 30;
    if bytes < wanted {
        plan.actions.push(MachineAction::EnlargeDisk {
            vmid: desired.vmid,
            node: node.to_owned(),
            disk: disk.to_owned(),
            from_bytes: bytes,
            to_gib: gib,
        });
    } else if bytes > wanted {
        let real = bytes.div_ceil(1 << 30);
        plan.findings.push(format!(
            "disk {disk} has {real} GiB and {gib} are declared; Proxmox does not shrink disks: write \"disk_size_gb\": {real}, or delete the guest and create it anew from a template with a smaller disk"
        ));
    }
}

/// The first disk of the boot order, else the usual one.
fn boot_disk(conf: &GuestConf) -> Option<(&str, u64)> {
    let order = conf.wanted("boot").and_then(|boot| {
        boot.split(',')
            .find_map(|part| part.trim().strip_prefix("order="))
    });
    let ordered = order.unwrap_or_default().split(';');
    let legacy = conf.wanted("bootdisk");
    ordered
        .chain(legacy)
        .chain(USUAL_DISKS)
        .filter(|key| drive::is_drive_key(key))
        .find_map(|key| {
            let value = conf.wanted(key)?;
            if drive::is_cdrom(value) {
                return None;
            }
            let bytes = drive::size_bytes(value)?;
            Some((key, bytes))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_the_one_the_guest_boots_from() {
        let disk = |text: &str| {
            let conf = GuestConf::parse(text);
            boot_disk(&conf).map(|(key, bytes)| (key.to_owned(), bytes >> 30))
        };
        let drives =
            "ide2: local:c,media=cdrom,size=4M\nscsi0: local:a,size=2G\nvirtio1: local:b,size=9G\n";
        let with = |boot: &str| disk(&format!("{boot}\n{drives}"));
        assert_eq!(
            with("boot: order=ide2;virtio1;scsi0"),
            Some(("virtio1".to_owned(), 9))
        );
        assert_eq!(with("bootdisk: scsi0"), Some(("scsi0".to_owned(), 2)));
        assert_eq!(with("name: x"), Some(("scsi0".to_owned(), 2)));
        assert_eq!(disk("net0: virtio\n"), None);
    }
}
