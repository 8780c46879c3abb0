//! The published schema, a complete validator and the loader accept the same files.

use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;
use phoenix_common::config::{Files, Outcome, Rule, check_files, schema};
use proptest::prelude::*;
use serde_json::{Value, json};

fn validator(name: &str) -> Validator {
    let schema: Value = serde_json::from_str(&schema(name).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

static GUESTS: LazyLock<Validator> = LazyLock::new(|| validator("phoenix_vm_configs"));
static STACKS: LazyLock<Validator> = LazyLock::new(|| validator("phoenix_stacks_config"));
static STACK: LazyLock<Validator> = LazyLock::new(|| validator("phoenix"));
static HYPERVISOR: LazyLock<Validator> = LazyLock::new(|| validator("phoenix_hypervisor_config"));

/// A file of the samples, with every key in it that the samples do not use.
fn full(path: &str) -> Value {
    let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc");
    let mut value: Value =
        serde_json::from_str(&std::fs::read_to_string(etc.join(path)).unwrap()).unwrap();
    match path {
        "phoenix_vm_configs.json" => {
            let guest = value["vms"][1].as_object_mut().unwrap();
            guest.insert(
                "base_setup".into(),
                json!({"packages": ["vim"], "timezone": "Europe/Berlin", "locale": "C.UTF-8"}),
            );
            guest.insert("swarm".into(), json!("other"));
            guest.insert("docker_stacks".into(), json!([
                {"name": "a", "environment": "b", "as": "c", "deployer": "portainer", "manual": true}
            ]));
            let volume = value["vms"][0]["volumes"][0].as_object_mut().unwrap();
            volume.insert("server".into(), json!("nfs.example"));
            volume.insert("options".into(), json!("ro,soft"));
            value["containers"] = json!([{"vmid": 101, "name": "gateway"}]);
        }
        "phoenix_hypervisor_config.json" => {
            value["deployer"] = json!("swarm");
            value["registries"] = json!([{"server": "registry.example:5000", "username": "ci",
                "password_file": "secrets/registry_password"}]);
            value["swarm"] = json!({"name": "s", "default_address_pool": ["10.200.0.0/16"]});
            value["portainer"] = json!({"node": "pve1", "version": "2.39.6", "agent_version": "2.39.6",
                "allow_vulnerable": true, "swarm_environment": "swarm", "admin_username": "admin"});
            value["gateway"] = json!({"vmid": 101, "routes": [
                {"name": "q", "to_vmid": 1002, "to_port": 1, "listen_port": 2, "server_name": "q.example"}
            ]});
            value["pve_api"] = json!({"url": "https://pve1:8006", "token_file": "secrets/token",
                "ca_file": "/etc/pve/pve-root-ca.pem"});
        }
        "stacks/thinkheads_ai_app/phoenix.json" => {
            value["compat"] = json!("docker");
            value["resolve_image"] = json!("always");
            value["on_failure"] = json!("rollback_stack");
            value["rotate"] = json!("off");
            value["dropped_keys"] = json!("error");
            value["wait_seconds"] = json!(60);
            value["placement_constraints"] = json!(["node.role==worker"]);
        }
        _ => {}
    }
    value
}

/// Rules that the schema states; the others go beyond it.
fn is_of_the_schema(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::UnknownKey
            | Rule::MissingKey
            | Rule::WrongType
            | Rule::WrongValue
            | Rule::UnsupportedVersion
    )
}

fn outcome(path: &str, text: String) -> Outcome {
    check_files(
        Path::new("/etc/phoenix"),
        &Files::from([(path.into(), text)]),
    )
}

/// How one place of a file is changed.
#[derive(Debug, Clone)]
enum Mutation {
    Replace(Value),
    Remove,
    AddKey(&'static str, Value),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..70_000).prop_map(Value::from),
        Just(json!(4.0)),
        Just(json!(4.5)),
        Just(json!(1e300)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{}])),
        Just(json!({"a": {}})),
        prop_oneof![
            Just(""),
            Just("a"),
            Just("docker"),
            Just("primary"),
            Just("10.0.0.1/24"),
            Just("gpu=true"),
            Just("a_b"),
            Just("UPPER"),
            Just("/x"),
            Just("node.role == manager"),
            Just("nul\u{0}"),
            Just("line\nbreak"),
            Just("\u{202e}"),
            Just("ä"),
            Just("2.39.6"),
            Just("1002"),
        ]
        .prop_map(Value::from),
        "\\PC{0,70}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("extra"),
        Just("name"),
        Just("$schema"),
        Just("environments"),
        Just("UPPER"),
        Just("dev-1")
    ];
    prop_oneof![
        3 => value.clone().prop_map(Mutation::Replace),
        1 => Just(Mutation::Remove),
        1 => (key, value).prop_map(|(key, value)| Mutation::AddKey(key, value)),
    ]
}

/// All places of a value, as JSON pointers.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                pointers(
                    member,
                    &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                    found,
                );
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn mutate(value: &mut Value, place: usize, mutation: Mutation) {
    let mut places = Vec::new();
    pointers(value, "", &mut places);
    let place = &places[place % places.len()];
    match mutation {
        Mutation::Replace(new) => *value.pointer_mut(place).unwrap() = new,
        Mutation::AddKey(key, new) => {
            if let Some(Value::Object(members)) = value.pointer_mut(place) {
                members.insert(key.to_owned(), new);
            }
        }
        Mutation::Remove => {
            let Some((parent, key)) = place.rsplit_once('/') else {
                return;
            };
            match value.pointer_mut(parent).unwrap() {
                Value::Object(members) => {
                    members.shift_remove(key);
                }
                Value::Array(items) => {
                    items.remove(key.parse().unwrap());
                }
                _ => {}
            }
        }
    }
}

fn agrees(path: &str, validator: &Validator, value: &Value) -> Result<(), TestCaseError> {
    let outcome = outcome(path, value.to_string());
    let accepted = !outcome
        .errors
        .iter()
        .any(|error| is_of_the_schema(error.rule));
    let said: Vec<String> = outcome.errors.iter().map(ToString::to_string).collect();
    prop_assert_eq!(accepted, validator.is_valid(value), "{} {:?}", value, said);
    // A mistake that only serde saw: checker and mirror disagree.
    prop_assert!(
        !said
            .iter()
            .any(|line| line.contains("not in the form of the schema")),
        "{:?}",
        said
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn guests(changes in proptest::collection::vec((any::<usize>(), mutation()), 1..3)) {
        let mut value = full("phoenix_vm_configs.json");
        for (place, mutation) in changes {
            mutate(&mut value, place, mutation);
        }
        agrees("phoenix_vm_configs.json", &GUESTS, &value)?;
    }

    #[test]
    fn stacks(changes in proptest::collection::vec((any::<usize>(), mutation()), 1..3)) {
        let mut value = full("phoenix_stacks_config.json");
        for (place, mutation) in changes {
            mutate(&mut value, place, mutation);
        }
        agrees("phoenix_stacks_config.json", &STACKS, &value)?;
    }

    #[test]
    fn manifest(changes in proptest::collection::vec((any::<usize>(), mutation()), 1..3)) {
        let path = "stacks/thinkheads_ai_app/phoenix.json";
        let mut value = full(path);
        for (place, mutation) in changes {
            mutate(&mut value, place, mutation);
        }
        agrees(path, &STACK, &value)?;
    }

    #[test]
    fn hypervisor(changes in proptest::collection::vec((any::<usize>(), mutation()), 1..3)) {
        let mut value = full("phoenix_hypervisor_config.json");
        for (place, mutation) in changes {
            mutate(&mut value, place, mutation);
        }
        agrees("phoenix_hypervisor_config.json", &HYPERVISOR, &value)?;
    }

    /// Whatever stands in the files, there is an answer, and it can be printed.
    #[test]
    fn any_text_is_answered(text in "\\PC{0,60}", json in "[\\[\\]{}:,\"a0 .e-]{0,60}") {
        for path in ["phoenix_vm_configs.json", "phoenix_stacks_config.json", "stacks/a/phoenix.json",
            "stacks/\u{1b}/phoenix.json", "phoenix_hypervisor_config.json"] {
            for text in [&text, &json] {
                for error in outcome(path, text.clone()).errors {
                    let shown = format!("{error}{}", phoenix_common::config::Report(&error));
                    prop_assert!(!shown.contains('\u{1b}'), "{:?}", shown);
                }
            }
        }
    }
}

/// What the property starts from is accepted by all, so that it does not pass for lack of valid files.
#[test]
fn full_files_are_valid() {
    for (path, validator) in [
        ("phoenix_vm_configs.json", &*GUESTS),
        ("phoenix_stacks_config.json", &*STACKS),
        ("stacks/thinkheads_ai_app/phoenix.json", &*STACK),
        ("phoenix_hypervisor_config.json", &*HYPERVISOR),
    ] {
        let value = full(path);
        assert!(validator.is_valid(&value), "{path}");
        let errors = outcome(path, value.to_string()).errors;
        assert!(
            !errors.iter().any(|error| is_of_the_schema(error.rule)),
            "{errors:?}"
        );
    }
    assert!(GUESTS.is_valid(&json!([])));
}

/// The checker knows every keyword that the schemas use: an unknown one would be silently true.
#[test]
fn schemas_use_no_keyword_that_the_checker_skips() {
    const KNOWN: [&str; 24] = [
        "$schema",
        "$ref",
        "$defs",
        "title",
        "description",
        "default",
        "format",
        "patternErrorMessage",
        "type",
        "properties",
        "required",
        "additionalProperties",
        "patternProperties",
        "items",
        "anyOf",
        "oneOf",
        "const",
        "enum",
        "pattern",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
    ];
    fn walk(schema: &Value) {
        let Some(schema) = schema.as_object() else {
            return;
        };
        for (keyword, value) in schema {
            assert!(KNOWN.contains(&keyword.as_str()), "{keyword}");
            match keyword.as_str() {
                "properties" | "$defs" | "patternProperties" => {
                    value.as_object().unwrap().values().for_each(walk);
                }
                "anyOf" | "oneOf" => value.as_array().unwrap().iter().for_each(walk),
                "items" | "additionalProperties" => walk(value),
                _ => {}
            }
        }
    }
    for name in phoenix_common::config::SCHEMA_NAMES {
        walk(&serde_json::from_str(&schema(name).unwrap()).unwrap());
    }
}
