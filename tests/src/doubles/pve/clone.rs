//! `qm clone`: the checks before its task, and the task, as recorded.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::error::PveError;
use super::lock::{Teller, lock};
use super::node::{Kind, Node};
use super::volume::{self, Drive};
use super::{fault, identity, say};

/// What a clone waits for its source's and its own lock.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// A checked request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clone {
    pub(super) vmid: u32,
    pub(super) newid: u32,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    /// None: full unless the source is a template.
    pub(super) full: Option<bool>,
    pub(super) storage: Option<String>,
}

impl Clone {
    /// What Proxmox refuses before there is a task.
    pub(super) fn check(&self, node: &Node) -> Result<(), PveError> {
        node.check_quorum()?;
        let config = node.config_or_not_here(Kind::Qemu, self.vmid)?;
        super::power::check_lock(&config)?;
        if let Some(storage) = &self.storage {
            volume::storage(node, storage)?;
            if !self.is_full(&config) {
                let text = "parameter 'storage' not allowed for linked clones";
                return Err(PveError::died(2, text));
            }
        }
        if node.knows(self.newid) {
            let text = format!(
                "unable to create VM {}: config file already exists",
                self.newid
            );
            return Err(PveError::died(2, text));
        }
        let mut data = volume::drives(&config)
            .into_iter()
            .filter(|drive| !drive.is_cdrom());
        let unlinkable = data.find(|drive| !self.is_full(&config) && !drive.is_base());
        match unlinkable {
            Some(drive) => Err(PveError::died(
                2,
                format!(
                    "Linked clone feature is not supported for '{}' ({})",
                    drive.volume, drive.key
                ),
            )),
            None => Ok(()),
        }
    }

    fn is_full(&self, source: &Config) -> bool {
        self.full.unwrap_or(source.get("template") != Some("1"))
    }

    /// The task's work.
    pub(super) fn run(&self, node: &Node) -> Result<(), PveError> {
        let source = node.config_or_not_here(Kind::Qemu, self.vmid)?;
        // A template is only read: many clones of it may run at once.
        let _source = if source.get("template") == Some("1") {
            None
        } else {
            Some(lock(node, Kind::Qemu, self.vmid, LOCK_WAIT, Teller::Task)?)
        };
        let _held = lock(node, Kind::Qemu, self.newid, LOCK_WAIT, Teller::Task)?;
        say(&format!(
            "creating a clone of VM {} with ID {}",
            self.vmid, self.newid
        ));
        let mut made = Vec::new();
        let result = self.copy(node, &source, &mut made);
        if result.is_err() {
            for volume in made {
                volume::remove(node, &volume);
            }
            node.remove_config(Kind::Qemu, self.newid)?;
        }
        result.map_err(|error| PveError::died(255, format!("clone failed: {error}")))
    }

    fn copy(&self, node: &Node, source: &Config, made: &mut Vec<String>) -> Result<(), PveError> {
        let mut config = self.new_config(source);
        let mut locked = Config::default();
        locked
            .description
            .push(" qmclone temporary file".to_owned());
        locked.current.insert("lock".to_owned(), "clone".to_owned());
        node.write_config(Kind::Qemu, self.newid, &locked)?;
        config.current.insert("lock".to_owned(), "clone".to_owned());
        for drive in volume::drives(source) {
            if drive.is_cdrom() && !drive.is_cloudinit() {
                continue;
            }
            let copied = self.copy_drive(node, &drive, self.is_full(source), made)?;
            config.current.insert(copied.key.clone(), copied.value());
            node.write_config(Kind::Qemu, self.newid, &config)?;
        }
        config.current.remove("lock");
        node.write_config(Kind::Qemu, self.newid, &config)
    }

    /// Everything but identity and state; the hookscript line is copied.
    fn new_config(&self, source: &Config) -> Config {
        let mut config = Config {
            description: source.description.clone(),
            current: source.current.clone(),
            ..Config::default()
        };
        let state = ["template", "lock", "parent", "snaptime", "vmstate"];
        config
            .current
            .retain(|key, _| !state.contains(&key.as_str()) && !key.starts_with("unused"));
        for drive in volume::drives(source) {
            if !drive.is_cdrom() || drive.is_cloudinit() {
                config.current.remove(&drive.key);
            }
        }
        for (key, value) in &mut config.current {
            if key.starts_with("net") {
                *value = identity::with_new_mac(value);
            }
        }
        identity::renew(&mut config);
        let former = source.get("name").unwrap_or("");
        let copied = || format!("Copy-of-VM-{former}");
        config
            .current
            .insert("name".to_owned(), self.name.clone().unwrap_or_else(copied));
        if let Some(text) = &self.description {
            config.description = super::qm_set::description_lines(text);
        }
        config
    }

    fn copy_drive(
        &self,
        node: &Node,
        drive: &Drive,
        full: bool,
        made: &mut Vec<String>,
    ) -> Result<Drive, PveError> {
        let storage = self.storage.as_deref().unwrap_or(drive.storage());
        let full = full || drive.is_cloudinit();
        let kind = if full { "full" } else { "linked" };
        say(&format!(
            "create {kind} clone of drive {} ({})",
            drive.key, drive.volume
        ));
        let mut copy = drive.clone();
        if drive.is_cloudinit() {
            copy.volume = format!(
                "{storage}:{0}/vm-{0}-cloudinit.{1}",
                self.newid,
                drive.format()
            );
            copy.options.retain(|option| !option.starts_with("size="));
            copy.options.push("size=4M".to_owned());
        } else {
            copy.volume = volume::next_disk(node, storage, self.newid, drive.format());
        }
        let new = copy.volume.clone();
        if !full {
            let (_, base) = drive.volume.split_once(':').unwrap_or_default();
            let (_, name) = new.split_once(':').unwrap_or_default();
            copy.volume = format!("{storage}:{base}/{name}");
            let file = copy.file_name();
            say(&format!(
                "clone {base}: images, {file}, {} to {file} (base=../{base})",
                self.newid
            ));
        }
        say(&volume::formatting(
            node,
            &new,
            copy.bytes(),
            (!full).then_some(drive),
        ));
        made.push(new.clone());
        volume::write(node, &new, b"")?;
        if full {
            say(&format!("allocated target volume '{new}'"));
        }
        if full && !drive.is_cloudinit() {
            transfer(node, drive.bytes())?;
        }
        volume::write(node, &new, &volume::read(node, &drive.volume))?;
        Ok(copy)
    }
}

/// The copy itself, told in tenths.
fn transfer(node: &Node, bytes: u64) -> Result<(), PveError> {
    let pause = Duration::from_millis(fault::number(node, "slow-clone").unwrap_or(5));
    for percent in (0..=100).step_by(10) {
        let done = bytes / 100 * percent + bytes % 100 * percent / 100;
        say(&format!(
            "transferred {} of {} ({percent}.00%)",
            human(done),
            human(bytes)
        ));
        if fault::number(node, "clone-fails").is_some_and(|at| percent >= at) {
            let text = "copy failed: command '/usr/bin/qemu-img convert -p -n -T none' failed: \
                        got signal 9";
            return Err(PveError::died(255, text));
        }
        if fault::number(node, "clone-dies").is_some_and(|at| percent >= at) {
            // As `kill -9` of the worker: nobody cleans up.
            let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
        }
        std::thread::sleep(pause);
    }
    Ok(())
}

/// `1.0 GiB`, `102.4 MiB`, `0.0 B`: as `qemu-img`'s progress is shown.
fn human(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (0..units.len() - 1)
        .take_while(|n| bytes >> (10 * (n + 1)) > 0)
        .count();
    let tenths = (u128::from(bytes) * 10 + (1 << (10 * unit)) / 2) >> (10 * unit);
    format!("{}.{} {}", tenths / 10, tenths % 10, units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_as_recorded() {
        assert_eq!(human(0), "0.0 B");
        assert_eq!(human(1 << 30), "1.0 GiB");
        assert_eq!(human((1 << 30) / 10), "102.4 MiB");
    }
}
