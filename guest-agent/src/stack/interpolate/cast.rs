//! Where the result of a substitution becomes a number or a boolean. The list is the Docker CLI's
//! (`cli/compose/loader/interpolate.go`); elsewhere a variable always gives a string.

use crate::stack::fault::Fault;
use crate::stack::yaml::{Value, float};

#[derive(Clone, Copy)]
enum Target {
    Integer,
    Float,
    Boolean,
}

const CASTS: &[(&str, Target)] = &[
    ("services.*.configs.[].mode", Target::Integer),
    ("services.*.secrets.[].mode", Target::Integer),
    ("services.*.healthcheck.retries", Target::Integer),
    ("services.*.healthcheck.disable", Target::Boolean),
    ("services.*.deploy.replicas", Target::Integer),
    (
        "services.*.deploy.update_config.parallelism",
        Target::Integer,
    ),
    (
        "services.*.deploy.update_config.max_failure_ratio",
        Target::Float,
    ),
    (
        "services.*.deploy.rollback_config.parallelism",
        Target::Integer,
    ),
    (
        "services.*.deploy.rollback_config.max_failure_ratio",
        Target::Float,
    ),
    (
        "services.*.deploy.restart_policy.max_attempts",
        Target::Integer,
    ),
    (
        "services.*.deploy.placement.max_replicas_per_node",
        Target::Integer,
    ),
    ("services.*.ports.[].target", Target::Integer),
    ("services.*.ports.[].published", Target::Integer),
    ("services.*.ulimits.*", Target::Integer),
    ("services.*.ulimits.*.hard", Target::Integer),
    ("services.*.ulimits.*.soft", Target::Integer),
    ("services.*.privileged", Target::Boolean),
    ("services.*.oom_score_adj", Target::Integer),
    ("services.*.read_only", Target::Boolean),
    ("services.*.stdin_open", Target::Boolean),
    ("services.*.tty", Target::Boolean),
    ("services.*.volumes.[].read_only", Target::Boolean),
    ("services.*.volumes.[].volume.nocopy", Target::Boolean),
    ("networks.*.external", Target::Boolean),
    ("networks.*.internal", Target::Boolean),
    ("networks.*.attachable", Target::Boolean),
    ("volumes.*.external", Target::Boolean),
    ("secrets.*.external", Target::Boolean),
    ("configs.*.external", Target::Boolean),
];

/// The value for a string that substitution changed.
pub(super) fn cast(text: String, path: &str) -> Result<Value, Fault> {
    let target = CASTS.iter().find(|(pattern, _)| matches(path, pattern));
    match target.map(|(_, target)| target) {
        None => Ok(Value::Text(text)),
        Some(Target::Integer) => integer(&text).ok_or(Fault::BadCast {
            wanted: "an integer",
        }),
        Some(Target::Float) => float::parse(&text)
            .map(Value::Float)
            .ok_or(Fault::BadCast { wanted: "a number" }),
        Some(Target::Boolean) => boolean(&text).ok_or(Fault::BadCast {
            wanted: "a boolean",
        }),
    }
}

/// A service name with a dot makes more parts than the pattern has, and nothing is cast: as there.
fn matches(path: &str, pattern: &str) -> bool {
    let (mut parts, mut wanted) = (path.split('.'), pattern.split('.'));
    loop {
        match (parts.next(), wanted.next()) {
            (None, None) => return true,
            (Some(part), Some(want)) if want == "*" || want == part => {}
            _ => return false,
        }
    }
}

fn integer(text: &str) -> Option<Value> {
    text.parse::<i64>()
        .ok()
        .map(|value| Value::Integer(value.into()))
}

fn boolean(text: &str) -> Option<Value> {
    match text.to_lowercase().as_str() {
        "y" | "yes" | "true" | "on" => Some(Value::Bool(true)),
        "n" | "no" | "false" | "off" => Some(Value::Bool(false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_paths_are_cast() {
        let run = |text: &str, path| cast(text.to_owned(), path);
        assert_eq!(
            run("4", "services.a.deploy.replicas"),
            Ok(Value::Integer(4))
        );
        assert_eq!(
            run("4", "services.a.b.deploy.replicas"),
            Ok(Value::Text("4".into()))
        );
        assert_eq!(run("4", "services.a.init"), Ok(Value::Text("4".into())));
        assert_eq!(run("Off", "services.a.tty"), Ok(Value::Bool(false)));
        assert!(run("x", "services.a.ports.[].target").is_err());
    }
}
