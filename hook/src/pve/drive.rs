//! A drive of a VM as its configuration writes it: `local:201/vm-201-disk-0.qcow2,size=2560M`.

/// The drive's size in bytes; `None` for one without (a CD-ROM that is empty, a passed-through device).
pub fn size_bytes(drive: &str) -> Option<u64> {
    let size = drive
        .split(',')
        .find_map(|part| part.strip_prefix("size="))?;
    let digits = size.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = match size.get(digits.len()..)? {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return None,
    };
    // Proxmox writes whole numbers, people `1.5G`.
    if let Ok(whole) = digits.parse::<u64>() {
        return whole.checked_mul(unit);
    }
    let (whole, tenths) = digits.split_once('.')?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let places = u32::try_from(tenths.len())
        .ok()
        .filter(|places| *places <= 6)?;
    let part = tenths.parse::<u64>().ok()?.checked_mul(unit)?;
    whole.checked_add(part / 10_u64.pow(places))
}

/// Whether it is a CD-ROM, the cloud-init drive among them.
pub fn is_cdrom(drive: &str) -> bool {
    drive.split(',').any(|part| part == "media=cdrom")
}

/// Whether it is the drive through which cloud-init gets its data.
pub fn is_cloud_init(drive: &str) -> bool {
    is_cdrom(drive)
        && drive
            .split(',')
            .next()
            .is_some_and(|volume| volume.contains("cloudinit"))
}

/// Whether a key names a drive.
pub fn is_drive_key(key: &str) -> bool {
    ["scsi", "virtio", "sata", "ide"].iter().any(|bus| {
        let number = key.strip_prefix(bus);
        number
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_as_proxmox_writes_them() {
        let size = |text: &str| size_bytes(&format!("local:1/a.qcow2,size={text},ssd=1"));
        assert_eq!(size("32G"), Some(32 << 30));
        assert_eq!(size("2560M"), Some(2560 << 20));
        assert_eq!(size("1.5G"), Some(3 << 29));
        assert_eq!(size("528K"), Some(528 << 10));
        assert_eq!(size("1T"), Some(1 << 40));
        assert_eq!(
            (size("x"), size("1E"), size_bytes("none,media=cdrom")),
            (None, None, None)
        );
    }

    #[test]
    fn drives_are_told_apart() {
        assert!(is_cloud_init(
            "local:201/vm-201-cloudinit.qcow2,media=cdrom,size=4M"
        ));
        assert!(!is_cloud_init("local:iso/debian.iso,media=cdrom"));
        assert!(is_drive_key("scsi0") && !is_drive_key("scsihw") && !is_drive_key("scsi"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(size=|,|[0-9]{0,20}|\\.|G|T|\\PC){0,8}") {
            let _ = size_bytes(&text);
        }
    }
}
