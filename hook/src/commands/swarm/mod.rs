//! `phoenix swarm …`: the Swarm as a whole, by the operator's hand.

mod binds;
mod deploy;
mod failure;
mod health;
mod init;
mod join;
mod lock;
mod manager;
mod member;
mod report;
mod rm;
mod services;
mod status;
mod table;
mod target;
#[cfg(test)]
mod tests;
mod volumes;

use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;

use super::complain;
use crate::context::{Context, ContextError};
use crate::exit_code::Exit;
use crate::paths::Paths;

/// Starts, fills, empties and shows a Docker Swarm.
#[derive(Debug, clap::Args)]
pub struct SwarmArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Init(init::InitArgs),
    Join(join::JoinArgs),
    Deploy(deploy::DeployArgs),
    Rm(rm::RmArgs),
    Status(status::StatusArgs),
}

pub fn run(args: &SwarmArgs, paths: &Paths) -> Exit {
    match &args.verb {
        Verb::Init(args) => init::run(args, paths),
        Verb::Join(args) => join::run(args, paths),
        Verb::Deploy(args) => deploy::run(args, paths),
        Verb::Rm(args) => rm::run(args, paths),
        Verb::Status(args) => status::run(args, paths),
    }
}

/// Nobody is declared in a Swarm of that name.
#[derive(Debug, thiserror::Error)]
#[error("no guest is declared in a Swarm named {}: {known}", Untrusted(name))]
struct UnknownSwarm {
    name: String,
    known: String,
}

/// The whole estate's configuration and the name of the Swarm meant; a mistake is told.
fn load(paths: &Paths, swarm: Option<&str>) -> Result<(Context, String), Exit> {
    let context = loaded(Context::load(paths))?;
    let name = swarm.unwrap_or(&context.config.hypervisor.swarm.name);
    if !context.config.members_of(name).is_empty() {
        let name = name.to_owned();
        return Ok((context, name));
    }
    complain(&UnknownSwarm {
        name: name.to_owned(),
        known: known_swarms(&context),
    });
    Err(Exit::Usage)
}

/// As [`load`], as far as it concerns one guest.
fn load_for(paths: &Paths, vmid: Vmid) -> Result<Context, Exit> {
    loaded(Context::load_for(paths, vmid))
}

fn loaded(context: Result<Context, ContextError>) -> Result<Context, Exit> {
    context.map_err(|error| {
        complain(&error);
        match error {
            ContextError::Config { .. } | ContextError::UnknownGuest { .. } => Exit::Usage,
            ContextError::Package(_) => Exit::Failed,
        }
    })
}

fn known_swarms(context: &Context) -> String {
    let members = context.config.guests.values();
    let names: std::collections::BTreeSet<&str> = members
        .filter_map(|guest| guest.swarm.as_ref())
        .map(|member| member.name.as_str())
        .collect();
    if names.is_empty() {
        return "give a guest a swarm_role first".to_owned();
    }
    let names: Vec<&str> = names.into_iter().collect();
    format!("there is {}", names.join(", "))
}
