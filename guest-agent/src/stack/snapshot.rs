//! Reads from the engine what a stack may touch.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::convert::Desired;
use super::error::StackError;
use super::live::{Live, LiveObject};
use super::names::Namespace;
use super::operation::ObjectKind;
use super::spec::NAMESPACE_LABEL;
use super::{ports, secret_probe};
use crate::docker::engine::{Engine, percent_encode};
use crate::docker::error::EngineError;

/// The query that selects by the stack's label.
pub fn label_query(namespace: &Namespace) -> String {
    let filters = json!({"label": [format!("{NAMESPACE_LABEL}={}", namespace.name())]});
    format!("filters={}", percent_encode(&filters.to_string()))
}

/// Whether this engine manages a Swarm: the other calls answer too vaguely.
///
/// # Errors
/// It does not, or it does not answer.
pub async fn check_manager(engine: &Engine, namespace: &Namespace) -> Result<(), StackError> {
    match is_manager(engine).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(StackError::NotManager),
        Err(source) => Err(StackError::Read {
            what: "the Swarm",
            stack: namespace.name().to_owned(),
            source,
        }),
    }
}

/// Whether this engine says that it manages a Swarm.
pub async fn is_manager(engine: &Engine) -> Result<bool, EngineError> {
    // Quicker than all that `/info` gathers; what else it may be, that tells.
    if engine.swarm_state().await.as_deref() == Some("active/manager") {
        return Ok(true);
    }
    let info = engine.get("/info").await?;
    let control = info.pointer("/Swarm/ControlAvailable");
    Ok(control.and_then(Value::as_bool) == Some(true))
}

/// What is there of the stack, and of what `desired` names.
pub async fn read(
    engine: &Engine,
    namespace: &Namespace,
    desired: &Desired,
) -> Result<Live, StackError> {
    let mut live = Live::default();
    let failed = |what| {
        move |source| StackError::Read {
            what,
            stack: namespace.name().to_owned(),
            source,
        }
    };
    let networks = engine
        .get("/networks")
        .await
        .map_err(failed("the networks"))?;
    for (name, network) in entries(&networks) {
        // A node's own network of the same name does not hide the Swarm's.
        let swarm = |network: &LiveObject| network.spec.get("Scope") == Some(&json!("swarm"));
        let keep = live.networks.get(&name).is_some_and(swarm);
        if !keep {
            live.networks.insert(name, network);
        }
    }
    let services = engine
        .get("/services")
        .await
        .map_err(failed("the services"))?;
    for (name, service) in entries(&services) {
        if service.is_of(namespace.name()) {
            live.services.insert(name, service);
        } else {
            live.foreign_services.insert(name);
        }
    }
    live.foreign_ports = ports::foreign(&services, namespace);
    let hidden = hidden_networks(engine, &live).await;
    live.hidden_networks = hidden.map_err(failed("the networks"))?;
    for kind in [ObjectKind::Secret, ObjectKind::Config] {
        let what = match kind {
            ObjectKind::Secret => "the secrets",
            ObjectKind::Config => "the configs",
        };
        let objects = objects(engine, namespace, kind, &names(desired, kind)).await;
        *live.objects_mut(kind) = objects.map_err(failed(what))?;
    }
    let same = secret_probe::same_secrets(engine, namespace, desired, &live).await;
    live.same_secrets = same.map_err(failed("the secrets"))?;
    Ok(live)
}

fn entries(list: &Value) -> impl Iterator<Item = (String, LiveObject)> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(LiveObject::from_answer)
}

/// Names of the networks that services are attached to and the list does not show.
async fn hidden_networks(
    engine: &Engine,
    live: &Live,
) -> Result<BTreeMap<String, String>, EngineError> {
    let mut names = BTreeMap::new();
    for service in live.services.values() {
        let networks = service
            .spec
            .pointer("/TaskTemplate/Networks")
            .and_then(Value::as_array);
        for network in networks.into_iter().flatten() {
            let Some(id) = network.get("Target").and_then(Value::as_str) else {
                continue;
            };
            if live.network_name(id) != id || names.contains_key(id) {
                continue;
            }
            match engine
                .get(&format!("/networks/{}", percent_encode(id)))
                .await
            {
                Ok(network) => {
                    let name = network.get("Name").and_then(Value::as_str).unwrap_or(id);
                    names.insert(id.to_owned(), name.to_owned());
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(names)
}

/// Names that `desired` creates or uses.
fn names(desired: &Desired, kind: ObjectKind) -> BTreeSet<String> {
    let created = match kind {
        ObjectKind::Secret => desired.secrets.keys(),
        ObjectKind::Config => desired.configs.keys(),
    };
    let used = desired.services.values().flat_map(|service| {
        let container = &service.task_template.container_spec;
        match kind {
            ObjectKind::Secret => &container.secrets,
            ObjectKind::Config => &container.configs,
        }
    });
    created
        .cloned()
        .chain(used.map(|reference| reference.name.clone()))
        .collect()
}

async fn objects(
    engine: &Engine,
    namespace: &Namespace,
    kind: ObjectKind,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, LiveObject>, EngineError> {
    let collection = kind.collection();
    let labelled = engine
        .get(&format!("{collection}?{}", label_query(namespace)))
        .await?;
    let mut objects: BTreeMap<String, LiveObject> = entries(&labelled).collect();
    for name in names {
        if objects.contains_key(name) {
            continue;
        }
        match engine
            .get(&format!("{collection}/{}", percent_encode(name)))
            .await
        {
            Ok(answer) => {
                // The engine takes ids and their beginnings for names, too.
                objects.extend(LiveObject::from_answer(&answer).filter(|(found, _)| found == name));
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(objects)
}
