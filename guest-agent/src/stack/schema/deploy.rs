//! The keys under `deploy`.

use super::shape::{
    DURATION, Dict, LIST_OR_DICT, NULL, NUMERIC, Object, Shape, TEXT, WHOLE, closed, key, key_since,
};

pub(super) static DEPLOY: Shape = Shape::Either(&[Shape::Scalar(NULL), Shape::Object(&DEPLOYMENT)]);

static DEPLOYMENT: Object = closed(&[
    key("mode", &TEXT),
    key_since(2, "endpoint_mode", &TEXT),
    key("replicas", &WHOLE),
    key("labels", &LIST_OR_DICT),
    key_since(7, "rollback_config", &UPDATE),
    key("update_config", &UPDATE),
    key("resources", &RESOURCES),
    key("restart_policy", &RESTART_POLICY),
    key("placement", &PLACEMENT),
]);

static UPDATE: Shape = Shape::Object(&closed(&[
    key("parallelism", &WHOLE),
    key("delay", &DURATION),
    key("failure_action", &TEXT),
    key("monitor", &DURATION),
    key("max_failure_ratio", &NUMERIC),
    key_since(4, "order", &ORDER),
]));
static ORDER: Shape = Shape::Choice(&["start-first", "stop-first"]);

static RESOURCES: Shape = Shape::Object(&closed(&[
    key("limits", &LIMITS),
    key("reservations", &RESERVATIONS),
]));
static LIMITS: Shape = Shape::Object(&closed(&[
    key("cpus", &TEXT),
    key("memory", &TEXT),
    key_since(9, "pids", &WHOLE),
]));
static RESERVATIONS: Shape = Shape::Object(&closed(&[
    key("cpus", &TEXT),
    key("memory", &TEXT),
    key_since(5, "generic_resources", &GENERIC_RESOURCES),
]));
static GENERIC_RESOURCES: Shape = Shape::List(&GENERIC_RESOURCE);
static GENERIC_RESOURCE: Shape = Shape::Object(&closed(&[key(
    "discrete_resource_spec",
    &DISCRETE_RESOURCE,
)]));
static DISCRETE_RESOURCE: Shape =
    Shape::Object(&closed(&[key("kind", &TEXT), key("value", &NUMERIC)]));

static RESTART_POLICY: Shape = Shape::Object(&closed(&[
    key("condition", &TEXT),
    key("delay", &DURATION),
    key("max_attempts", &WHOLE),
    key("window", &DURATION),
]));

static PLACEMENT: Shape = Shape::Object(&closed(&[
    key("constraints", &TEXTS),
    key_since(3, "preferences", &PREFERENCES),
    key_since(8, "max_replicas_per_node", &WHOLE),
]));
static TEXTS: Shape = Shape::List(&TEXT);
static PREFERENCES: Shape = Shape::List(&PREFERENCE);
static PREFERENCE: Shape = Shape::Object(&closed(&[key("spread", &TEXT)]));

/// What the top-level sections share: names of the author's own choice.
pub(super) const fn named(value: &'static Shape, open: bool) -> Dict {
    Dict {
        names: super::shape::Names::Identifier,
        value,
        open,
    }
}
