//! The calls that Phoenix makes, typed.

use std::time::Duration;

use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;
use serde_json::Value;

use super::error::{ApiError, Refusal};
use super::{Call, Method, OnLine, Pve, answer};
use crate::pve::conf::GuestConf;
use crate::pve::vmlist::Kind;

/// A question: half a second of Perl, and up to 10 s of waiting for the guest's flock.
pub(super) const QUESTION: Duration = Duration::from_mins(1);
/// A start runs the guest's hookscripts, which Proxmox does not limit.
const POWER: Duration = Duration::from_mins(10);
const RESIZE: Duration = Duration::from_mins(10);
/// Disks are copied.
const CLONE: Duration = Duration::from_hours(4);
const DESTROY: Duration = Duration::from_hours(1);

/// A guest and the node that owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestAddress {
    pub node: String,
    pub kind: Kind,
    pub vmid: Vmid,
}

impl GuestAddress {
    fn path(&self, rest: &str) -> String {
        let kind = match self.kind {
            Kind::Qemu => "qemu",
            Kind::Lxc => "lxc",
        };
        format!("/nodes/{}/{kind}/{}{rest}", self.node, self.vmid)
    }
}

/// A guest in the cluster's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestEntry {
    pub address: GuestAddress,
    pub name: String,
    pub is_template: bool,
}

/// What a guest does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestStatus {
    pub runs: bool,
    /// QEMU's own word (`running`, `paused`, `prelaunch`, …), where it is told.
    pub qemu: Option<String>,
    /// The cluster starts and stops it (high availability).
    pub is_ha_managed: bool,
}

/// A full copy of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneRequest {
    pub from: GuestAddress,
    pub to: Vmid,
    pub name: String,
    pub description: String,
}

impl Pve {
    /// All guests that the caller may see.
    ///
    /// # Errors
    /// As [`Pve::call`], as for all below.
    pub async fn guests(&self) -> Result<Vec<GuestEntry>, ApiError> {
        let call = Call::new(Method::Get, "/cluster/resources").with("type", "vm");
        let list = self.get(call).await?;
        Ok(list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(guest_entry)
            .collect())
    }

    /// Whether no guest of the cluster has this id, be it visible or not.
    pub async fn is_free(&self, vmid: Vmid) -> Result<bool, ApiError> {
        let call = Call::new(Method::Get, "/cluster/nextid").with("vmid", vmid.to_string());
        match self.get(call).await {
            Ok(_) => Ok(true),
            Err(ApiError::Refused { message, .. }) if message.contains("already exists") => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The configuration with pending values over the current ones, and its digest.
    pub async fn config(&self, guest: &GuestAddress) -> Result<(GuestConf, String), ApiError> {
        let answer = self
            .get(Call::new(Method::Get, guest.path("/config")))
            .await?;
        Ok(answer::config(&answer))
    }

    /// The configuration with what is pending.
    pub async fn pending(&self, guest: &GuestAddress) -> Result<GuestConf, ApiError> {
        let call = Call::new(Method::Get, guest.path("/pending"));
        Ok(answer::pending(&self.get(call).await?))
    }

    pub async fn status(&self, guest: &GuestAddress) -> Result<GuestStatus, ApiError> {
        if let (Self::Local(local), Kind::Lxc) = (self, guest.kind) {
            let vmid = guest.vmid.to_string();
            let deadline = Deadline::after(QUESTION);
            let said = local.pct(&["status", &vmid], deadline, &mut |_| {}).await?;
            return Ok(GuestStatus {
                runs: said.trim() != "status: stopped",
                qemu: None,
                is_ha_managed: false,
            });
        }
        let call = Call::new(Method::Get, guest.path("/status/current"));
        let answer = self.get(call).await?;
        let word = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        let managed = answer.get("ha").and_then(|ha| ha.get("managed"));
        Ok(GuestStatus {
            runs: word("status").as_deref() == Some("running"),
            qemu: word("qmpstatus"),
            is_ha_managed: managed.is_some_and(answer::is_true),
        })
    }

    /// Makes a guest out of another one; `on_line` hears of the disks' progress.
    pub async fn clone_guest(
        &self,
        clone: &CloneRequest,
        on_line: OnLine<'_>,
    ) -> Result<(), ApiError> {
        let call = Call::new(Method::Create, clone.from.path("/clone"))
            .with("newid", clone.to.to_string())
            .with("name", &clone.name)
            .with("description", &clone.description)
            .with("full", "1");
        self.task(&call, Deadline::after(CLONE), on_line).await
    }

    /// Sets keys whose values are still what they were when this was decided. `changes`: key, value before (as
    /// [`GuestConf::wanted`] gives it) and new value.
    pub async fn set_config(
        &self,
        guest: &GuestAddress,
        changes: &[(String, Option<String>, String)],
    ) -> Result<(), ApiError> {
        let (now, digest) = self.config(guest).await?;
        let mut call = Call::new(Method::Set, guest.path("/config"));
        for (key, before, value) in changes {
            if now.get(key) != before.as_deref() {
                let shown = |value: Option<&str>| value.unwrap_or("not set").to_owned();
                return Err(ApiError::Changed {
                    vmid: guest.vmid,
                    key: key.clone(),
                    before: shown(before.as_deref()),
                    now: shown(now.get(key)),
                });
            }
            call = call.with(key, value);
        }
        if !digest.is_empty() {
            call = call.with("digest", digest);
        }
        let deadline = Deadline::after(QUESTION);
        self.call(&call, deadline, &mut |_| {}).await.map(drop)
    }

    /// Enlarges a disk to `gib`, and looks whether it is so: neither exit code nor task tell it surely.
    pub async fn enlarge_disk(
        &self,
        guest: &GuestAddress,
        disk: &str,
        gib: u32,
    ) -> Result<(), ApiError> {
        let call = Call::new(Method::Set, guest.path("/resize"))
            .with("disk", disk)
            .with("size", format!("{gib}G"));
        let deadline = Deadline::after(RESIZE);
        self.task(&call, deadline, &mut |_| {}).await?;
        let (conf, _) = self.config(guest).await?;
        let drive = conf.get(disk).unwrap_or_default();
        let bytes = crate::pve::drive::size_bytes(drive);
        if bytes.is_some_and(|bytes| bytes >= u64::from(gib) << 30) {
            return Ok(());
        }
        Err(ApiError::NotResized {
            vmid: guest.vmid,
            disk: disk.to_owned(),
            size: drive.to_owned(),
        })
    }

    pub async fn start(&self, guest: &GuestAddress, on_line: OnLine<'_>) -> Result<(), ApiError> {
        let call = Call::new(Method::Create, guest.path("/status/start"));
        match self.task(&call, Deadline::after(POWER), on_line).await {
            // Whoever was quicker did what was asked for.
            Err(ApiError::Task { exit, .. }) if exit.ends_with("already running") => Ok(()),
            other => other,
        }
    }

    /// Asks the guest to power itself off; after `seconds` it is stopped.
    pub async fn shut_down(
        &self,
        guest: &GuestAddress,
        seconds: u64,
        on_line: OnLine<'_>,
    ) -> Result<(), ApiError> {
        let deadline = Deadline::after(POWER);
        if let (Self::Local(local), Kind::Lxc) = (self, guest.kind) {
            let (vmid, seconds) = (guest.vmid.to_string(), seconds.to_string());
            let words = ["shutdown", &vmid, "--timeout", &seconds, "--forceStop", "1"];
            return local.pct(&words, deadline, on_line).await.map(drop);
        }
        let call = Call::new(Method::Create, guest.path("/status/shutdown"))
            .with("timeout", seconds.to_string())
            .with("forceStop", "1");
        self.task(&call, deadline, on_line).await
    }

    /// Removes a stopped guest with its disks, and what refers to it: backup jobs, replication, HA, firewall.
    pub async fn destroy(
        &self,
        guest: &GuestAddress,
        past_lock: bool,
        on_line: OnLine<'_>,
    ) -> Result<(), ApiError> {
        let deadline = Deadline::after(DESTROY);
        if let (Self::Local(local), Kind::Lxc) = (self, guest.kind) {
            let vmid = guest.vmid.to_string();
            let words = ["destroy", &vmid, "--purge", "1"];
            return local.pct(&words, deadline, on_line).await.map(drop);
        }
        let mut call = Call::new(Method::Delete, guest.path(""))
            .with("purge", "1")
            .with("destroy-unreferenced-disks", "1");
        if past_lock && self.is_root() {
            call = call.with("skiplock", "1");
        }
        match self.task(&call, deadline, on_line).await {
            // Whoever got here first did what was asked for.
            Err(ApiError::Refused {
                message,
                refusal: Refusal::Other,
                ..
            }) if message.contains("onfiguration file") && message.contains("does not exist") => {
                Ok(())
            }
            other => other,
        }
    }
}

fn guest_entry(entry: &Value) -> Option<GuestEntry> {
    let word = |key: &str| entry.get(key).and_then(Value::as_str);
    let kind = match word("type")? {
        "qemu" => Kind::Qemu,
        "lxc" => Kind::Lxc,
        _ => return None,
    };
    Some(GuestEntry {
        address: GuestAddress {
            node: word("node").filter(|node| is_node_name(node))?.to_owned(),
            kind,
            vmid: answer::text(entry.get("vmid")?).parse().ok()?,
        },
        name: word("name").unwrap_or_default().to_owned(),
        is_template: entry.get("template").is_some_and(answer::is_true),
    })
}

/// A node's name goes into paths.
fn is_node_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn entries_of_the_cluster_are_read() {
        let entry =
            json!({"vmid": 900, "node": "pve1", "type": "qemu", "template": 1, "name": "tmpl"});
        let read = guest_entry(&entry).unwrap();
        assert_eq!(read.address.path("/clone"), "/nodes/pve1/qemu/900/clone");
        assert!(read.is_template);
        assert!(guest_entry(&json!({"vmid": 1, "node": "a/../b", "type": "qemu"})).is_none());
        assert!(guest_entry(&json!({"type": "storage"})).is_none());
    }
}
