//! `qm resize`: only ever grows a disk.

use super::arguments::Arguments;
use super::error::PveError;
use super::job::Job;
use super::lock::{Teller, WAIT, lock};
use super::machine::Machines;
use super::node::{Kind, Node};
use super::task::{self, Show};
use super::{resources, say, warn};

const USAGE: &str = "qm disk resize <vmid> <disk> <size> [OPTIONS]";

/// `qm resize`: the task's failure is told, the tool itself ends with 0 (recorded).
pub(super) fn resize(node: &Node, vmid: u32, arguments: &Arguments) -> Result<(), PveError> {
    let [_, disk, size] = arguments.words.as_slice() else {
        return Err(PveError::Usage(format!(
            "400 not enough arguments\n{USAGE}"
        )));
    };
    let job = job(vmid, disk, size, USAGE)?;
    match task::run(node, job, Show::Stdout) {
        Err(PveError::Task { wrong, .. }) => {
            warn(&wrong);
            Ok(())
        }
        other => other.map(drop),
    }
}

/// A checked request.
pub(super) fn job(vmid: u32, disk: &str, size: &str, usage: &str) -> Result<Job, PveError> {
    if !disks().any(|known| known == disk) {
        let known = disks().collect::<Vec<_>>().join(", ");
        return Err(PveError::Parameter(format!(
            "disk: value '{disk}' does not have a value in the enumeration '{known}'\n{usage}"
        )));
    }
    if resources::size_bytes(size.trim_start_matches('+')).is_none() {
        let wrong = "size: value does not match the regex pattern";
        return Err(PveError::Parameter(format!("{wrong}\n{usage}")));
    }
    Ok(Job::Resize {
        vmid,
        disk: disk.to_owned(),
        size: size.to_owned(),
    })
}

/// Disks in the order of Proxmox's schema.
fn disks() -> impl Iterator<Item = String> {
    let buses = [
        ("ide", 4),
        ("scsi", 31),
        ("virtio", 16),
        ("sata", 6),
        ("efidisk", 1),
        ("tpmstate", 1),
    ];
    let numbered = |(bus, count): (&'static str, u32)| (0..count).map(move |n| format!("{bus}{n}"));
    buses.into_iter().flat_map(numbered)
}

/// The task's work.
pub(super) fn grow(node: &Node, vmid: u32, disk: &str, size: &str) -> Result<(), PveError> {
    let _held = lock(node, Kind::Qemu, vmid, WAIT, Teller::Task)?;
    let mut config = node.config(Kind::Qemu, vmid)?;
    super::power::check_lock(&config)?;
    let Some(value) = config.current.get(disk).cloned() else {
        return Err(PveError::died(255, format!("disk '{disk}' does not exist")));
    };
    let old = value
        .split(',')
        .find_map(|part| part.strip_prefix("size="))
        .unwrap_or("0")
        .to_owned();
    let old_bytes = resources::size_bytes(&old).unwrap_or(0);
    let asked = resources::size_bytes(size.trim_start_matches('+')).unwrap_or(0);
    let wanted = if size.starts_with('+') {
        old_bytes + asked
    } else {
        asked
    };
    if wanted < old_bytes {
        return Err(PveError::died(255, "shrinking disks is not supported"));
    }
    if wanted == old_bytes {
        return Ok(());
    }
    // A running guest's disk is grown by its QEMU, which says nothing.
    if Machines::of(node).status(vmid).is_none() {
        say("Image resized.");
    }
    let shown = format!("size={}", shown_size(wanted));
    let value = value.replace(&format!("size={old}"), &shown);
    config.current.insert(disk.to_owned(), value);
    node.write_config(Kind::Qemu, vmid, &config)
}

fn shown_size(bytes: u64) -> String {
    [(30, 'G'), (20, 'M'), (10, 'K')]
        .into_iter()
        .find(|(shift, _)| bytes.is_multiple_of(1 << shift))
        .map_or_else(
            || bytes.to_string(),
            |(shift, unit)| format!("{}{unit}", bytes >> shift),
        )
}
