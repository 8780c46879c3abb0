//! `phoenix sync all` from nothing: Portainer's server on one guest, its agent on another, the environment, and a stack
//! that answers; then again without a write.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use phoenix_tests::doubles::portainer::{REQUEST_LOG, Recorded};
use phoenix_tests::estate::Estate;
use phoenix_tests::lab::{GuestSpec, Lab, LabSpec, NodeSpec, Suite, packages};

const GUESTS: &str = r#"[
    {"vmid": 1001, "name": "Portainer", "boot_order": 1, "features": ["docker"], "portainer_role": "primary",
     "network_config": {"ip": "192.168.77.11/24", "gw": "192.168.77.254"}},
    {"vmid": 1002, "name": "Dr-Phoenix", "boot_order": 2, "features": ["docker"], "portainer_role": "agent",
     "network_config": {"ip": "192.168.77.12/24", "gw": "192.168.77.254"},
     "docker_stacks": [{"name": "qdrant_service", "environment": "production"}]}
]"#;
const STACKS: &str = r#"{"stacks": {"qdrant_service": {"environments": {"production": {
    "variables": [{"name": "REGISTRY", "value": "192.168.77.254:5000/"}]}}}}}"#;
const SETTINGS: &str = r#"{"portainer": {"registry": "192.168.77.254:5000/"}}"#;
/// As users write it: a folder of the guest is bound that does not exist yet.
const COMPOSE: &str = "services:\n  qdrant:\n    image: \"${REGISTRY:-}qdrant/qdrant:latest\"\n    restart: always\n    ports:\n      - \"6333:80\"\n    volumes:\n      - /var/lib/docker/volumes/qdrant_storage/_data:/qdrant/storage:z\n";

fn estate() -> Option<Estate> {
    let package = packages("phoenix-hook").pop().unwrap();
    // No hookscript: nothing but the command does anything.
    let guest = |vmid, suite| GuestSpec::new(vmid, suite);
    let spec = LabSpec::new()
        .guest_with(guest(1001, Suite::Bookworm))
        .guest_with(guest(1002, Suite::Trixie))
        .image("portainer/portainer-ce:2.39.6")
        .image("portainer/agent:2.39.6")
        .image("qdrant/qdrant:latest")
        .node(NodeSpec::new().package(package));
    let estate = Estate(Lab::for_test(&spec)?);
    let node = estate.0.node();
    node.sh("mkdir -p /etc/phoenix/stacks/qdrant_service")
        .unwrap();
    for (path, text) in [
        ("phoenix_vm_configs.json", GUESTS),
        ("phoenix_stacks_config.json", STACKS),
        ("phoenix_hypervisor_config.json", SETTINGS),
        ("stacks/qdrant_service/docker-compose.yml", COMPOSE),
    ] {
        let path = format!("/etc/phoenix/{path}");
        node.write(&path, text, 0o644).unwrap();
    }
    Some(estate)
}

/// Requests to Portainer that change something.
fn portainer_writes(estate: &Estate) -> Vec<String> {
    let folder = "/var/lib/docker/volumes/portainer_data/_data";
    let log = estate
        .0
        .guest(1001)
        .sh(&format!("cat {folder}/{REQUEST_LOG}"))
        .unwrap();
    let requests = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let writes = requests.filter(Recorded::is_write);
    writes
        .map(|one| format!("{} {}", one.method, one.path))
        .collect()
}

#[test]
fn sync_all_brings_up_portainer_and_its_stack_and_then_writes_nothing() {
    let Some(estate) = estate() else {
        return;
    };
    for vmid in [1001, 1002] {
        estate.0.guest(vmid).wait_docker().unwrap();
    }
    let first = estate.phoenix("sync all").unwrap();
    assert!(first.success(), "{}{}", first.stdout, first.stderr);
    assert!(
        first.stdout.contains("2 of 2 guests, 1 of 1 stacks"),
        "{}",
        first.stdout
    );
    assert!(
        first.stdout.contains("https://192.168.77.11:9443"),
        "{}",
        first.stdout
    );
    let page = estate.0.http_get("http://192.168.77.12:6333/").unwrap();
    assert_eq!(page.status, 200);

    let before = (portainer_writes(&estate), estate.docker_writes());
    let second = estate.phoenix("sync all").unwrap();
    assert!(second.success(), "{}{}", second.stdout, second.stderr);
    assert!(
        second.stdout.contains("nothing written"),
        "{}",
        second.stdout
    );
    assert_eq!((portainer_writes(&estate), estate.docker_writes()), before);
    assert_eq!(estate.phoenix("plan").unwrap().code, 0);

    no_secret_is_in_the_open(&estate);
    a_removed_container_comes_back(&estate);
    a_lost_server_comes_back(&estate);
}

fn no_secret_is_in_the_open(estate: &Estate) {
    let node = estate.0.node();
    let secrets = node.sh("cat /etc/phoenix/secrets/*").unwrap();
    let plan = estate.phoenix("plan --json").unwrap().stdout;
    let open = node
        .sh("cat /var/lib/phoenix/*/* 2>/dev/null; journalctl --no-pager; cat /proc/*/cmdline | tr '\\0' ' '")
        .unwrap();
    for secret in secrets.split_whitespace() {
        assert!(!open.contains(secret) && !plan.contains(secret));
    }
    let answer = estate.phoenix("portainer password").unwrap();
    assert_eq!(answer.code, 5, "on a terminal only");
    assert!(
        !answer
            .stdout
            .contains(secrets.split_whitespace().next().unwrap())
    );
}

fn a_removed_container_comes_back(estate: &Estate) {
    let guest = estate.0.guest(1002);
    guest.docker("rm -f qdrant_service-qdrant-1").unwrap();
    let plan = estate.phoenix("plan").unwrap();
    assert_eq!(plan.code, 3, "{}", plan.stdout);
    assert!(plan.stdout.contains("qdrant is missing"), "{}", plan.stdout);
    let sync = estate.phoenix("sync stack qdrant_service to 1002").unwrap();
    assert!(sync.success(), "{}{}", sync.stdout, sync.stderr);
    assert!(
        guest
            .docker("ps --format {{.Names}}")
            .unwrap()
            .contains("qdrant_service-qdrant-1")
    );
}

/// Container and data are gone: a new server, the same agents, what runs stays.
fn a_lost_server_comes_back(estate: &Estate) {
    let id = |estate: &Estate| {
        estate
            .0
            .guest(1002)
            .docker("inspect -f {{.Id}} qdrant_service-qdrant-1")
            .unwrap()
    };
    let before = id(estate);
    estate.0.guest(1001).docker("rm -f portainer").unwrap();
    estate
        .0
        .guest(1001)
        .docker("volume rm portainer_data")
        .unwrap();
    let sync = estate.phoenix("sync portainer").unwrap();
    assert!(sync.success(), "{}{}", sync.stdout, sync.stderr);
    assert_eq!(id(estate), before);
}
