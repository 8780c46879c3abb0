//! `version:` of a compose file and the keys that are refused whatever the version.

use super::shape::Version;
use crate::stack::fault::{Fault, Problem};
use crate::stack::yaml::{Map, Node};

/// The newest version of the format, and the one of a file that names none.
pub(super) const NEWEST: Version = 13;

/// The minor version a file asks for, and the text it wrote.
pub fn of(root: &Map, file: &Node) -> Result<(Version, String), Problem> {
    let Some(node) = root.get("version") else {
        return Ok((NEWEST, format!("3.{NEWEST}")));
    };
    let text = node.value.to_text().unwrap_or_default();
    let null = matches!(node.value, crate::stack::yaml::Value::Null);
    if matches!(text.as_str(), "" | "3") && !null {
        return Ok((NEWEST, format!("3.{NEWEST}")));
    }
    if let Some(version) = known(&text) {
        return Ok((version, text));
    }
    let place = if null { &file.place } else { &node.place };
    let fault = Fault::UnsupportedVersion { version: text };
    Err(Problem::at(place, "version", fault))
}

fn known(text: &str) -> Option<Version> {
    (0..=NEWEST).find(|minor| text == format!("3.{minor}"))
}

/// Keys that would change what a service is, and what to write instead.
const FORBIDDEN: &[(&str, &str)] = &[
    ("extends", "use a YAML anchor and `<<`"),
    (
        "volume_driver",
        "declare a volume under top-level `volumes` with that driver",
    ),
    (
        "volumes_from",
        "declare a volume under top-level `volumes` and mount it in each service",
    ),
    ("cpu_quota", "set `deploy.resources`"),
    ("cpu_shares", "set `deploy.resources`"),
    ("cpuset", "set `deploy.resources`"),
    ("mem_limit", "set `deploy.resources`"),
    ("memswap_limit", "set `deploy.resources`"),
];

/// The forbidden keys in the services of a file.
pub fn forbidden(root: &Map) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(services) = root.section("services") else {
        return problems;
    };
    for service in &services.entries {
        let Some(keys) = service.node.as_map() else {
            continue;
        };
        for (key, advice) in FORBIDDEN {
            if let Some(entry) = keys.entry(key) {
                let fault = Fault::Forbidden {
                    key: (*key).to_owned(),
                    advice,
                };
                problems.push(Problem::at(
                    &entry.key_place,
                    format!("services.{}", service.key),
                    fault,
                ));
            }
        }
    }
    problems
}
