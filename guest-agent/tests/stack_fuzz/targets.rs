//! What must hold for any input. Each tells how the input ended: the kinds of its mistakes, or the
//! parts of what came out.

use std::collections::BTreeSet;
use std::sync::Arc;

use phoenix_common::spec::{Compat, ComposeText, DroppedKeys, Rotate};
use phoenix_guest_agent::stack::compose::{Input, Outcome, compose};
use phoenix_guest_agent::stack::diff::{Keeps, Mask};
use phoenix_guest_agent::stack::fault::{Problem, Problems};
use phoenix_guest_agent::stack::files::Files;
use phoenix_guest_agent::stack::interpolate::{Environment, interpolate};
use phoenix_guest_agent::stack::names::{Namespace, OBJECT_NAME_LIMIT, SERVICE_NAME_LIMIT};
use phoenix_guest_agent::stack::notice::Notices;
use phoenix_guest_agent::stack::planner::{Planned, Policy, plan};
use phoenix_guest_agent::stack::yaml::{self, Entry, Map, Node, Place, Value};
use serde_json::json;

use super::engine_model::EngineModel;
use super::reference;

const NAMESPACE: &str = "dev1_shop";
const VARIABLES: [(&str, &str); 6] = [
    ("A", "val"),
    ("EMPTY", ""),
    ("_a1", "$A"),
    ("a", "80"),
    ("U-a", "odd"),
    ("TAG", "1.2"),
];

/// YAML in, a tree whose places lie in the text.
pub(crate) fn parser(text: &str) -> String {
    let file: Arc<str> = Arc::from("f");
    match yaml::read(&file, text) {
        Ok(root) => {
            let mut kinds = BTreeSet::new();
            walk(&root, &mut kinds);
            format!("{kinds:?}")
        }
        Err(problem) => {
            let _ = problem.to_string();
            // The library's own words: where it stopped.
            kind(&problem)
        }
    }
}

fn walk(node: &Node, kinds: &mut BTreeSet<&'static str>) {
    assert!(
        node.place.line >= 1 && node.place.column >= 1,
        "{}",
        node.place
    );
    kinds.insert(node.value.kind());
    match &node.value {
        Value::List(list) => list.iter().for_each(|node| walk(node, kinds)),
        Value::Map(map) => {
            let keys: BTreeSet<&str> = map.entries.iter().map(|entry| entry.key.as_str()).collect();
            assert_eq!(keys.len(), map.entries.len(), "a key stands twice");
            map.entries
                .iter()
                .for_each(|entry| walk(&entry.node, kinds));
        }
        other => drop(other.to_text().unwrap()),
    }
}

/// As the Docker CLI substitutes, told in other words by `reference`.
pub(crate) fn interpolation(template: &str) -> String {
    let place = Place {
        file: Arc::from("f"),
        line: 1,
        column: 1,
    };
    let node = |value| Node {
        place: place.clone(),
        value,
    };
    let entry = Entry {
        key: "a".to_owned(),
        key_place: place.clone(),
        node: node(Value::Text(template.to_owned())),
    };
    let mut root = node(Value::Map(Map {
        entries: vec![entry],
    }));
    let mut notices = Notices::default();
    let problems = interpolate(&mut root, &Environment::of(&VARIABLES), &mut notices);
    let wanted = reference::substitute(template, |name| {
        let found = VARIABLES.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    });
    match &wanted {
        Some(text) => {
            assert!(
                problems.is_empty(),
                "docker takes it as {text:?}: {problems:?}"
            );
            let result = root.as_map().unwrap().get("a").unwrap().as_text();
            assert_eq!(result, Some(text.as_str()), "docker's text is on the right");
        }
        None => assert_eq!(problems.len(), 1, "docker refuses it"),
    }
    let notices: Vec<String> = notices.0.iter().map(ToString::to_string).collect();
    let dollars = template.matches('$').count().min(4);
    format!("{dollars} {} {}", kinds(&problems), notices.len().min(3))
}

fn outcome(text: &str, compat: Compat) -> Result<Outcome, Problems> {
    let file = [ComposeText {
        path: "compose.yml".to_owned(),
        text: text.to_owned(),
    }];
    // Every file that somebody may have named.
    let names = ["f", "./c.txt", "app.conf", "a.env", "web.env", "secret.txt"];
    compose(&Input {
        namespace: Namespace::new(NAMESPACE),
        compose: &file,
        environment: Environment::of(&VARIABLES),
        files: Files::new(names.map(|name| (name.to_owned(), b"K=v\n".to_vec())), None),
        directory: Some("/srv".to_owned()),
        compat,
        dropped_keys: DroppedKeys::Warning,
        pinned: false,
    })
}

/// A compose file in, specs that the engine can take or mistakes out; the same each time.
pub(crate) fn conversion(text: &str) -> String {
    let mut ends = Vec::new();
    for compat in [Compat::Docker, Compat::Extended] {
        let (first, second) = (outcome(text, compat), outcome(text, compat));
        ends.push(match (first, second) {
            (Ok(first), Ok(second)) => {
                let parts = parts(&first);
                assert_eq!(sent(&first), sent(&second), "not the same each time");
                parts
            }
            (Err(first), Err(second)) => {
                assert_eq!(first, second, "not the same each time");
                assert!(!first.0.is_empty());
                assert!(
                    !first.to_string().contains(['\u{1b}', '\u{7}']),
                    "raw on a terminal"
                );
                format!("refused {}", kinds(&first.0))
            }
            (first, second) => panic!("once so, once so: {:?} {:?}", first.err(), second.err()),
        });
    }
    // What docker takes is never refused.
    let refusals: Vec<bool> = ends.iter().map(|end| end.starts_with("refused")).collect();
    assert!(refusals != [false, true], "docker takes it: {}", ends[1]);
    ends.join(" | ")
}

fn sent(outcome: &Outcome) -> String {
    json!([
        outcome.desired.services.values().collect::<Vec<_>>(),
        outcome.desired.networks.values().collect::<Vec<_>>(),
        outcome.desired.configs.values().collect::<Vec<_>>(),
        outcome.desired.secrets.values().collect::<Vec<_>>(),
    ])
    .to_string()
}

/// Which fields are set, and that names and labels are right.
fn parts(outcome: &Outcome) -> String {
    let desired = &outcome.desired;
    let mut parts = BTreeSet::new();
    for (name, service) in &desired.services {
        assert!(
            name.len() <= SERVICE_NAME_LIMIT && name.starts_with("dev1_shop_"),
            "{name}"
        );
        let label = service.labels.get("com.docker.stack.namespace");
        assert_eq!(label.map(String::as_str), Some(NAMESPACE), "{name}");
        paths("", &json!(service), &mut parts);
    }
    for (name, object) in desired.configs.iter().chain(&desired.secrets) {
        assert!(name.len() <= OBJECT_NAME_LIMIT, "{name}");
        paths("object", &json!(object), &mut parts);
    }
    for network in desired.networks.values() {
        paths("network", &json!(network), &mut parts);
    }
    format!("{parts:?}")
}

fn paths(path: &str, value: &serde_json::Value, parts: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) if !path.ends_with("Labels") => {
            for (key, value) in map {
                paths(&format!("{path}.{key}"), value, parts);
            }
        }
        serde_json::Value::Array(list) if list.iter().all(serde_json::Value::is_object) => {
            for value in list {
                paths(path, value, parts);
            }
        }
        serde_json::Value::Null => {}
        _ => drop(parts.insert(path.to_owned())),
    }
}

/// After a deploy a second one has nothing to do, whatever was there before.
pub(crate) fn planning(text: &str) -> String {
    let ends = [Rotate::On, Rotate::Off].map(|rotate| planned_twice(text, rotate));
    ends.join(" | ")
}

fn planned_twice(text: &str, rotate: Rotate) -> String {
    // Two files in one input, see `seeds::redeploys`: the second is deployed over the first.
    let (before, text) = text.split_once("\n---\n").unwrap_or(("", text));
    let after = match outcome(text, Compat::Extended) {
        Ok(after) => after,
        Err(problems) => return kinds(&problems.0),
    };
    let mut engine = EngineModel::default();
    let before = outcome(before, Compat::Extended);
    if let Ok(before) = &before {
        engine.provide(&before.desired);
        let _ = deployed(&mut engine, before, rotate);
    }
    engine.provide(&after.desired);
    match deployed(&mut engine, &after, rotate) {
        Err(refused) => refused,
        Ok(first) => {
            let again = planned(&engine, &after, rotate)
                .unwrap_or_else(|refused| panic!("refused now: {refused}"));
            let changes = again.steps.iter().chain(&again.cleanup);
            let changes: Vec<String> = changes.map(|step| format!("{:?}", step.change)).collect();
            assert!(changes.is_empty(), "a second deploy writes: {changes:#?}");
            format!("{} {first}", before.is_ok())
        }
    }
}

fn planned(engine: &EngineModel, outcome: &Outcome, rotate: Rotate) -> Result<Planned, String> {
    let policy = Policy {
        like_docker: false,
        prune: true,
        rotate,
        mends_image: true,
        keeps: Keeps::of_api(1, 41),
        mask: Mask::default(),
    };
    plan(
        &Namespace::new(NAMESPACE),
        &outcome.desired,
        &engine.live,
        &policy,
    )
    .map_err(|refusals| {
        refusals
            .iter()
            .map(|refusal| word(&format!("{refusal:?}")))
            .collect()
    })
}

fn deployed(engine: &mut EngineModel, outcome: &Outcome, rotate: Rotate) -> Result<String, String> {
    let planned = planned(engine, outcome, rotate)?;
    let mut done = BTreeSet::new();
    for step in planned.steps.iter().chain(&planned.cleanup) {
        engine.write(&step.operation);
        let fields = step.change.fields.iter().map(|field| field.field.as_str());
        done.insert(format!(
            "{:?} {:?}",
            step.change.verb,
            fields.collect::<Vec<_>>()
        ));
    }
    Ok(format!("{done:?}"))
}

fn kinds(problems: &[Problem]) -> String {
    let kinds: BTreeSet<String> = problems.iter().map(kind).collect();
    format!("{kinds:?}")
}

/// The kind of mistake and the key it is at.
fn kind(problem: &Problem) -> String {
    let key = problem.path.rsplit('.').next().unwrap_or_default();
    let key = key.split('[').next().unwrap_or_default();
    // Keys of the author's own making are many and of one kind.
    let key = if key.len() > 20 { "long" } else { key };
    format!("{} {key}", word(&format!("{:?}", problem.fault)))
}

fn word(text: &str) -> String {
    let end = text.find(|letter: char| !letter.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}
