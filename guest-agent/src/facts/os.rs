//! Small files that say what runs here.

use phoenix_common::fs::{FileError, read_limited};

use crate::paths::Paths;

/// `ID` and `VERSION_ID` of os-release(5); empty where they are missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Release {
    pub id: String,
    pub version: String,
}

pub(super) fn release(paths: &Paths) -> Release {
    let text = read_limited(&paths.at("/etc/os-release"), 64 << 10)
        .or_else(|_| read_limited(&paths.at("/usr/lib/os-release"), 64 << 10))
        .unwrap_or_default();
    parse_release(&String::from_utf8_lossy(&text))
}

fn parse_release(text: &str) -> Release {
    let value = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default()
            .trim_matches(['"', '\''])
            .to_owned()
    };
    Release {
        id: value("ID"),
        version: value("VERSION_ID"),
    }
}

/// The first line of a small file, without blanks around it.
pub(super) fn line(paths: &Paths, path: &str) -> Result<String, FileError> {
    let content = read_limited(&paths.at(path), 4096)?;
    let text = String::from_utf8_lossy(&content);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

pub(super) fn boot_id(paths: &Paths) -> Result<String, FileError> {
    line(paths, "/proc/sys/kernel/random/boot_id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_is_read_as_a_shell_would() {
        let text = "PRETTY_NAME=\"Debian 12\"\nVERSION_ID=\"12\"\nID=debian\nID_LIKE=x\n";
        let wanted = Release {
            id: "debian".into(),
            version: "12".into(),
        };
        assert_eq!(parse_release(text), wanted);
        assert_eq!(parse_release(""), Release::default());
    }
}
