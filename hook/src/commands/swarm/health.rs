//! How a Swarm fares, judged from what was seen of it. Pure.

use std::collections::BTreeMap;

use ipnet::IpNet;
use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{
    Availability, Membership, SwarmNode, SwarmRole, SwarmStacks, SwarmView,
};

use super::report::{Finding, Node, Quorum, Report};
use super::services;
use crate::plan::desired::VMID_LABEL;
use crate::plan::observed::{HostState, ObservedSwarm};
use crate::plan::pool::overlap;

/// A guest that is declared in the Swarm.
#[derive(Debug)]
pub(super) struct Declared {
    pub role: SwarmRole,
    pub host: Observed<HostState>,
    /// Deployed names of the stacks that Phoenix brings up there.
    pub stacks: Vec<String>,
}

/// Everything a verdict is made of.
#[derive(Debug)]
pub(super) struct Seen {
    pub swarm: String,
    pub declared: BTreeMap<Vmid, Declared>,
    pub managers: ObservedSwarm,
    pub stacks: Observed<SwarmStacks>,
    /// Names of the configured stacks.
    pub known_stacks: Vec<String>,
    pub guest_networks: Vec<IpNet>,
}

/// Judges; the report is healthy when it has no findings.
pub(super) fn judge(seen: &Seen) -> Report {
    let mut report = Report {
        swarm: seen.swarm.clone(),
        ..Report::default()
    };
    clusters(seen, &mut report.findings);
    match &seen.managers.view {
        Observed::Known((via, view)) => {
            report.via = Some(*via);
            report.cluster_id.clone_from(&view.cluster_id);
            report
                .default_address_pool
                .clone_from(&view.default_address_pool);
            quorum(view, &mut report);
            nodes(seen, *via, view, &mut report);
            absent_members(seen, view, &mut report.findings);
            pool(seen, view, &mut report.findings);
            services::judge(seen, *via, &mut report);
        }
        Observed::Unknown(reason) => no_manager(seen, reason, &mut report.findings),
    }
    report.healthy = report.findings.is_empty();
    report
}

fn find(findings: &mut Vec<Finding>, subject: String, reason: String, next_step: String) {
    findings.push(Finding {
        subject,
        reason,
        next_step,
    });
}

/// The state of a guest that should be a member and is not, and what changes that.
fn revive(vmid: Vmid, host: &Observed<HostState>) -> (String, String) {
    let look = format!("phoenix status {vmid}");
    match host {
        Observed::Known(HostState::Running) => (
            format!("guest {vmid} runs"),
            format!("phoenix run {vmid} post-start"),
        ),
        Observed::Known(HostState::Stopped) => (
            format!("guest {vmid} is stopped"),
            format!("qm start {vmid}"),
        ),
        Observed::Known(HostState::Absent) => (
            format!("Proxmox has no guest {vmid} on any node"),
            format!("make guest {vmid}, or take it out of phoenix_vm_configs.json"),
        ),
        Observed::Known(state) => (format!("guest {vmid}: {state}"), look),
        Observed::Unknown(reason) => (format!("guest {vmid}: {reason}"), look),
    }
}

fn clusters(seen: &Seen, findings: &mut Vec<Finding>) {
    let clusters = seen.managers.clusters();
    let Some((first, id)) = clusters.first() else {
        return;
    };
    for (other, its) in clusters.iter().filter(|(_, its)| its != id) {
        find(
            findings,
            format!("guests {first} and {other}"),
            format!("they are managers of two clusters, {id} and {its}"),
            "decide which one is right and run docker swarm leave --force in the other guest"
                .to_owned(),
        );
    }
}

/// No manager answered about the cluster: each manager guest's own reason.
fn no_manager(seen: &Seen, reason: &str, findings: &mut Vec<Finding>) {
    let subject = format!("swarm {}", seen.swarm);
    if seen.managers.managers.is_empty() {
        let reason = "no guest is declared as its manager".to_owned();
        let next = "give one guest \"swarm_role\": \"manager\"".to_owned();
        return find(findings, subject, reason, next);
    }
    for (vmid, state) in &seen.managers.managers {
        let host = seen.declared.get(vmid).map(|guest| &guest.host);
        let (reason, next) = match (state, host) {
            (_, Some(host)) if !matches!(host, Observed::Known(HostState::Running)) => {
                revive(*vmid, host)
            }
            (Observed::Unknown(reason), _) => {
                (reason.clone(), format!("phoenix run {vmid} post-start"))
            }
            (Observed::Known(None), _) => revive(*vmid, &Observed::Known(HostState::Absent)),
            (Observed::Known(Some(state)), _) => membership(*vmid, &state.membership, reason),
        };
        find(findings, format!("manager guest {vmid}"), reason, next);
    }
}

fn membership(vmid: Vmid, membership: &Membership, view: &str) -> (String, String) {
    let again = format!("phoenix run {vmid} post-start");
    match membership {
        Membership::Inactive => ("it is in no Swarm".to_owned(), again),
        Membership::Pending => ("its join has not ended".to_owned(), again),
        Membership::Locked => (
            "its Swarm is locked".to_owned(),
            format!("run docker swarm unlock in guest {vmid}"),
        ),
        Membership::Error { message } => (message.clone(), again),
        Membership::Worker { .. } => (
            "it is a worker, though declared as manager".to_owned(),
            format!("run docker node promote on a manager, or docker swarm leave in guest {vmid}"),
        ),
        Membership::Manager { error, .. } => {
            let reason = if error.is_empty() { view } else { error };
            let next = format!(
                "start the other managers; if they are lost for good: docker swarm init --force-new-cluster in guest {vmid}"
            );
            (reason.to_owned(), next)
        }
    }
}

fn quorum(view: &SwarmView, report: &mut Report) {
    let managers = view.nodes.iter();
    let managers = managers.filter(|node| node.role == SwarmRole::Manager);
    let reachable = |node: &&SwarmNode| node.reachability == "reachable";
    let count = managers.clone().count();
    let quorum = Quorum {
        managers: count,
        reachable: managers.filter(reachable).count(),
        needed: count / 2 + 1,
    };
    if quorum.managers.is_multiple_of(2) {
        report.notes.push(format!(
            "{} managers bear the loss of no more managers than {} would: make it an odd number",
            quorum.managers,
            quorum.managers.saturating_sub(1)
        ));
    }
    report.quorum = Some(quorum);
}

fn nodes(seen: &Seen, via: Vmid, view: &SwarmView, report: &mut Report) {
    for node in &view.nodes {
        let vmid = vmid_of(node);
        report.nodes.push(Node {
            id: node.id.clone(),
            hostname: node.hostname.clone(),
            address: node.address.clone(),
            vmid,
            role: node.role,
            is_leader: node.is_leader,
            availability: node.availability,
            state: node.state.clone(),
            reachability: node.reachability.clone(),
            labels: node.labels.clone(),
        });
        judge_node(seen, via, view, node, report);
    }
    let order = |node: &Node| {
        (
            node.role != SwarmRole::Manager,
            node.vmid,
            node.hostname.clone(),
        )
    };
    report.nodes.sort_by_key(order);
}

fn vmid_of(node: &SwarmNode) -> Option<Vmid> {
    node.labels.get(VMID_LABEL)?.parse().ok()
}

fn judge_node(seen: &Seen, via: Vmid, view: &SwarmView, node: &SwarmNode, report: &mut Report) {
    let guest = vmid_of(node).and_then(|vmid| Some((vmid, &seen.declared.get(&vmid)?.host)));
    let manager_is_away = node.role == SwarmRole::Manager && node.reachability != "reachable";
    let off = guest.is_some_and(|(_, host)| {
        matches!(
            host,
            Observed::Known(HostState::Stopped | HostState::Absent)
        )
    });
    let what = if node.state != "ready" {
        format!("the node is {}", node.state)
    } else if manager_is_away {
        format!("the manager is {}", node.reachability)
    } else if off {
        "the Swarm has not noticed yet that the node is off".to_owned()
    } else {
        twin(view, node, &mut report.notes);
        return availability(node, via, &mut report.notes);
    };
    let (why, next_step) = match guest {
        Some((vmid, _)) if node.state != "ready" && has_successor(view, node, vmid) => (
            format!("an entry of an earlier life of guest {vmid}"),
            format!("phoenix run {vmid} post-start removes it"),
        ),
        Some((vmid, host)) => revive(vmid, host),
        None => (
            "no declared guest of this Swarm stands behind it".to_owned(),
            format!(
                "if it is gone for good: docker node rm --force {} in guest {via}",
                node.id
            ),
        ),
    };
    report.findings.push(Finding {
        subject: format!("node {}", node.hostname),
        reason: format!("{what} ({why})"),
        next_step,
    });
}

/// Whether the guest has a newer entry that works.
fn has_successor(view: &SwarmView, node: &SwarmNode, vmid: Vmid) -> bool {
    let mut others = view.nodes.iter().filter(|other| other.id != node.id);
    others.any(|other| vmid_of(other) == Some(vmid) && other.state == "ready")
}

/// A guest that left and came back has two entries that look alike until the old one is found down.
fn twin(view: &SwarmView, node: &SwarmNode, notes: &mut Vec<String>) {
    let Some(vmid) = vmid_of(node).filter(|vmid| has_successor(view, node, *vmid)) else {
        return;
    };
    let note = format!(
        "guest {vmid} has two entries: the one of its earlier life goes down soon, then phoenix run {vmid} post-start removes it"
    );
    if !notes.contains(&note) {
        notes.push(note);
    }
}

/// A node that takes no tasks may be meant so.
fn availability(node: &SwarmNode, via: Vmid, notes: &mut Vec<String>) {
    let how = match node.availability {
        Availability::Active => return,
        Availability::Pause => "paused: it gets no new tasks",
        Availability::Drain => "drained: it runs no tasks",
    };
    notes.push(format!(
        "node {} is {how}; docker node update --availability active {} in guest {via} ends that",
        node.hostname, node.id
    ));
}

fn absent_members(seen: &Seen, view: &SwarmView, findings: &mut Vec<Finding>) {
    for (vmid, guest) in &seen.declared {
        if view.nodes.iter().any(|node| vmid_of(node) == Some(*vmid)) {
            continue;
        }
        let role = match guest.role {
            SwarmRole::Manager => "manager",
            SwarmRole::Worker => "worker",
        };
        let what = format!("declared as {role}, but no node has its label");
        let (reason, next) = match &guest.host {
            Observed::Known(HostState::Running) => (what, format!("phoenix swarm join {vmid}")),
            host => {
                let (why, next) = revive(*vmid, host);
                (format!("{what} ({why})"), next)
            }
        };
        find(findings, format!("guest {vmid}"), reason, next);
    }
}

fn pool(seen: &Seen, view: &SwarmView, findings: &mut Vec<Finding>) {
    for text in &view.default_address_pool {
        let Ok(pool) = text.parse::<IpNet>() else {
            continue;
        };
        let mut networks = seen.guest_networks.iter();
        let Some(network) = networks.find(|network| overlap(&pool, network)) else {
            continue;
        };
        find(
            findings,
            format!("address pool {pool}"),
            format!(
                "it overlaps the guests' network {}: published ports may answer only on the node itself",
                network.trunc()
            ),
            "a Swarm keeps its pool for life: take the stacks down, run docker swarm leave --force in every guest, then phoenix run for the manager (swarm.default_address_pool names another pool)".to_owned(),
        );
    }
}
