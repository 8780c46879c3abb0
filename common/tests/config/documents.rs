//! The examples of the users' own documents load as they stand.

use std::path::{Path, PathBuf};

use phoenix_common::config::{Deployer, GuestKind, PortainerRole, check_files, load};
use phoenix_common::vmid::Vmid;

fn vmid(number: u32) -> Vmid {
    Vmid::new(number).unwrap()
}

#[test]
fn the_two_guests_load_unchanged() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config/documents");
    let config = load(&folder).unwrap();
    let portainer = &config.guests[&vmid(1001)];
    assert_eq!(portainer.name, "Portainer");
    assert_eq!(portainer.kind, GuestKind::Vm);
    assert_eq!(portainer.clone_from_vmid, Some(vmid(9000)));
    assert_eq!(portainer.memory_mib, Some(8192));
    assert_eq!(portainer.disk_size_gib, Some(32));
    assert_eq!(portainer.portainer_role, Some(PortainerRole::Primary));
    assert_eq!(
        portainer.base_setup.username.as_deref(),
        Some("phoenix_user")
    );
    assert_eq!(
        portainer.compose_files[0].destination,
        "/persistent-storage/qdrant/docker-compose.yml"
    );
    assert_eq!(portainer.volumes[0].server, None);
    let services = &config.guests[&vmid(1002)];
    let network = services.network.unwrap();
    assert_eq!(network.address.to_string(), "10.0.0.102/24");
    assert_eq!(network.gateway.unwrap().to_string(), "10.0.0.1");
    assert!(services.features.docker && services.features.base_setup);
    assert!(services.start_at_boot);
    assert_eq!(services.swarm, None);
    let order: Vec<u32> = (config.guests_in_boot_order().iter())
        .map(|guest| guest.vmid.get())
        .collect();
    assert_eq!(order, [1001, 1002]);
    let unhandled: Vec<String> = (config.unhandled(vmid(1001)).iter())
        .map(|unhandled| unhandled.key.clone())
        .collect();
    for key in ["volumes", "docker_compose_files", "portainer_role"] {
        assert!(!unhandled.contains(&key.to_owned()), "{unhandled:?}");
    }
    // The document names no server: a finding, and the rest of the guest goes on.
    let declared = config.guest_declaration(vmid(1001)).unwrap();
    let problems: Vec<String> = declared.problems.iter().map(ToString::to_string).collect();
    assert!(problems[0].contains("`nfs_server`"), "{problems:?}");
    let volumes = declared.spec.volumes.unwrap();
    assert_eq!(
        (volumes[0].server.as_ref(), &*volumes[0].mount_point),
        (None, "/persistent-storage")
    );
    assert_eq!(declared.spec.files.unwrap()[0].content, None);
}

/// The manifest of the Swarm document, and the assignment of the stack document.
#[test]
fn a_manifest_and_an_assignment_load_unchanged() {
    let files = [
        (
            "phoenix_vm_configs.json",
            r#"{"vms": [{"vmid": 1002, "name": "drphoenix", "docker_stacks": [
                { "name": "qdrant_service", "environment": "production" }
            ]}]}"#,
        ),
        (
            "phoenix_stacks_config.json",
            r#"{"stacks": {"qdrant_service": {"environments": {"production": {}}}}}"#,
        ),
        (
            "stacks/qdrant_service/phoenix.json",
            r#"{
    "description": "Qdrant vector database for RAG.",
    "placement_constraints": []
}"#,
        ),
    ]
    .map(|(path, text)| (path.into(), text.to_owned()));
    let outcome = check_files(Path::new("/etc/phoenix"), &files.into());
    assert_eq!(outcome.errors, []);
    let config = outcome.config;
    let stack = &config.stacks["qdrant_service"];
    assert_eq!(stack.description, "Qdrant vector database for RAG.");
    assert_eq!(
        stack.compose_file_path,
        Path::new("/etc/phoenix/stacks/qdrant_service/docker-compose.yml")
    );
    let assignment = &config.guests[&vmid(1002)].stacks[0];
    assert_eq!(assignment.deployed_name, "qdrant_service");
    assert_eq!(assignment.deployer, Deployer::Portainer);
}

/// The files that the guide for new VMs shows are a configuration as they stand there.
#[test]
fn the_guides_example_loads() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/usage/vm-creation-guide.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let folder = "/etc/phoenix/";
    let shown: Vec<(PathBuf, String)> = guide
        .split(&format!("`{folder}"))
        .skip(1)
        .map(|part| {
            let (path, rest) = part.split_once('`').unwrap();
            let block = rest.split("```").nth(1).unwrap();
            let (_language, text) = block.split_once('\n').unwrap();
            (PathBuf::from(path), text.to_owned())
        })
        .collect();
    assert_eq!(shown.len(), 3);
    let json = shown
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|end| end == "json"));
    let outcome = check_files(Path::new(folder), &json.collect());
    assert_eq!(outcome.errors, []);
    let guest = &outcome.config.guests[&vmid(1004)];
    assert_eq!(guest.stacks[0].deployed_name, "production_shop");
}
