//! `/proc/<pid>/mountinfo` (proc(5)). Reading it asks no server, so it never hangs.

use std::path::Path;

use phoenix_common::fs::{FileError, read_limited};

/// Docker's hosts have thousands of mounts.
const LIMIT_BYTES: u64 = 8 << 20;

/// One mount, as far as volumes need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MountEntry {
    /// `major:minor`, one per server and folder.
    pub(super) device: String,
    pub(super) mount_point: String,
    /// It follows what the host mounts and unmounts.
    pub(super) is_follower: bool,
    pub(super) file_system: String,
    pub(super) source: String,
}

pub(super) fn read(path: &Path) -> Result<Vec<MountEntry>, FileError> {
    let content = read_limited(path, LIMIT_BYTES)?;
    Ok(parse(&String::from_utf8_lossy(&content)))
}

/// The mount that is seen at `mount_point`: the last one made there.
pub(super) fn at<'entries>(
    entries: &'entries [MountEntry],
    mount_point: &str,
) -> Option<&'entries MountEntry> {
    entries
        .iter()
        .rev()
        .find(|entry| entry.mount_point == mount_point)
}

fn parse(text: &str) -> Vec<MountEntry> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<MountEntry> {
    let (before, after) = line.split_once(" - ")?;
    let mut words = before.split(' ').skip(2);
    let (device, _root, mount_point) = (words.next()?, words.next()?, words.next()?);
    let mut after = after.split(' ');
    Some(MountEntry {
        device: device.to_owned(),
        mount_point: unescaped(mount_point),
        is_follower: words.any(|word| word.starts_with("master:")),
        file_system: after.next()?.to_owned(),
        source: unescaped(after.next()?),
    })
}

/// The kernel writes blanks and backslashes as `\040`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let octal = tail
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(octal.unwrap_or(*first));
        rest = match octal {
            Some(_) => tail.get(3..).unwrap_or_default(),
            None => tail,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mount_at_a_place_counts() {
        let text = "22 1 0:20 / / rw shared:1 - ext4 /dev/vda1 rw\n\
            40 22 0:50 / /data rw,relatime shared:9 - nfs4 nas:/a\\040b rw,vers=4.2\n\
            41 40 0:51 / /data rw master:9 - tmpfs tmpfs rw\n";
        let entries = parse(text);
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[1].source, "nas:/a b");
        assert_eq!(entries[1].file_system, "nfs4");
        assert!(!entries[1].is_follower && entries[2].is_follower);
        assert_eq!(at(&entries, "/data").unwrap().device, "0:51");
        assert_eq!(at(&entries, "/dat"), None);
    }
}
