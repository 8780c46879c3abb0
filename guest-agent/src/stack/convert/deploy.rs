//! Mode, updates, restarts, resources and placement.

use super::Convert;
use crate::stack::fault::Fault;
use crate::stack::model::{self, Service};
use crate::stack::spec::{
    GenericResource, Limit, Placement, Preference, Reservation, Resources, RestartPolicy,
    ServiceMode, UpdateConfig,
};
use crate::stack::text::cpus;

pub(super) fn mode(convert: &mut Convert<'_>, service: &Service) -> ServiceMode {
    let replicas = service.deploy.replicas;
    let mode = match service.deploy.mode.as_str() {
        "global" => ServiceMode::Global {},
        "global-job" => ServiceMode::GlobalJob {},
        "replicated-job" => ServiceMode::ReplicatedJob {
            max_concurrent: replicas,
            total_completions: replicas,
        },
        "replicated" | "" => ServiceMode::Replicated { replicas },
        other => {
            let choices = "replicated, global, replicated-job, global-job".to_owned();
            convert.fault(
                &service.origin,
                Fault::NotAChoice {
                    text: other.to_owned(),
                    choices,
                },
            );
            ServiceMode::Replicated { replicas }
        }
    };
    if replicas.is_some() && matches!(mode, ServiceMode::Global {} | ServiceMode::GlobalJob {}) {
        convert.fault(&service.origin, Fault::ReplicasWithGlobal);
    }
    mode
}

pub(super) fn update(config: &model::UpdateConfig) -> UpdateConfig {
    // Through the text, since the engine prints 32 bits: 0.1 and not 0.10000000149.
    let ratio = config.max_failure_ratio.to_string().parse::<f64>().ok();
    UpdateConfig {
        parallelism: config.parallelism.unwrap_or(1),
        delay: config.delay,
        failure_action: config.failure_action.clone(),
        monitor: config.monitor,
        max_failure_ratio: ratio
            .and_then(serde_json::Number::from_f64)
            .unwrap_or_else(|| 0.into()),
        order: config.order.clone(),
    }
}

/// `deploy.restart_policy` wins over `restart`.
pub(super) fn restart_policy(
    convert: &mut Convert<'_>,
    service: &Service,
) -> Option<RestartPolicy> {
    if let Some(policy) = &service.deploy.restart_policy {
        return Some(RestartPolicy {
            condition: policy.condition.clone(),
            delay: policy.delay,
            max_attempts: policy.max_attempts,
            window: policy.window,
        });
    }
    let (name, count) = service
        .restart
        .split_once(':')
        .unwrap_or((&service.restart, ""));
    let attempts = if count.is_empty() {
        Some(0)
    } else {
        count.parse::<u64>().ok()
    };
    let condition = |condition: &str, max_attempts| {
        Some(RestartPolicy {
            condition: condition.to_owned(),
            max_attempts,
            ..RestartPolicy::default()
        })
    };
    match (name, attempts) {
        ("no", Some(_)) => None,
        ("", Some(_)) if !service.restart.contains(':') => None,
        ("always" | "unless-stopped", Some(_)) => condition("any", None),
        ("on-failure", Some(attempts)) => condition("on-failure", Some(attempts)),
        _ => {
            let choices = "no, always, unless-stopped, on-failure[:count]".to_owned();
            let text = service.restart.clone();
            convert.fault(&service.origin, Fault::NotAChoice { text, choices });
            None
        }
    }
}

pub(super) fn resources(convert: &mut Convert<'_>, service: &Service) -> Resources {
    let resources = &service.deploy.resources;
    let limits = resources.limits.as_ref().map(|limits| Limit {
        nano_cpus: nano_cpus(convert, service, &limits.cpus),
        memory_bytes: limits.memory_bytes,
        pids: limits.pids,
    });
    let reservations = resources
        .reservations
        .as_ref()
        .map(|reservations| Reservation {
            nano_cpus: nano_cpus(convert, service, &reservations.cpus),
            memory_bytes: reservations.memory_bytes,
            generic_resources: reservations
                .generic
                .iter()
                .flatten()
                .map(|(kind, value)| GenericResource::DiscreteResourceSpec {
                    kind: kind.clone(),
                    value: *value,
                })
                .collect(),
        });
    Resources {
        limits,
        reservations,
    }
}

fn nano_cpus(convert: &mut Convert<'_>, service: &Service, text: &str) -> i64 {
    if text.is_empty() {
        return 0;
    }
    cpus::parse_nano(text).unwrap_or_else(|| {
        let wanted = "a number of CPUs with at most nine decimals";
        convert.fault(
            &service.origin,
            Fault::BadFormat {
                text: text.to_owned(),
                wanted,
            },
        );
        0
    })
}

pub(super) fn placement(service: &Service) -> Placement {
    let placement = &service.deploy.placement;
    Placement {
        constraints: placement.constraints.clone(),
        preferences: placement
            .preferences
            .iter()
            .map(|spread| Preference::Spread {
                spread_descriptor: spread.clone(),
            })
            .collect(),
        max_replicas: placement.max_replicas,
        platforms: Vec::new(),
    }
}
