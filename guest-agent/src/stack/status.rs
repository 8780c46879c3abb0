//! How a stack fares, for people.

use phoenix_common::wire::{ServiceStatus, StackStatus, SwarmStacks};
use serde_json::Value;

use super::error::StackError;
use super::health::health;
use super::names::Namespace;
use super::snapshot;
use super::tasks::{self, RunningService, Task};
use crate::docker::engine::Engine;

/// The services of the stack `name`; none if there is no such stack.
///
/// # Errors
/// This engine manages no Swarm, or does not answer.
pub async fn status(engine: &Engine, name: &str) -> Result<StackStatus, StackError> {
    let namespace = Namespace::new(name);
    snapshot::check_manager(engine, &namespace).await?;
    let failed = |what| {
        move |source| StackError::Read {
            what,
            stack: name.to_owned(),
            source,
        }
    };
    let services = tasks::services(engine, &namespace)
        .await
        .map_err(failed("the services"))?;
    let tasks = tasks::tasks(engine, &namespace, true)
        .await
        .map_err(failed("the tasks"))?;
    let services = services.iter().map(|service| fares(service, &tasks));
    Ok(StackStatus {
        services: services.collect(),
    })
}

/// All services of the Swarm by their stack, whoever deployed them.
///
/// # Errors
/// This engine manages no Swarm, or does not answer.
pub async fn all(engine: &Engine) -> Result<SwarmStacks, StackError> {
    let failed = |what| move |source| StackError::ReadAll { what, source };
    if !snapshot::is_manager(engine)
        .await
        .map_err(failed("the state"))?
    {
        return Err(StackError::NotManager);
    }
    let services = tasks::all_services(engine)
        .await
        .map_err(failed("the services"))?;
    let tasks = tasks::all_current_tasks(engine)
        .await
        .map_err(failed("the tasks"))?;
    let mut all = SwarmStacks::default();
    for service in &services {
        let namespace = service.namespace().unwrap_or_default().to_owned();
        let stack = all.stacks.entry(namespace).or_default();
        stack.services.push(fares(service, &tasks));
    }
    Ok(all)
}

fn fares(service: &RunningService, tasks: &[Task]) -> ServiceStatus {
    let health = health(service, tasks, false);
    ServiceStatus {
        name: service.name.clone(),
        image: image(&service.spec),
        running: health.running,
        desired: health.wanted,
        ports: ports(&service.spec),
        error: health.reason,
        version: service.version,
    }
}

/// The services whose tasks are not as many as wanted, a line each: `web 0/2: no suitable node`.
///
/// # Errors
/// As [`status`].
pub async fn not_running(engine: &Engine, name: &str) -> Result<Vec<String>, StackError> {
    let services = status(engine, name).await?.services;
    let lacking = services
        .iter()
        .filter(|service| service.running < service.desired || !service.error.is_empty());
    Ok(lacking
        .map(|service| {
            let ServiceStatus {
                name,
                running,
                desired,
                error,
                ..
            } = service;
            match error.as_str() {
                "" => format!("{name} {running}/{desired}"),
                error => format!("{name} {running}/{desired}: {error}"),
            }
        })
        .collect())
}

/// Without the digest: the tag is what people know.
fn image(spec: &Value) -> String {
    let image = spec
        .pointer("/TaskTemplate/ContainerSpec/Image")
        .and_then(Value::as_str);
    let image = image.unwrap_or_default();
    image.split('@').next().unwrap_or(image).to_owned()
}

fn ports(spec: &Value) -> Vec<String> {
    let ports = spec
        .pointer("/EndpointSpec/Ports")
        .and_then(Value::as_array);
    let text = |port: &Value, key: &str, default: &str| match port.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => default.to_owned(),
    };
    ports
        .into_iter()
        .flatten()
        .map(|port| {
            format!(
                "{}->{}/{} ({})",
                text(port, "PublishedPort", "*"),
                text(port, "TargetPort", "*"),
                text(port, "Protocol", "tcp"),
                text(port, "PublishMode", "ingress")
            )
        })
        .collect()
}
