//! How a guest that Phoenix made is told from others: by a line in its notes that names its own vmid. A copy of it has
//! the line too, but another vmid.

use phoenix_common::vmid::Vmid;

use crate::pve::conf::GuestConf;

fn line(vmid: Vmid) -> String {
    format!("Made by Phoenix as guest {vmid}")
}

/// The notes of a new guest.
pub fn description(vmid: Vmid, template: Vmid) -> String {
    format!("{}, from {template}", line(vmid))
}

/// Whether Phoenix made the guest with this configuration and vmid.
pub fn is_ours(conf: &GuestConf, vmid: Vmid) -> bool {
    let mark = line(vmid);
    conf.description().lines().any(|line| {
        let rest = line.trim().strip_prefix(mark.as_str());
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    })
}

/// Whether this is all that Proxmox wrote of a clone whose first disk was not copied yet: no disk, no name, and these
/// notes (`API2/Qemu.pm`, `clone_vm`). Nobody can have put anything into it.
pub fn is_empty_clone(conf: &GuestConf) -> bool {
    conf.description().trim() == "qmclone temporary file"
        && conf.iter().all(|(key, _)| key == "lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_clone_begins_with_is_known() {
        let begun = "# qmclone temporary file\nlock: clone\n";
        assert!(is_empty_clone(&GuestConf::parse(begun)));
        let more = format!("{begun}scsi0: local:a,size=1G\n");
        assert!(!is_empty_clone(&GuestConf::parse(&more)));
        assert!(!is_empty_clone(&GuestConf::parse("lock: clone\n")));
    }

    #[test]
    fn a_copy_with_the_same_notes_is_not_ours() {
        let vmid = |number| Vmid::new(number).unwrap();
        let text = format!("#{}\n#mine\n", description(vmid(1001), vmid(9000)));
        let conf = GuestConf::parse(&text);
        assert!(is_ours(&conf, vmid(1001)));
        for other in [100, 10_010, 1002, 9000] {
            assert!(!is_ours(&conf, vmid(other)), "{other}");
        }
        assert!(!is_ours(&GuestConf::default(), vmid(1001)));
    }
}
