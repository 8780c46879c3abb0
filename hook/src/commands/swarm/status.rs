//! `phoenix swarm status`: how the Swarm fares, and why something is not healthy. Asks, changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::{join, join_all};
use phoenix_common::config::Deployer;
use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, RequestBody, SwarmStacks};

use super::health::{Declared, Seen, judge};
use super::table;
use crate::channel::Channel;
use crate::commands::{block_on, print_json, print_line};
use crate::context::Context;
use crate::exit_code::Exit;
use crate::observe::{host_state, observe_swarm};
use crate::paths::Paths;

/// How long the manager may take over its list of services.
const QUESTION: Duration = Duration::from_secs(30);

/// Shows nodes, quorum, stacks and services, and for what is not healthy the reason and the next step.
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// Print the state as JSON.
    #[arg(long)]
    pub json: bool,
    /// The Swarm (default: `swarm.name` of the configuration).
    #[arg(long, value_name = "NAME")]
    pub swarm: Option<String>,
}

/// 0 when all is healthy, 1 when something is not or nobody can be asked.
pub(super) fn run(args: &StatusArgs, paths: &Paths) -> Exit {
    let (context, swarm) = match super::load(paths, args.swarm.as_deref()) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let report = judge(&block_on(look(&context, &swarm)));
    if args.json {
        let mut json = serde_json::json!(report);
        json["schema_version"] = serde_json::json!(1);
        print_json(&json);
    } else {
        for line in table::lines(&report) {
            print_line(&line);
        }
    }
    if report.healthy {
        Exit::Converged
    } else {
        Exit::Failed
    }
}

async fn look(context: &Context, swarm: &str) -> Seen {
    let managers: Vec<Vmid> = super::manager::declared(context, swarm);
    let (managers, declared) =
        join(observe_swarm(context, &managers), declared(context, swarm)).await;
    let stacks = match &managers.view {
        Observed::Known((via, _)) => stacks(context, *via).await,
        Observed::Unknown(reason) => Observed::Unknown(reason.clone()),
    };
    let networks = context.config.guests.values();
    Seen {
        swarm: swarm.to_owned(),
        declared,
        managers,
        stacks,
        known_stacks: context.config.stacks.keys().cloned().collect(),
        guest_networks: networks
            .filter_map(|guest| guest.network)
            .map(|network| network.address)
            .collect(),
    }
}

async fn declared(context: &Context, swarm: &str) -> BTreeMap<Vmid, Declared> {
    let members = context.config.members_of(swarm);
    let looks = members.into_iter().filter_map(|guest| {
        let role = guest.swarm.as_ref()?.role;
        let stacks = guest.stacks.iter();
        let stacks = stacks.filter(|stack| stack.deployer == Deployer::Swarm && !stack.manual);
        let stacks: Vec<String> = stacks.map(|stack| stack.deployed_name.clone()).collect();
        Some(async move {
            let host = host_state(context, guest.vmid).await;
            let declared = Declared { role, host, stacks };
            (guest.vmid, declared)
        })
    });
    join_all(looks).await.into_iter().collect()
}

async fn stacks(context: &Context, via: Vmid) -> Observed<SwarmStacks> {
    let channel = Channel::to_vm(via, &context.paths);
    let question = RequestBody::SwarmStacks;
    match channel.answer(question, Deadline::after(QUESTION)).await {
        Ok(Answer::SwarmStacks(stacks)) => Observed::Known(stacks),
        Ok(_) => Observed::unknown("the agent answered another question"),
        Err(error) => Observed::Unknown(Chain(&error).to_string()),
    }
}
