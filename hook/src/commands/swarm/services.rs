//! How the stacks and services of a Swarm fare. Pure.

use phoenix_common::observed::Observed;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::ServiceStatus;

use super::health::Seen;
use super::report::{Finding, Report, Stack};

/// Adds the stacks, and a finding for each service that does not run as wanted and each stack that is missing.
pub(super) fn judge(seen: &Seen, via: Vmid, report: &mut Report) {
    let stacks = match &seen.stacks {
        Observed::Known(stacks) => &stacks.stacks,
        Observed::Unknown(reason) => {
            report.findings.push(Finding {
                subject: format!("stacks of Swarm {}", seen.swarm),
                reason: format!("they could not be seen: {reason}"),
                next_step: format!("phoenix run {via} post-start, then look again"),
            });
            return;
        }
    };
    for (name, stack) in stacks {
        let assigned_to = assigned_to(seen, name);
        for service in &stack.services {
            if !runs(service) {
                report.findings.push(Finding {
                    subject: format!("service {}", service.name),
                    reason: reason(service),
                    next_step: next_step(
                        service,
                        via,
                        redeploy(seen, name, assigned_to).as_deref(),
                    ),
                });
            }
        }
        report.stacks.push(Stack {
            name: name.clone(),
            assigned_to,
            services: stack.services.clone(),
        });
    }
    for (vmid, guest) in &seen.declared {
        for name in guest
            .stacks
            .iter()
            .filter(|name| !stacks.contains_key(*name))
        {
            report.findings.push(Finding {
                subject: format!("stack {name}"),
                reason: format!("declared for guest {vmid}, but not deployed"),
                next_step: format!("phoenix run {vmid} post-start"),
            });
        }
    }
}

fn runs(service: &ServiceStatus) -> bool {
    service.running >= service.desired && service.error.is_empty()
}

fn reason(service: &ServiceStatus) -> String {
    let count = format!("{} of {} tasks run", service.running, service.desired);
    if service.error.is_empty() {
        count
    } else {
        format!("{count}: {}", service.error)
    }
}

fn assigned_to(seen: &Seen, stack: &str) -> Option<Vmid> {
    let mut guests = seen.declared.iter();
    let (vmid, _) = guests.find(|(_, guest)| guest.stacks.iter().any(|name| name == stack))?;
    Some(*vmid)
}

/// How to bring the stack to what is declared, if that is known here.
fn redeploy(seen: &Seen, name: &str, assigned_to: Option<Vmid>) -> Option<String> {
    if let Some(vmid) = assigned_to {
        return Some(format!("phoenix run {vmid} post-start"));
    }
    let (environment, stack) = name.split_once('_')?;
    let known = seen.known_stacks.iter().any(|known| known == stack);
    known.then(|| format!("phoenix swarm deploy {stack} --env {environment}"))
}

fn next_step(service: &ServiceStatus, via: Vmid, redeploy: Option<&str>) -> String {
    let name = &service.name;
    let error = service.error.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| error.contains(word));
    let then = match redeploy {
        Some(command) => format!(", then {command}"),
        None => String::new(),
    };
    if says(&["no such image", "manifest", "pull access denied"]) {
        let image = &service.image;
        return format!("check that {image} exists and that the nodes reach its registry{then}");
    }
    if says(&["no suitable node"]) {
        return "start the node it is bound to, or check its constraints against the labels above"
            .to_owned();
    }
    if says(&[
        "already in use",
        "port is already allocated",
        "address already",
    ]) {
        return format!("free the port on the node, or publish another one{then}");
    }
    format!(
        "docker service ps --no-trunc {name} and docker service logs {name} in guest {via}{then}"
    )
}
