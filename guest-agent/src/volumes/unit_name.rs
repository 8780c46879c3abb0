//! Names of mount units, which systemd demands to be the escaped mount point (systemd.mount(5), and "String
//! escaping for inclusion in unit names" of systemd.unit(5)).

use std::fmt::Write;

/// `/persistent-storage` becomes `persistent\x2dstorage.mount`.
pub fn of_mount_point(mount_point: &str) -> String {
    let mut name = String::new();
    for (index, byte) in mount_point.trim_matches('/').bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if index > 0 => name.push('.'),
            b':' | b'_' => name.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => name.push(char::from(byte)),
            byte => {
                let _ = write!(name, "\\x{byte:02x}");
            }
        }
    }
    name + ".mount"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `systemd-escape --path --suffix=mount` prints them.
    #[test]
    fn names_are_those_of_systemd_escape() {
        for (mount_point, name) in [
            ("/persistent-storage", "persistent\\x2dstorage.mount"),
            ("/srv/a_b.c", "srv-a_b.c.mount"),
            ("/.hidden/x", "\\x2ehidden-x.mount"),
            ("/a/.b", "a-.b.mount"),
            ("/mnt/a@b=c,+", "mnt-a\\x40b\\x3dc\\x2c\\x2b.mount"),
        ] {
            assert_eq!(of_mount_point(mount_point), name);
        }
    }
}
