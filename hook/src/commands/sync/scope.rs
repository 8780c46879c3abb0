//! What a sync is about.

use phoenix_common::config::{Deployer, Guest, StackAssignment};
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;

use crate::context::Context;
use crate::plan::portainer::desired::PortainerDesired;
use crate::plan::portainer::environments::has_agent;

/// The guests whose own runs belong to it, and the part of Portainer.
#[derive(Debug)]
pub(super) struct Scope {
    /// For locks, records and messages: `sync all`.
    pub name: String,
    pub guests: Vec<Vmid>,
    /// Of the guests' Swarm stacks this one only.
    pub only_stack: Option<String>,
    pub portainer: Option<PortainerDesired>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ScopeError {
    #[error("no guest has `portainer_role` primary")]
    NoPrimary,
    #[error("stack {} is not assigned to guest {vmid}: {known}", Untrusted(name))]
    NotAssigned {
        name: String,
        vmid: Vmid,
        known: String,
    },
    #[error(
        "stack {} is assigned to guest {vmid} more than once: name one of {known}",
        Untrusted(name)
    )]
    Ambiguous {
        name: String,
        vmid: Vmid,
        known: String,
    },
    #[error("stack {0} is declared `manual`: it is deployed by hand, phoenix plan shows the steps")]
    Manual(String),
}

impl Scope {
    pub(super) fn all(context: &Context) -> Self {
        let guests = context.config.guests_in_boot_order();
        Self {
            name: "sync all".to_owned(),
            guests: guests.iter().map(|guest| guest.vmid).collect(),
            only_stack: None,
            portainer: context.portainer(),
        }
    }

    /// # Errors
    /// Nobody runs the server.
    pub(super) fn portainer(context: &Context) -> Result<Self, ScopeError> {
        let portainer = context.portainer().ok_or(ScopeError::NoPrimary)?;
        let guests = context.config.guests_in_boot_order();
        let has_part = |guest: &&&Guest| guest.portainer_role.is_some() || has_agent(guest);
        Ok(Self {
            name: "sync portainer".to_owned(),
            guests: guests
                .iter()
                .filter(has_part)
                .map(|guest| guest.vmid)
                .collect(),
            only_stack: None,
            portainer: Some(portainer),
        })
    }

    /// # Errors
    /// The guest has no such stack.
    pub(super) fn stack(context: &Context, name: &str, vmid: Vmid) -> Result<Self, ScopeError> {
        let stack = assignment(context, name, vmid)?;
        let deployed = stack.deployed_name.clone();
        if stack.manual {
            return Err(ScopeError::Manual(deployed));
        }
        let by_portainer = stack.deployer == Deployer::Portainer;
        let portainer = if by_portainer {
            let all = context.portainer().ok_or(ScopeError::NoPrimary)?;
            Some(all.only_stack(vmid, &deployed))
        } else {
            None
        };
        Ok(Self {
            name: format!("sync stack {name} to {vmid}"),
            guests: if by_portainer { Vec::new() } else { vec![vmid] },
            only_stack: Some(deployed),
            portainer,
        })
    }
}

fn assignment<'config>(
    context: &'config Context,
    name: &str,
    vmid: Vmid,
) -> Result<&'config StackAssignment, ScopeError> {
    let guest = context.config.guests.get(&vmid);
    let stacks = guest.map_or(&[][..], |guest| &guest.stacks);
    let deployed = stacks.iter().find(|stack| stack.deployed_name == name);
    let named: Vec<&StackAssignment> = stacks.iter().filter(|stack| stack.name == name).collect();
    let names = |stacks: &[&StackAssignment]| {
        let names: Vec<&str> = stacks
            .iter()
            .map(|stack| stack.deployed_name.as_str())
            .collect();
        names.join(", ")
    };
    let name = name.to_owned();
    match (deployed, named.as_slice()) {
        (Some(stack), _) => Ok(stack),
        (None, [stack]) => Ok(*stack),
        (None, []) => {
            let all: Vec<&StackAssignment> = stacks.iter().collect();
            let known = if all.is_empty() {
                "its docker_stacks is empty".to_owned()
            } else {
                format!("it has {}", names(&all))
            };
            Err(ScopeError::NotAssigned { name, vmid, known })
        }
        (None, many) => {
            let known = names(many);
            Err(ScopeError::Ambiguous { name, vmid, known })
        }
    }
}
