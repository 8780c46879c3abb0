//! Looks at everything that a plan for Portainer depends on: two lists, and for each declared stack its file; for each
//! environment with stacks what runs there.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};
use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;

use super::host_state;
use crate::context::Context;
use crate::plan::observed::HostState;
use crate::plan::portainer::desired::{EnvironmentDesired, EnvironmentKind, PortainerDesired};
use crate::plan::portainer::observed::{Inventory, ObservedPortainer, Runtime, Server};
use crate::portainer::reach::{ReachError, connect};
use crate::portainer::types::{Environment, Stack};
use crate::portainer::{PortainerError, Session};

/// Questions at a time.
const IN_PARALLEL: usize = 16;

/// One look. A session that still works is kept for the next one.
pub async fn observe(
    context: &Context,
    desired: &PortainerDesired,
    session: &mut Option<Session>,
) -> ObservedPortainer {
    if session.is_none() {
        let primary = desired.primary;
        match host_state(context, primary).await {
            Observed::Known(HostState::Running) => {}
            Observed::Known(state) => return absent(state.to_string()),
            Observed::Unknown(reason) => return absent(reason),
        }
        match connect(context, primary).await {
            Ok(connected) => *session = Some(connected),
            Err(error @ ReachError::NoCertificate { .. }) => return unknown(error.to_string()),
            Err(error) if error.is_transient() => return absent(Chain(&error).to_string()),
            Err(error) => return closed(Chain(&error).to_string()),
        }
    }
    let Some(open) = session.as_ref() else {
        return unknown("not connected".to_owned());
    };
    let seen = server(open, desired).await;
    if !matches!(
        &seen.server,
        Observed::Known(Server::Open(_) | Server::NoKey { .. })
    ) {
        // The next look may find another certificate.
        *session = None;
    }
    seen
}

fn absent(reason: String) -> ObservedPortainer {
    ObservedPortainer {
        primary_is_up: false,
        ..unknown(reason)
    }
}

fn unknown(reason: String) -> ObservedPortainer {
    seen(Observed::Unknown(reason))
}

fn closed(reason: String) -> ObservedPortainer {
    seen(Observed::Known(Server::Closed(reason)))
}

fn seen(server: Observed<Server>) -> ObservedPortainer {
    ObservedPortainer {
        server,
        primary_is_up: true,
    }
}

fn failed(error: &PortainerError) -> ObservedPortainer {
    let reason = Chain(error).to_string();
    if error.is_transient() {
        unknown(reason)
    } else {
        closed(reason)
    }
}

/// What a server that answers holds.
pub async fn server(session: &Session, desired: &PortainerDesired) -> ObservedPortainer {
    let version = match session.status().await {
        Ok(status) => status.version,
        Err(error) => return failed(&error),
    };
    let no_key = |version| seen(Observed::Known(Server::NoKey { version }));
    if !session.has_key() {
        return no_key(version);
    }
    let lists = futures_util::future::join(session.environments(), session.stacks()).await;
    let (environments, stacks) = match lists {
        (Ok(environments), Ok(stacks)) => (environments, stacks),
        (Err(error), _) | (_, Err(error)) if error.is_unauthorized() => return no_key(version),
        (Err(error), _) | (_, Err(error)) => return failed(&error),
    };
    let mut inventory = Inventory {
        version,
        url: session.url().to_owned(),
        environments,
        stacks,
        ..Inventory::default()
    };
    inventory.files = files(session, desired, &inventory).await;
    inventory.runtimes = runtimes(session, desired, &inventory).await;
    seen(Observed::Known(Server::Open(Box::new(inventory))))
}

/// The environments that are declared to have stacks, as they are found.
fn with_stacks<'seen>(
    desired: &'seen PortainerDesired,
    inventory: &'seen Inventory,
) -> impl Iterator<Item = (&'seen EnvironmentDesired, &'seen Environment)> {
    let wanted = desired.environments.iter();
    wanted
        .filter(|wanted| !wanted.stacks.is_empty())
        .filter_map(|wanted| {
            let mut all = inventory.environments.iter();
            Some((wanted, all.find(|found| found.name == wanted.name)?))
        })
}

async fn files(
    session: &Session,
    desired: &PortainerDesired,
    inventory: &Inventory,
) -> BTreeMap<u64, Observed<String>> {
    let of_environment = |(wanted, found): (&EnvironmentDesired, &Environment)| -> Vec<u64> {
        let declared = |stack: &&Stack| {
            let mut names = wanted.stacks.iter().map(|wanted| &wanted.name);
            stack.endpoint_id == found.id
                && names.any(|name| name.eq_ignore_ascii_case(&stack.name))
        };
        let stacks = inventory.stacks.iter().filter(declared);
        stacks.map(|stack| stack.id).collect()
    };
    let ids = with_stacks(desired, inventory).flat_map(of_environment);
    let files = stream::iter(ids).map(|id| async move {
        let file = match session.stack_file(id).await {
            Ok(file) => Observed::Known(file),
            Err(error) => Observed::Unknown(Chain(&error).to_string()),
        };
        (id, file)
    });
    files.buffer_unordered(IN_PARALLEL).collect().await
}

async fn runtimes(
    session: &Session,
    desired: &PortainerDesired,
    inventory: &Inventory,
) -> BTreeMap<u64, Observed<Runtime>> {
    let environments: Vec<(u64, bool)> = with_stacks(desired, inventory)
        .map(|(wanted, found)| (found.id, matches!(wanted.kind, EnvironmentKind::Swarm(_))))
        .collect();
    let looks = stream::iter(environments).map(|(id, on_swarm)| async move {
        let runtime = match runtime(session, id, on_swarm).await {
            Ok(runtime) => Observed::Known(runtime),
            Err(error) => Observed::Unknown(Chain(&error).to_string()),
        };
        (id, runtime)
    });
    looks.buffer_unordered(IN_PARALLEL).collect().await
}

async fn runtime(
    session: &Session,
    environment: u64,
    on_swarm: bool,
) -> Result<Runtime, PortainerError> {
    if !on_swarm {
        let containers = session.compose_containers(environment).await?;
        return Ok(Runtime::Compose(containers));
    }
    Ok(Runtime::Swarm {
        id: session.swarm_id(environment).await?,
        services: session.stack_services(environment).await?,
        configs: session.configs(environment).await?,
    })
}
