//! A plan as people read it. Text that came from a guest or from Docker is escaped.

use std::fmt;

use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::{Availability, Change, ChangeVerb, SwarmNodeUpdate, SwarmRole};

use super::Plan;
use super::action::Action;

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InstallAgent { from: None, to, .. } => {
                write!(formatter, "install phoenix-guest-agent {to}")
            }
            Self::InstallAgent {
                from: Some(from),
                to,
                ..
            } => {
                write!(
                    formatter,
                    "upgrade phoenix-guest-agent {} to {to}",
                    Untrusted(from)
                )
            }
            Self::ApplyGuest { changes, .. } => {
                write!(formatter, "set up the guest: {}", Summary(changes))
            }
            Self::DeployStack {
                name, changes, via, ..
            } => {
                write!(
                    formatter,
                    "deploy stack {name} through {via}: {}",
                    Summary(changes)
                )
            }
            Self::MakePortainerSecrets => {
                formatter.write_str("make Portainer's admin password and agent secret on this node")
            }
            Self::ApplyPortainer { changes, .. } => {
                write!(formatter, "set up Portainer: {}", Summary(changes))
            }
            _ => self.show_swarm(formatter),
        }
    }
}

impl Action {
    fn show_swarm(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SwarmLeave { swarm, reason, .. } => {
                write!(
                    formatter,
                    "leave the Swarm ({reason}), to join {swarm} anew"
                )
            }
            Self::SwarmRemoveNode {
                swarm,
                hostname,
                node_id,
                ..
            } => write!(
                formatter,
                "remove the dead entry of {} ({}) from Swarm {swarm}",
                Untrusted(hostname),
                Untrusted(node_id)
            ),
            Self::SwarmInit { swarm, init, .. } => {
                let pools = init.default_address_pool.join(", ");
                let address = &init.advertise_address;
                write!(
                    formatter,
                    "start Swarm {swarm} on {address}, overlays from {pools}"
                )
            }
            Self::SwarmJoin {
                swarm, role, via, ..
            } => {
                write!(
                    formatter,
                    "join Swarm {swarm} as {} through {via}",
                    role_name(*role)
                )
            }
            Self::SwarmUpdateNode { update, .. } => write!(formatter, "{}", NodeUpdate(update)),
            _ => Ok(()),
        }
    }
}

fn role_name(role: SwarmRole) -> &'static str {
    match role {
        SwarmRole::Manager => "manager",
        SwarmRole::Worker => "worker",
    }
}

struct NodeUpdate<'update>(&'update SwarmNodeUpdate);

impl fmt::Display for NodeUpdate<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        if let Some(role) = self.0.role {
            parts.push(format!("make it a {}", role_name(role)));
        }
        match self.0.availability {
            Some(Availability::Active) => parts.push("let it take tasks again".to_owned()),
            Some(Availability::Pause) => parts.push("pause it".to_owned()),
            Some(Availability::Drain) => parts.push("drain it".to_owned()),
            None => {}
        }
        for (name, value) in &self.0.set_labels {
            parts.push(format!("label {name}={value}"));
        }
        for name in &self.0.remove_labels {
            parts.push(format!("remove label {}", Untrusted(name)));
        }
        write!(formatter, "node: {}", parts.join(", "))
    }
}

/// `create network web, service web; update service api`.
struct Summary<'changes>(&'changes [Change]);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for verb in [ChangeVerb::Remove, ChangeVerb::Create, ChangeVerb::Update] {
            let subjects: Vec<String> = self
                .0
                .iter()
                .filter(|change| change.verb == verb)
                .map(|change| Untrusted(&change.subject).to_string())
                .collect();
            if !subjects.is_empty() {
                let separator = if first { "" } else { "; " };
                write!(
                    formatter,
                    "{separator}{} {}",
                    verb_name(verb),
                    subjects.join(", ")
                )?;
                first = false;
            }
        }
        Ok(())
    }
}

/// `create`, `update`, `remove`.
pub fn verb_name(verb: ChangeVerb) -> &'static str {
    match verb {
        ChangeVerb::Create => "create",
        ChangeVerb::Update => "update",
        ChangeVerb::Remove => "remove",
    }
}

impl Action {
    /// The single changes the action is made of, for a plan shown in full.
    pub fn changes(&self) -> &[Change] {
        match self {
            Self::ApplyGuest { changes, .. }
            | Self::DeployStack { changes, .. }
            | Self::ApplyPortainer { changes, .. } => changes,
            Self::InstallAgent { .. }
            | Self::MakePortainerSecrets
            | Self::SwarmLeave { .. }
            | Self::SwarmRemoveNode { .. }
            | Self::SwarmInit { .. }
            | Self::SwarmJoin { .. }
            | Self::SwarmUpdateNode { .. } => &[],
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for action in &self.actions {
            writeln!(formatter, "  + {action}")?;
            for change in action.changes() {
                show_fields(formatter, change)?;
            }
        }
        for blocked in &self.blocked {
            writeln!(
                formatter,
                "  ! {}: {}",
                blocked.what,
                Untrusted(&blocked.reason)
            )?;
        }
        for waiting in &self.waiting {
            match waiting.on {
                Some(vmid) => writeln!(
                    formatter,
                    "  … waits for guest {vmid}: {}",
                    Untrusted(&waiting.reason)
                )?,
                None => writeln!(formatter, "  … waits: {}", Untrusted(&waiting.reason))?,
            }
        }
        for notice in &self.notices {
            writeln!(formatter, "  note: {}", Untrusted(notice))?;
        }
        Ok(())
    }
}

fn show_fields(formatter: &mut fmt::Formatter<'_>, change: &Change) -> fmt::Result {
    for field in &change.fields {
        let show = |value: &Option<String>| match value {
            Some(value) => Untrusted(value).to_string(),
            None => "(none)".to_owned(),
        };
        writeln!(
            formatter,
            "      {}: {}: {} -> {}",
            Untrusted(&change.subject),
            Untrusted(&field.field),
            show(&field.before),
            show(&field.after)
        )?;
    }
    Ok(())
}
