//! A double of NFS for guests whose kernel has none: `mount.nfs` mounts a folder of a "server" under the share's
//! name, or fails while the server is down. All above it is real: mount(8), systemd, the kernel's table of mounts.

use crate::lab::{Guest, LabError};

/// The server's folder, on a real file system, which an overlay needs.
const FOLDER: &str = "/var/lib/containerd/nfs";

const MOUNT_NFS: &str = r#"#!/bin/sh
server=/var/lib/containerd/nfs; share=$server/$(echo "$1" | tr '/: ' '___')
echo "$*" >> $server/calls
[ -e $server/up ] || { echo 'mount.nfs: Connection refused' >&2; exit 32; }
mkdir -p $share/empty $share/files $share/work
exec mount -i -t overlay "$1" "$2" -o "lowerdir=$share/empty,upperdir=$share/files,workdir=$share/work"
"#;

/// The server of one guest, which lives in that guest and survives its reboots.
#[derive(Debug)]
pub struct NfsServer<'guest>(&'guest Guest);

impl<'guest> NfsServer<'guest> {
    /// Puts `mount.nfs` into the guest; the server is down.
    ///
    /// # Errors
    /// The guest is off.
    pub fn install(guest: &'guest Guest) -> Result<Self, LabError> {
        guest.write("/usr/sbin/mount.nfs", MOUNT_NFS, 0o755)?;
        guest.write(&format!("{FOLDER}/calls"), "", 0o644)?;
        Ok(Self(guest))
    }

    /// # Errors
    /// The guest is off.
    pub fn start(&self) -> Result<(), LabError> {
        self.0.write(&format!("{FOLDER}/up"), "", 0o644)
    }

    /// Nothing can be mounted; what is mounted stays.
    ///
    /// # Errors
    /// The guest is off.
    pub fn stop(&self) -> Result<(), LabError> {
        self.0.sh(&format!("rm {FOLDER}/up")).map(drop)
    }

    /// What mount.nfs was called with, so far.
    ///
    /// # Errors
    /// The guest is off.
    pub fn calls(&self) -> Result<Vec<String>, LabError> {
        let calls = self.0.read(&format!("{FOLDER}/calls"))?;
        Ok(calls.lines().map(str::to_owned).collect())
    }
}

/// Where the files of a share (`server:/path`) lie in the guest.
pub fn files_of(share: &str) -> String {
    let name = share.replace(['/', ':', ' '], "_");
    format!("{FOLDER}/{name}/files")
}
