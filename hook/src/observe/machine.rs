//! One look at the machine: `/etc/pve` and QEMU's monitor where this node owns it, else Proxmox's API.

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;

use crate::context::Context;
use crate::plan::machine::desired::MachineDesired;
use crate::plan::machine::observed::{Machine, MachineState, Power, Template};
use crate::pve::api::{ApiError, GuestAddress, GuestEntry, Pve};
use crate::pve::conf::GuestConf;
use crate::pve::guest::{Place, PveError, node_name, place};
use crate::pve::qmp;
use crate::pve::vmlist::Kind;

/// The task that makes a guest out of another one; it counts as work on the template.
const CLONE_TASK: &str = "qmclone";

#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Files(#[from] PveError),
    #[error("guest {0}: its configuration is just moving")]
    Moving(Vmid),
}

/// What there is of the machine. An error that waiting does not mend is the caller's to end with.
///
/// # Errors
/// Proxmox refuses to show it.
pub async fn machine_state(
    context: &Context,
    pve: &Pve,
    desired: &MachineDesired,
) -> Result<Observed<MachineState>, ApiError> {
    let looked = match pve {
        Pve::Local(_) => look_here(context, pve, desired).await,
        Pve::Rest(_) => look_by_api(pve, desired).await,
    };
    match looked {
        Ok(state) => Ok(Observed::Known(state)),
        Err(LookError::Api(error)) if !error.is_transient() => Err(error),
        Err(error) => Ok(Observed::Unknown(Chain(&error).to_string())),
    }
}

async fn look_here(
    context: &Context,
    pve: &Pve,
    desired: &MachineDesired,
) -> Result<MachineState, LookError> {
    let (kind, conf) = match place(&context.paths, desired.vmid)? {
        Place::Nowhere => return Ok(MachineState::Absent(template_here(context, desired)?)),
        Place::OtherNode(node) => return Ok(MachineState::OtherNode(node)),
        Place::Moving => return Err(LookError::Moving(desired.vmid)),
        Place::Here { kind, conf } => (kind, conf),
    };
    let address = GuestAddress {
        node: node_name(&context.paths)?,
        kind,
        vmid: desired.vmid,
    };
    let power = match kind {
        Kind::Qemu => qemu_power(context, desired.vmid).await,
        Kind::Lxc if pve.status(&address).await?.runs => Power::Running,
        Kind::Lxc => Power::Stopped,
    };
    Ok(present(pve, desired, address, conf, power).await)
}

async fn qemu_power(context: &Context, vmid: Vmid) -> Power {
    match qmp::query_status(&context.paths.qmp_socket(vmid)).await {
        Ok(status) => power(&status),
        Err(error) if error.nobody_listens() => Power::Stopped,
        Err(error) => Power::Other(Chain(&error).to_string()),
    }
}

fn template_here(context: &Context, desired: &MachineDesired) -> Result<Template, LookError> {
    let Some(vmid) = desired.template else {
        return Ok(Template::NotDeclared);
    };
    Ok(match place(&context.paths, vmid)? {
        Place::Nowhere => Template::Missing(vmid),
        Place::OtherNode(node) => Template::OtherNode { vmid, node },
        Place::Moving => return Err(LookError::Moving(vmid)),
        Place::Here {
            kind: Kind::Lxc, ..
        } => Template::Container(vmid),
        Place::Here {
            kind: Kind::Qemu,
            conf,
        } => Template::Here {
            vmid,
            node: node_name(&context.paths)?,
            conf: Box::new(conf),
        },
    })
}

async fn look_by_api(pve: &Pve, desired: &MachineDesired) -> Result<MachineState, LookError> {
    let guests = pve.guests().await?;
    let Some(entry) = visible(pve, &guests, desired.vmid).await? else {
        let template = template_by_api(pve, &guests, desired).await?;
        return Ok(MachineState::Absent(template));
    };
    let conf = pve.pending(&entry.address).await?;
    let status = pve.status(&entry.address).await?;
    let power = match (status.runs, status.qemu) {
        (false, _) => Power::Stopped,
        (true, Some(word)) => power(&word),
        (true, None) => Power::Running,
    };
    let address = entry.address.clone();
    Ok(present(pve, desired, address, conf, power).await)
}

async fn template_by_api(
    pve: &Pve,
    guests: &[GuestEntry],
    desired: &MachineDesired,
) -> Result<Template, LookError> {
    let Some(vmid) = desired.template else {
        return Ok(Template::NotDeclared);
    };
    let Some(entry) = visible(pve, guests, vmid).await? else {
        return Ok(Template::Missing(vmid));
    };
    if entry.address.kind == Kind::Lxc {
        return Ok(Template::Container(vmid));
    }
    let (conf, _) = pve.config(&entry.address).await?;
    Ok(Template::Here {
        vmid,
        node: entry.address.node.clone(),
        conf: Box::new(conf),
    })
}

/// The guest's entry; `None` when no node has it. A token without rights gets an empty list, not an error.
async fn visible<'list>(
    pve: &Pve,
    guests: &'list [GuestEntry],
    vmid: Vmid,
) -> Result<Option<&'list GuestEntry>, ApiError> {
    let entry = guests.iter().find(|entry| entry.address.vmid == vmid);
    if entry.is_none() && !pve.is_free(vmid).await? {
        return Err(ApiError::Hidden { vmid });
    }
    Ok(entry)
}

async fn present(
    pve: &Pve,
    desired: &MachineDesired,
    address: GuestAddress,
    conf: GuestConf,
    power: Power,
) -> MachineState {
    let creation_goes_on = match (conf.lock(), desired.template) {
        (Some(_), Some(template)) => {
            let id = template.to_string();
            match pve.is_at_work(&address.node, CLONE_TASK, &id).await {
                Ok(goes_on) => Observed::Known(goes_on),
                Err(error) => Observed::Unknown(Chain(&error).to_string()),
            }
        }
        _ => Observed::Known(false),
    };
    MachineState::Present(Box::new(Machine {
        node: address.node,
        kind: address.kind,
        conf,
        power,
        creation_goes_on,
        may_pass_lock: pve.is_root(),
    }))
}

fn power(qemu: &str) -> Power {
    match qemu {
        "running" => Power::Running,
        "stopped" => Power::Stopped,
        other => Power::Other(other.to_owned()),
    }
}
