//! `qm create` and `qm template`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::error::PveError;
use super::lock::{Teller, WAIT, lock};
use super::machine::Machines;
use super::node::{Kind, Node};
use super::qm_check::{Caller, checked};
use super::volume::{self, Drive};
use super::{identity, say, task};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Create {
    pub(super) vmid: u32,
    values: BTreeMap<String, String>,
}

impl Create {
    pub(super) fn checked(
        node: &Node,
        vmid: u32,
        options: &BTreeMap<String, String>,
    ) -> Result<Self, PveError> {
        if vmid < 100 {
            let text = "vmid: invalid format - value does not look like a valid VM ID\n";
            return Err(PveError::Parameter(text.to_owned()));
        }
        let mut values = BTreeMap::new();
        for (key, value) in options {
            values.insert(key.clone(), checked(node, key, value, Caller::Qm)?);
        }
        node.check_quorum()?;
        for (key, value) in &values {
            if let Some(drive) = Drive::parse(key, value) {
                volume::storage(node, drive.storage())?;
            }
        }
        if node.knows(vmid) {
            let text = format!(
                "unable to create VM {vmid} - VM {vmid} already exists on node '{}'",
                node.name()
            );
            return Err(PveError::died(255, text));
        }
        Ok(Self { vmid, values })
    }

    /// The task's work.
    pub(super) fn run(&self, node: &Node) -> Result<(), PveError> {
        let _held = lock(node, Kind::Qemu, self.vmid, WAIT, Teller::Task)?;
        let mut config = Config::default();
        for (key, value) in &self.values {
            let value = match Drive::parse(key, value) {
                Some(drive) => self.make_drive(node, drive)?.value(),
                None if key
                    .strip_prefix("net")
                    .is_some_and(|rest| rest.parse::<u8>().is_ok()) =>
                {
                    with_mac(value)
                }
                None => value.clone(),
            };
            if key == "description" {
                config.description = super::qm_set::description_lines(&value);
            } else {
                config.current.insert(key.clone(), value);
            }
        }
        let boot = boot_order(&config);
        config.current.entry("boot".to_owned()).or_insert(boot);
        let meta = format!("creation-qemu=10.0.2,ctime={}", task::now());
        config.current.insert("meta".to_owned(), meta);
        identity::renew(&mut config);
        node.write_config(Kind::Qemu, self.vmid, &config)
    }

    /// `local:1,format=qcow2` is a new disk of 1 GiB, `local:cloudinit` cloud-init's image.
    fn make_drive(&self, node: &Node, mut drive: Drive) -> Result<Drive, PveError> {
        let storage = drive.storage().to_owned();
        let asked = drive
            .volume
            .split_once(':')
            .map_or("", |(_, name)| name)
            .to_owned();
        let format = drive
            .options
            .iter()
            .find_map(|option| option.strip_prefix("format="))
            .unwrap_or("qcow2")
            .to_owned();
        drive
            .options
            .retain(|option| !option.starts_with("format="));
        let bytes = if asked == "cloudinit" {
            drive.volume = format!("{storage}:{0}/vm-{0}-cloudinit.{format}", self.vmid);
            drive.options.push("media=cdrom".to_owned());
            4 << 20
        } else if let Ok(gib) = asked.parse::<u64>() {
            drive.volume = volume::next_disk(node, &storage, self.vmid, &format);
            drive.options.push(format!("size={gib}G"));
            gib << 30
        } else {
            return Ok(drive);
        };
        say(&volume::formatting(node, &drive.volume, bytes, None));
        volume::write(node, &drive.volume, b"")?;
        say(&format!(
            "{}: successfully created disk '{}'",
            drive.key,
            drive.value()
        ));
        Ok(drive)
    }
}

fn with_mac(value: &str) -> String {
    let model = value.split(',').next().unwrap_or_default();
    if model.contains('=') {
        value.to_owned()
    } else {
        identity::with_new_mac(value)
    }
}

/// Disks, then CDs, then network cards.
fn boot_order(config: &Config) -> String {
    let drives = volume::drives(config);
    let disks = drives.iter().filter(|drive| !drive.is_cdrom());
    let discs = drives.iter().filter(|drive| drive.is_cdrom());
    let cards = config.current.keys().filter(|key| {
        key.strip_prefix("net")
            .is_some_and(|rest| rest.parse::<u8>().is_ok())
    });
    let mut order: Vec<&str> = disks.chain(discs).map(|drive| drive.key.as_str()).collect();
    order.extend(cards.map(String::as_str));
    if order.is_empty() {
        return String::new();
    }
    format!("order={}", order.join(";"))
}

/// What `qm template` refuses before its task.
pub(super) fn check_template(node: &Node, vmid: u32) -> Result<(), PveError> {
    let config = node.config(Kind::Qemu, vmid)?;
    if config.get("template") == Some("1") {
        return Err(PveError::died(
            255,
            "you can't convert a template to a template",
        ));
    }
    if Machines::of(node).status(vmid).is_some() {
        let text = "you can't convert a VM to template if VM is running";
        return Err(PveError::died(25, text));
    }
    Ok(())
}

/// The task: the disks become read-only bases of clones.
pub(super) fn template(node: &Node, vmid: u32) -> Result<(), PveError> {
    let _held = lock(node, Kind::Qemu, vmid, WAIT, Teller::Task)?;
    let mut config = node.config(Kind::Qemu, vmid)?;
    super::power::check_lock(&config)?;
    for mut drive in volume::drives(&config) {
        if drive.is_cdrom() || drive.is_base() {
            continue;
        }
        let former = drive.volume.clone();
        drive.volume = former.replace("/vm-", "/base-");
        let content = volume::read(node, &former);
        volume::write(node, &drive.volume, &content)?;
        volume::remove(node, &former);
        config.current.insert(drive.key.clone(), drive.value());
    }
    config.current.insert("template".to_owned(), "1".to_owned());
    node.write_config(Kind::Qemu, vmid, &config)
}
