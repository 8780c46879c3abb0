//! NFS volumes of a guest.

use serde::{Deserialize, Serialize};

/// A share that is mounted in the guest before Docker starts containers there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeSpec {
    pub name: String,
    /// Host name or address. `None`: nobody has said which; what is mounted there is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The folder on the server, absolute.
    pub path: String,
    /// The folder in the guest, absolute, without a slash at its end.
    pub mount_point: String,
    /// All options of mount(8) and nfs(5), separated by commas; defaults included.
    pub options: String,
}

impl VolumeSpec {
    /// What is mounted, as mount(8) and `/proc/self/mountinfo` write it: `server:/path`.
    pub fn source(&self) -> Option<String> {
        let server = self.server.as_deref()?;
        let path = match self.path.trim_end_matches('/') {
            "" => "/",
            path => path,
        };
        Some(if server.contains(':') {
            format!("[{server}]:{path}")
        } else {
            format!("{server}:{path}")
        })
    }
}

/// Folders of the system or of a program that a volume must neither be, nor stand in, nor hide.
const TAKEN: [&str; 17] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/phoenix-guest-agent",
    "/var/run",
];

/// Why a volume cannot be mounted there; `None` when it can.
pub fn mount_point_mistake(path: &str) -> Option<String> {
    let is_plain = path.len() <= 1024
        && path.strip_prefix('/').is_some_and(|rest| {
            rest.split('/')
                .all(|part| !part.is_empty() && part != "." && part != "..")
        });
    if !is_plain {
        return Some(format!("`{path}` cannot be a mount point"));
    }
    if !path.chars().all(is_harmless) {
        return Some(format!(
            "`{path}` cannot be a mount point: letters, digits and . _ - + @ = , only"
        ));
    }
    let taken = (TAKEN.iter()).find(|taken| is_inside(path, taken) || is_inside(taken, path))?;
    Some(format!(
        "`{path}` cannot be a mount point: it would hide or share {taken}"
    ))
}

/// Whether one of the two folders is the other, or is in it.
pub fn overlaps(one: &str, other: &str) -> bool {
    is_inside(one, other) || is_inside(other, one)
}

fn is_inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// No blank, quote, backslash or other letter that some file with mount points would need an escape for.
fn is_harmless(character: char) -> bool {
    character.is_ascii_alphanumeric() || "/._-+@=,".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_folders_and_what_holds_them_cannot_be_mount_points() {
        for path in [
            "/persistent-storage",
            "/srv",
            "/mnt/a.b/c",
            "/var/lib/dockerish",
            "/opt/data",
        ] {
            assert_eq!(mount_point_mistake(path), None, "{path}");
        }
        for path in [
            "/",
            "",
            "data",
            "/data/",
            "/a//b",
            "/a/../etc",
            "/./a",
            "/etc",
            "/etc/docker",
            "/var",
            "/var/lib",
            "/var/lib/docker",
            "/var/lib/docker/volumes",
            "/proc/x",
            "/a b",
            "/a\"b",
            "/a\\b",
            "/a\nb",
            "/a%b",
        ] {
            assert!(mount_point_mistake(path).is_some(), "{path}");
        }
    }

    #[test]
    fn an_ipv6_server_stands_in_brackets() {
        let source = |server: Option<&str>, path: &str| {
            let volume = VolumeSpec {
                name: "data".to_owned(),
                server: server.map(str::to_owned),
                path: path.to_owned(),
                mount_point: "/data".to_owned(),
                options: String::new(),
            };
            volume.source()
        };
        assert_eq!(source(Some("nas"), "/a/").as_deref(), Some("nas:/a"));
        assert_eq!(source(Some("fd00::1"), "/").as_deref(), Some("[fd00::1]:/"));
        assert_eq!(source(None, "/a"), None);
    }
}
