//! The guest as the hypervisor sees it.

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;

use crate::context::Context;
use crate::plan::observed::HostState;
use crate::pve::guest::{Place, place};
use crate::pve::qmp;
use crate::pve::vmlist::Kind;

/// Locks under which Proxmox itself is at work on the guest: hands off. `migrate` is not among them: an
/// outgoing live migration leaves the guest usable, and its end is seen by the owner.
const BUSY_LOCKS: [&str; 7] = [
    "backup",
    "clone",
    "create",
    "rollback",
    "snapshot-delete",
    "suspended",
    "suspending",
];

/// Where the guest is and whether it runs.
pub async fn host_state(context: &Context, vmid: Vmid) -> Observed<HostState> {
    let place = match place(&context.paths, vmid) {
        Ok(place) => place,
        Err(error) => return Observed::Unknown(Chain(&error).to_string()),
    };
    let (kind, conf) = match place {
        Place::Nowhere => return Observed::Known(HostState::Absent),
        Place::Moving => return Observed::unknown("its configuration is just moving"),
        Place::OtherNode(node) => return Observed::Known(HostState::OtherNode(node)),
        Place::Here { kind, conf } => (kind, conf),
    };
    if let Some(lock) = conf.lock().filter(|lock| BUSY_LOCKS.contains(lock)) {
        return Observed::Known(HostState::Locked(lock.to_owned()));
    }
    match kind {
        Kind::Lxc => Observed::Known(HostState::Unsupported(
            "containers are not handled by this version".to_owned(),
        )),
        Kind::Qemu => qemu_state(context, vmid).await,
    }
}

async fn qemu_state(context: &Context, vmid: Vmid) -> Observed<HostState> {
    match qmp::query_status(&context.paths.qmp_socket(vmid)).await {
        Ok(status) if status == "running" => Observed::Known(HostState::Running),
        Ok(status) => Observed::Known(HostState::NotRunning(status)),
        Err(error) if error.nobody_listens() => Observed::Known(HostState::Stopped),
        Err(error) => Observed::Unknown(Chain(&error).to_string()),
    }
}
