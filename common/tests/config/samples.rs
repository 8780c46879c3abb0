//! The samples of `etc` are a configuration as it stands, and say what the documents say.

use std::path::{Path, PathBuf};

use phoenix_common::config::{Config, WhoDeploys, load};
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::SwarmRole;

fn etc() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc")
}

fn samples() -> Config {
    load(&etc()).unwrap()
}

fn vmid(number: u32) -> Vmid {
    Vmid::new(number).unwrap()
}

#[test]
fn the_estate_is_a_manager_and_a_worker() {
    let config = samples();
    assert_eq!(config.warnings, []);
    let managers: Vec<Vmid> = (config.managers_of("default").iter())
        .map(|guest| guest.vmid)
        .collect();
    assert_eq!(managers, [vmid(1001)]);
    let worker = config.guests[&vmid(1002)].swarm.clone().unwrap();
    assert_eq!(worker.role, SwarmRole::Worker);
    assert_eq!(worker.labels["gpu"], "true");
    assert_eq!(
        config.guests[&vmid(1001)].volumes[0].server.as_deref(),
        Some("10.0.0.1")
    );
}

#[test]
fn workers_and_agents_wait_for_the_manager() {
    let config = samples();
    assert_eq!(config.guests_depending_on(vmid(1001)), [vmid(1002)].into());
    assert_eq!(config.guests_depending_on(vmid(1002)), [].into());
}

#[test]
fn the_assigned_stack_is_pinned_and_named_for_its_environment() {
    let config = samples();
    let assignment = &config.guests[&vmid(1002)].stacks[0];
    let spec = config.stack_spec(vmid(1002), assignment).unwrap();
    assert_eq!(spec.namespace, "production_qdrant_service");
    assert_eq!(spec.pinned_to, Some(vmid(1002)));
    assert_eq!(spec.variables["QDRANT_PORT"].expose(), "6333");
    assert!(spec.compose.text.contains("mode: host"));
    assert_eq!(spec.files, []);
}

#[test]
fn the_template_has_one_file_per_environment() {
    let config = samples();
    for environment in ["production", "testing", "dev1"] {
        let namespace = format!("{environment}_thinkheads_ai_app");
        let spec = config
            .environment_spec(
                "thinkheads_ai_app",
                environment,
                &namespace,
                WhoDeploys::Operator,
            )
            .unwrap();
        assert_eq!(spec.pinned_to, None);
        assert_eq!(spec.files[0].name, "app_config");
        assert!(spec.files[0].content_base64.starts_with("ewog"));
        assert_eq!(
            spec.placement.services["inference"],
            ["node.labels.gpu == true"]
        );
    }
}

/// All stacks can be put together, and `secrets/` is not among what is published.
#[test]
fn every_environment_of_every_stack_has_its_files() {
    let config = samples();
    let mut count = 0;
    for (name, stack) in &config.stacks {
        assert!(!stack.description.is_empty(), "{name}");
        for environment in stack.environments.keys() {
            config
                .environment_spec(name, environment, name, WhoDeploys::Operator)
                .unwrap();
            count += 1;
        }
    }
    assert_eq!(count, 6);
    assert!(config.stacks.contains_key("portainer_service"));
}
