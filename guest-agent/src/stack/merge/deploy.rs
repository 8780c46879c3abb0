//! `deploy` over `deploy`.

use super::{count, number, optional_number, text};
use crate::stack::model::{Deploy, Limits, Reservations, RestartPolicy, UpdateConfig};

pub(super) fn merge(base: &mut Deploy, over: Deploy) {
    text(&mut base.mode, over.mode);
    text(&mut base.endpoint_mode, over.endpoint_mode);
    count(&mut base.replicas, over.replicas);
    base.labels.extend(over.labels);
    either(&mut base.update_config, over.update_config, update);
    either(&mut base.rollback_config, over.rollback_config, update);
    either(&mut base.resources.limits, over.resources.limits, limits);
    either(
        &mut base.resources.reservations,
        over.resources.reservations,
        reservations,
    );
    either(
        &mut base.restart_policy,
        over.restart_policy,
        restart_policy,
    );
    base.placement
        .constraints
        .extend(over.placement.constraints);
    base.placement
        .preferences
        .extend(over.placement.preferences);
    number(
        &mut base.placement.max_replicas,
        over.placement.max_replicas,
    );
}

/// Merges two that are there; else takes the one that is.
fn either<T>(base: &mut Option<T>, over: Option<T>, merge: impl Fn(&mut T, T)) {
    match (base.as_mut(), over) {
        (Some(base), Some(over)) => merge(base, over),
        (None, over) => *base = over,
        (Some(_), None) => {}
    }
}

fn update(base: &mut UpdateConfig, over: UpdateConfig) {
    count(&mut base.parallelism, over.parallelism);
    number(&mut base.delay, over.delay);
    text(&mut base.failure_action, over.failure_action);
    number(&mut base.monitor, over.monitor);
    number(&mut base.max_failure_ratio, over.max_failure_ratio);
    text(&mut base.order, over.order);
}

fn limits(base: &mut Limits, over: Limits) {
    text(&mut base.cpus, over.cpus);
    number(&mut base.memory_bytes, over.memory_bytes);
    number(&mut base.pids, over.pids);
}

fn reservations(base: &mut Reservations, over: Reservations) {
    text(&mut base.cpus, over.cpus);
    number(&mut base.memory_bytes, over.memory_bytes);
    base.generic.extend(over.generic);
}

fn restart_policy(base: &mut RestartPolicy, over: RestartPolicy) {
    text(&mut base.condition, over.condition);
    optional_number(&mut base.delay, over.delay);
    count(&mut base.max_attempts, over.max_attempts);
    optional_number(&mut base.window, over.window);
}
