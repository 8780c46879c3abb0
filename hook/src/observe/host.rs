//! The guest as the hypervisor sees it.

use std::time::Duration;

use phoenix_common::config::GuestKind;
use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;

use crate::context::Context;
use crate::plan::observed::HostState;
use crate::pve::conf::GuestConf;
use crate::pve::guest::{Place, place};
use crate::pve::qmp;
use crate::pve::tool::tool;
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

/// `pct` is a Perl program: 0.6 s on an idle node, much longer in a boot storm.
const STATUS_DEADLINE: Duration = Duration::from_secs(20);

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
        Kind::Lxc => match unsupported(context, vmid, &conf) {
            Some(why) => Observed::Known(HostState::Unsupported(why)),
            None => container_state(context, vmid).await,
        },
        Kind::Qemu => qemu_state(context, vmid).await,
    }
}

/// What is declared for a container and cannot be done in it.
fn unsupported(context: &Context, vmid: Vmid, conf: &GuestConf) -> Option<String> {
    let guest = context.config.guests.get(&vmid)?;
    if guest.kind != GuestKind::Container {
        return Some(format!(
            "Proxmox has a container with this id: declare guest {vmid} under \"containers\", without a Swarm role"
        ));
    }
    let features = conf.get("features").unwrap_or_default();
    let nests = features.split(',').any(|feature| feature == "nesting=1");
    (guest.features.docker && !nests).then(|| {
        format!(
            "Docker in a container needs nesting: pct set {vmid} --features nesting=1,keyctl=1, then restart it; or take \"docker\" out of its features"
        )
    })
}

/// `running` also in the post-stop of a stop; then nobody gets in, which is seen next.
async fn container_state(context: &Context, vmid: Vmid) -> Observed<HostState> {
    let asked = tool(&context.paths, "pct", STATUS_DEADLINE)
        .args(["status", &vmid.to_string()])
        .run_to_exit()
        .await;
    let ended = match asked {
        Ok(ended) => ended,
        Err(error) => return Observed::Unknown(Chain(&error).to_string()),
    };
    let said = String::from_utf8_lossy(&ended.output.stdout);
    match said.trim() {
        "status: running" => Observed::Known(HostState::Running),
        "status: stopped" => Observed::Known(HostState::Stopped),
        _ => {
            let said = String::from_utf8_lossy(&ended.output.stderr);
            Observed::Unknown(format!("pct status: {}", Untrusted(said.trim())))
        }
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
