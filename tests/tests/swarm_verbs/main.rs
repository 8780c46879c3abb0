//! `phoenix swarm status|deploy|rm|init|join` on a node with two guests that Proxmox started.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

mod data;

use std::time::{Duration, Instant};

use phoenix_common::retry::Deadline;
use phoenix_tests::estate::{DEMO_STATE, Estate, demo_configuration};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(3);

/// A stack whose variables have defaults: it needs no declared environment.
const SHOP: &str = "services:
  web:
    image: ${IMAGE:-192.168.77.254:5000/phoenix-demo/web:1}
    environment:
      VERSION: shop
    ports:
      - target: 80
        published: ${PORT:-8085}
        mode: host
    networks: [inside]
    volumes: [\"data:/data\"]
    stop_grace_period: 1s
    deploy:
      endpoint_mode: dnsrr
networks:
  inside: {}
volumes:
  data: {}
";
const BROKEN: &str = "services:
  web:
    image: shop:1
    imge: shop:2
";

struct Case {
    estate: Estate,
}

impl Case {
    fn up() -> Option<Self> {
        let estate = Estate::for_test()?;
        let node = estate.0.node();
        for (name, compose) in [("shop", SHOP), ("broken", BROKEN), ("bound", data::BOUND)] {
            let folder = format!("/etc/phoenix/stacks/{name}");
            node.sh(&format!("mkdir -p {folder}")).unwrap();
            let file = format!("{folder}/docker-compose.yml");
            node.write(&file, compose, 0o644).unwrap();
            let manifest = format!("{folder}/phoenix.json");
            let text = "{ \"description\": \"By hand.\", \"wait_seconds\": 60 }";
            node.write(&manifest, text, 0o644).unwrap();
        }
        Some(Self { estate })
    }

    /// `phoenix <words>` must end with `code` and say each of `wanted`; both streams.
    fn phoenix(&self, words: &str, code: i32, wanted: &[&str]) -> String {
        let begin = Instant::now();
        let ran = self.estate.phoenix(words).unwrap();
        let said = ran.stdout + &ran.stderr;
        assert_eq!(ran.code, code, "phoenix {words}: {said}");
        for text in wanted {
            assert!(
                said.contains(text),
                "phoenix {words}: no {text:?} in {said}"
            );
        }
        assert!(begin.elapsed() < Duration::from_mins(2), "phoenix {words}");
        said
    }

    /// Asks for the status until it says each of `wanted`; it must end with `code` then.
    fn status_becomes(&self, code: i32, wanted: &[&str]) {
        let begin = Instant::now();
        loop {
            let ran = self.estate.phoenix("swarm status").unwrap();
            let said = ran.stdout + &ran.stderr;
            if ran.code == code && wanted.iter().all(|text| said.contains(text)) {
                return;
            }
            assert!(
                begin.elapsed() < Duration::from_mins(1),
                "{}: no {wanted:?} in {said}",
                ran.code
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn json(&self) -> Value {
        let ran = self.estate.phoenix("swarm status --json").unwrap();
        serde_json::from_str(&ran.stdout).unwrap()
    }

    fn converge(&self) {
        self.estate.start(1001).unwrap();
        self.estate.start(1002).unwrap();
        self.estate.wait_converged(LIMIT, |_| {}).unwrap();
    }
}

#[test]
fn a_stack_comes_is_watched_and_goes() {
    let Some(case) = Case::up() else { return };
    case.converge();
    a_healthy_swarm_is_shown(&case);
    deploys_once_and_not_twice(&case);
    wrong_orders_are_told(&case);
    data::binds_are_made_or_missed(&case);
    a_broken_image_is_named_and_mended(&case);
    removal_leaves_nothing(&case);
    membership_is_mended(&case);
    guests_that_are_off_are_named(&case);
}

fn a_healthy_swarm_is_shown(case: &Case) {
    case.phoenix(
        "swarm status",
        0,
        &[
            "Swarm default: healthy; 1 of 1 managers reachable (1 needed); seen by guest 1001",
            "vm1002",
            "gpu=true, zone=lab",
            "production_hello_web",
            "8080->80/tcp (host)",
        ],
    );
    let json = case.json();
    assert_eq!(json["healthy"], true);
    assert_eq!(json["quorum"]["reachable"], 1);
    assert_eq!(json["nodes"][1]["vmid"], 1002);
    assert_eq!(json["stacks"][0]["name"], "dev1_hello");
    assert_eq!(json["stacks"][0]["assigned_to"], 1002);
    assert_eq!(json["findings"], serde_json::json!([]));
}

fn deploys_once_and_not_twice(case: &Case) {
    case.phoenix(
        "swarm deploy shop --env dev2",
        0,
        &[
            "create network dev2_shop_inside, service dev2_shop_web",
            "environment dev2 is not declared for stack shop",
            "dev2_shop: deployed through guest 1001",
        ],
    );
    let manager = case.estate.0.guest(1001);
    let format = "{{.Spec.TaskTemplate.Placement.Constraints}}";
    let inspect = format!("service inspect --format {format} dev2_shop_web");
    assert_eq!(manager.docker(&inspect).unwrap().trim(), "[]");
    let before = case.estate.docker_writes();
    let wanted = "dev2_shop: runs as declared, nothing to do, nothing written";
    case.phoenix("swarm deploy shop --env dev2", 0, &[wanted]);
    let ran = case
        .estate
        .phoenix("swarm deploy shop --env dev2 --json")
        .unwrap();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &json["outcome"]), (0, &"unchanged".into()));
    assert_eq!(case.estate.docker_writes(), before);
    case.phoenix("swarm status", 0, &["dev2_shop_web", "8085->80/tcp (host)"]);
}

fn wrong_orders_are_told(case: &Case) {
    for (words, code, wanted) in [
        ("swarm frobnicate", 2, "unrecognized subcommand"),
        ("swarm", 2, "Usage"),
        ("swarm deploy shop", 2, "--env"),
        ("swarm deploy nothing --env dev2", 2, "nothing"),
        (
            "swarm deploy shop --env dev_2",
            2,
            "an environment is named",
        ),
        ("swarm deploy broken --env dev2", 2, "docker-compose.yml:4:"),
        ("swarm status --swarm other", 2, "there is default"),
        (
            "swarm deploy hello --env dev1",
            5,
            "phoenix run 1002 post-start",
        ),
        ("swarm rm hello --env dev1 --yes", 5, "would come back"),
        ("swarm rm shop --env dev2", 2, "--yes"),
        ("swarm init 1002", 2, "declared as a worker"),
        ("swarm join 1003", 2, "guest 1003 is not configured"),
    ] {
        case.phoenix(words, code, &[wanted]);
    }
    let state = case.estate.swarm_state().unwrap();
    assert_eq!(state.len(), DEMO_STATE.len() + 2, "{state:?}");
}

fn a_broken_image_is_named_and_mended(case: &Case) {
    let manager = case.estate.0.guest(1001);
    let image = "192.168.77.254:5000/phoenix-demo/web";
    let set = |tag: &str| {
        let words = format!("service update --detach --image {image}:{tag} dev2_shop_web");
        manager.docker(&words).unwrap();
    };
    set("none");
    case.status_becomes(
        1,
        &[
            "! service dev2_shop_web: 0 of 1 tasks run: No such image",
            "next: check that 192.168.77.254:5000/phoenix-demo/web:none exists",
            "phoenix swarm deploy shop --env dev2",
        ],
    );
    let json = case.json();
    assert_eq!(json["healthy"], false);
    assert_eq!(json["findings"][0]["subject"], "service dev2_shop_web");
    // Docker would leave an image set by hand while the file's text is the same.
    case.phoenix("swarm deploy shop --env dev2", 0, &["1 change"]);
    case.phoenix("swarm deploy shop --env dev2", 0, &["runs as declared"]);
    case.phoenix("swarm status", 0, &["healthy"]);
}

fn removal_leaves_nothing(case: &Case) {
    case.phoenix(
        "swarm rm shop --env dev2 --yes",
        0,
        &[
            "dev2_shop: removed from Swarm default",
            "- service dev2_shop_web",
            "- network dev2_shop_inside",
        ],
    );
    assert_eq!(case.estate.swarm_state().unwrap(), DEMO_STATE);
    for vmid in [1001, 1002] {
        // A node's engine removes the containers of tasks that are gone in its own time.
        let ps = "ps -aq --filter label=com.docker.stack.namespace=dev2_shop";
        let left = || case.estate.0.guest(vmid).docker(ps).unwrap();
        let limit = Deadline::after(Duration::from_secs(20));
        while !left().trim().is_empty() && !limit.has_passed() {
            std::thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(left().trim(), "");
    }
    data::volumes_go_when_they_are_to(case);
    let wanted = "there is no stack dev2_shop on Swarm default";
    let before = case.estate.docker_writes();
    case.phoenix("swarm rm shop --env dev2", 0, &[wanted, "nothing written"]);
    assert_eq!(case.estate.docker_writes(), before);
}

fn membership_is_mended(case: &Case) {
    for words in ["swarm init 1001", "swarm join 1001", "swarm join 1002"] {
        case.phoenix(words, 0, &["already, nothing to do, nothing written"]);
    }
    let worker = case.estate.0.guest(1002);
    worker.docker("swarm leave").unwrap();
    case.phoenix(
        "swarm join 1002",
        0,
        &["1002: is a member of Swarm default now"],
    );
    // The entry it had before is found down a little later, and is no other guest's.
    let phantom = "an entry of an earlier life of guest 1002";
    case.status_becomes(1, &[phantom, "phoenix run 1002 post-start removes it"]);
    case.phoenix("swarm join 1002", 0, &["remove the dead entry of vm1002"]);
    case.status_becomes(0, &["gpu=true, zone=lab"]);
}

fn guests_that_are_off_are_named(case: &Case) {
    let node = case.estate.0.node();
    assert!(node.qm("stop 1002").unwrap().success());
    case.phoenix(
        "swarm status",
        1,
        &[
            "node vm1002",
            "guest 1002 is stopped",
            "next: qm start 1002",
        ],
    );
    case.status_becomes(
        1,
        &["the node is down", "service production_hello_web: 0 of 1"],
    );
    case.phoenix("swarm join 1002", 1, &["1002", "it is stopped"]);
    let wanted = "are not looked for there: guest 1002: it is stopped";
    let again = "phoenix swarm rm shop --env dev2 --volumes";
    case.phoenix("swarm rm shop --env dev2 --volumes", 1, &[wanted, again]);
    assert!(node.qm("stop 1001").unwrap().success());
    case.phoenix(
        "swarm status",
        1,
        &["no manager answers", "next: qm start 1001"],
    );
    case.phoenix(
        "swarm deploy shop --env dev2",
        1,
        &["guest 1001: it is stopped"],
    );
    case.phoenix(
        "swarm rm shop --env dev2 --yes",
        1,
        &["guest 1001: it is stopped"],
    );
}

#[test]
fn init_goes_past_a_manager_that_cannot_be_seen() {
    let Some(case) = Case::up() else { return };
    let path = demo_configuration().join("phoenix_vm_configs.json");
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("\"swarm_role\": \"worker\"", "\"swarm_role\": \"manager\"");
    let node = case.estate.0.node();
    let guests = "/etc/phoenix/phoenix_vm_configs.json";
    node.write(guests, text, 0o644).unwrap();
    node.sh("systemctl stop phoenix-worker.path").unwrap();
    case.estate.start(1001).unwrap();
    case.phoenix("swarm join 1001", 4, &["phoenix swarm init 1001"]);
    case.phoenix(
        "swarm init 1001",
        0,
        &[
            "manager guest 1002 was not seen",
            "1001: is a member of Swarm default now",
        ],
    );
    case.estate.start(1002).unwrap();
    case.phoenix(
        "swarm init 1002",
        5,
        &["guest 1001 is a manager of a cluster"],
    );
    case.phoenix("swarm join 1002", 0, &["join Swarm default as manager"]);
    case.phoenix(
        "swarm status",
        1,
        &[
            "2 of 2 managers reachable (2 needed)",
            "make it an odd number",
            "stack dev1_hello: declared for guest 1002, but not deployed",
        ],
    );
}
