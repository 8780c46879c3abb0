//! `deploy`.

use super::Load;
use super::fields::Fields;
use crate::stack::fault::{Fault, Problem};
use crate::stack::model::{
    Deploy, Limits, Placement, Reservations, Resources, RestartPolicy, UpdateConfig,
};
use crate::stack::text::size;
use crate::stack::yaml::Value;

pub(super) fn load(load: &mut Load<'_>, fields: &Fields<'_>) -> Deploy {
    let Some(fields) = fields.section("deploy") else {
        return Deploy::default();
    };
    Deploy {
        mode: fields.text("mode", load),
        replicas: fields.unsigned("replicas", load),
        labels: fields.labels("labels", load).unwrap_or_default(),
        update_config: fields
            .section("update_config")
            .map(|fields| update(load, &fields)),
        rollback_config: fields
            .section("rollback_config")
            .map(|fields| update(load, &fields)),
        resources: fields
            .section("resources")
            .map_or_else(Resources::default, |fields| Resources {
                limits: fields.section("limits").map(|fields| limits(load, &fields)),
                reservations: fields
                    .section("reservations")
                    .map(|fields| reservations(load, &fields)),
            }),
        restart_policy: fields
            .section("restart_policy")
            .map(|fields| RestartPolicy {
                condition: fields.text("condition", load),
                delay: fields.duration("delay", load),
                max_attempts: fields.unsigned("max_attempts", load),
                window: fields.duration("window", load),
            }),
        placement: fields
            .section("placement")
            .map_or_else(Placement::default, |fields| Placement {
                constraints: fields.texts("constraints", load).unwrap_or_default(),
                preferences: preferences(load, &fields),
                max_replicas: fields
                    .unsigned("max_replicas_per_node", load)
                    .unwrap_or_default(),
            }),
        endpoint_mode: fields.text("endpoint_mode", load),
    }
}

fn update(load: &mut Load<'_>, fields: &Fields<'_>) -> UpdateConfig {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "the engine keeps the ratio in 32 bits"
    )]
    let ratio = match fields.get("max_failure_ratio").map(|node| &node.value) {
        Some(Value::Float(ratio)) => *ratio as f32,
        Some(Value::Integer(ratio)) => *ratio as f32,
        _ => 0.0,
    };
    UpdateConfig {
        parallelism: fields.unsigned("parallelism", load),
        delay: fields.duration("delay", load).unwrap_or_default(),
        failure_action: fields.text("failure_action", load),
        monitor: fields.duration("monitor", load).unwrap_or_default(),
        max_failure_ratio: ratio,
        order: fields.text("order", load),
    }
}

fn limits(load: &mut Load<'_>, fields: &Fields<'_>) -> Limits {
    Limits {
        cpus: fields.text("cpus", load),
        memory_bytes: memory(load, fields),
        pids: fields.integer("pids", load).unwrap_or_default(),
    }
}

fn reservations(load: &mut Load<'_>, fields: &Fields<'_>) -> Reservations {
    let generic = fields.items("generic_resources").unwrap_or_default();
    Reservations {
        cpus: fields.text("cpus", load),
        memory_bytes: memory(load, fields),
        generic: generic
            .into_iter()
            .map(|(node, path)| {
                let resource = Fields::of(node, path).section("discrete_resource_spec")?;
                let number = resource.integer("value", load).unwrap_or_default();
                Some((resource.text("kind", load), number))
            })
            .collect(),
    }
}

fn memory(load: &mut Load<'_>, fields: &Fields<'_>) -> i64 {
    let Some(node) = fields.get("memory") else {
        return 0;
    };
    let text = node.as_text().unwrap_or_default();
    size::parse(text).unwrap_or_else(|| {
        let fault = Fault::BadFormat {
            text: text.to_owned(),
            wanted: "a size such as 64M",
        };
        load.problems
            .push(Problem::at(&node.place, fields.below("memory"), fault));
        0
    })
}

fn preferences(load: &mut Load<'_>, fields: &Fields<'_>) -> Vec<String> {
    let items = fields.items("preferences").unwrap_or_default();
    items
        .into_iter()
        .map(|(node, path)| Fields::of(node, path).text("spread", load))
        .collect()
}
