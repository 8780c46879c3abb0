//! Scenarios of the planner: what is declared, what is seen, what the plan says.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phoenix_common::observed::Observed;
use phoenix_common::secret::Secret;
use phoenix_common::spec::{
    Compat, ComposeText, DroppedKeys, OnFailure, PlacementSpec, ResolveImage, Rotate, StackFile,
    StackSpec,
};
use phoenix_common::vmid::Vmid;
use serde_json::json;

use super::desired::{
    EnvironmentDesired, EnvironmentKind, PortainerDesired, PortainerStack, StackContent,
};
use super::observed::{Inventory, ObservedPortainer, Runtime, Server};
use super::{plan, render};
use crate::portainer::types::{Environment, Stack};

const FILE: &str = "services:\n  web: {image: a, restart: always}\n  once: {image: b}\n";

fn vmid(number: u32) -> Vmid {
    Vmid::new(number).unwrap()
}

fn spec(text: &str, files: &[(&str, &str)]) -> StackSpec {
    StackSpec {
        namespace: "shop".to_owned(),
        compose: ComposeText {
            path: "docker-compose.yml".to_owned(),
            text: text.to_owned(),
        },
        variables: BTreeMap::from([("V".to_owned(), Secret::new("two words"))]),
        files: files
            .iter()
            .map(|(name, content)| StackFile {
                name: (*name).to_owned(),
                content_base64: STANDARD.encode(content),
            })
            .collect(),
        placement: PlacementSpec::default(),
        compat: Compat::default(),
        resolve_image: ResolveImage::default(),
        on_failure: OnFailure::default(),
        rotate: Rotate::default(),
        dropped_keys: DroppedKeys::default(),
        registries: Vec::new(),
        pinned_to: Some(vmid(1002)),
        wait_seconds: 1,
    }
}

fn content(text: &str, files: &[(&str, &str)], standalone: bool) -> Result<StackContent, String> {
    let content = render::content(&spec(text, files), &[], standalone);
    content.map_err(|error| error.to_string())
}

fn desired() -> PortainerDesired {
    PortainerDesired {
        primary: vmid(1001),
        user: "admin".to_owned(),
        environments: vec![EnvironmentDesired {
            name: "app".to_owned(),
            url: Ok("tcp://10.0.0.102:9001".to_owned()),
            kind: EnvironmentKind::Standalone(vmid(1002)),
            guests: vec![vmid(1002)],
            stacks: vec![PortainerStack {
                vmid: vmid(1002),
                name: "shop".to_owned(),
                manual: false,
                content: content(FILE, &[], true).map(Box::new),
            }],
        }],
    }
}

fn environment(id: u64, name: &str, url: &str) -> Environment {
    let tls = json!({"TLS": true, "TLSSkipVerify": true});
    let value =
        json!({"Id": id, "Name": name, "Type": 2, "URL": url, "Status": 1, "TLSConfig": tls});
    serde_json::from_value(value).unwrap()
}

fn stack(id: u64, environment: u64, status: u32) -> Stack {
    let env = json!([{"name": "V", "value": "'two words'"}]);
    let value = json!({"Id": id, "Name": "shop", "Type": 2, "EndpointId": environment, "Env": env, "Status": status});
    serde_json::from_value(value).unwrap()
}

fn containers(states: &[(&str, &str, &str)]) -> Runtime {
    let container = |(service, state, status): &(&str, &str, &str)| {
        let labels =
            json!({"com.docker.compose.project": "shop", "com.docker.compose.service": service});
        serde_json::from_value(json!({"State": state, "Status": status, "Labels": labels})).unwrap()
    };
    Runtime::Compose(states.iter().map(container).collect())
}

/// All as declared.
fn inventory() -> Inventory {
    let runs = [
        ("web", "running", "Up"),
        ("once", "exited", "Exited (0) 1 s ago"),
    ];
    Inventory {
        version: "2.39.6".to_owned(),
        environments: vec![environment(3, "app", "tcp://10.0.0.102:9001")],
        stacks: vec![stack(7, 3, 1)],
        files: BTreeMap::from([(7, Observed::Known(FILE.to_owned()))]),
        runtimes: BTreeMap::from([(3, Observed::Known(containers(&runs)))]),
        ..Inventory::default()
    }
}

fn lines(change: impl FnOnce(&mut Inventory)) -> Vec<String> {
    let mut inventory = inventory();
    change(&mut inventory);
    let observed = ObservedPortainer {
        server: Observed::Known(Server::Open(Box::new(inventory))),
        primary_is_up: true,
    };
    let text = plan(&desired(), &observed).to_string();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn equal_means_nothing_to_do() {
    assert_eq!(lines(|_| {}), Vec::<String>::new());
    // Prune and the like are never compared, and a list that is null is an empty one.
    let null_env = lines(|seen| seen.stacks[0].env = None);
    assert_eq!(
        null_env,
        ["+ update stack shop in environment app: variables differ: V"]
    );
}

#[test]
fn record_status_and_runtime_are_told_apart() {
    let file = lines(|seen| {
        seen.files
            .insert(7, Observed::Known("services: {}\n".to_owned()));
    });
    assert_eq!(
        file,
        ["+ update stack shop in environment app: the file differs"]
    );
    let stopped = lines(|seen| seen.stacks[0].status = 2);
    assert_eq!(
        stopped,
        ["+ update stack shop in environment app: it is stopped"]
    );
    let deploying = lines(|seen| seen.stacks[0].status = 3);
    assert_eq!(
        deploying,
        ["… waits: stack shop: Portainer is deploying it"]
    );
    let runtime = lines(|seen| {
        let runs = containers(&[
            ("web", "exited", "Exited (0)"),
            ("once", "exited", "Exited (1) x"),
        ]);
        seen.runtimes.insert(3, Observed::Known(runs));
    });
    assert_eq!(
        runtime,
        ["+ update stack shop in environment app: web is exited, once is exited"]
    );
    let orphan = lines(|seen| {
        let runs = [
            ("web", "running", ""),
            ("once", "running", ""),
            ("old", "running", ""),
        ];
        seen.runtimes.insert(3, Observed::Known(containers(&runs)));
    });
    assert_eq!(
        orphan,
        ["+ remove containers in guest 1002 of services that stack shop no longer has"]
    );
    let down = lines(|seen| {
        seen.runtimes.insert(3, Observed::unknown("502"));
    });
    assert_eq!(down, ["… waits for guest 1002: stack shop: 502"]);
}

#[test]
fn environments_are_matched_by_name_and_address_and_never_made_twice() {
    let none = lines(|seen| seen.environments.clear());
    assert_eq!(
        none,
        ["+ register environment app at tcp://10.0.0.102:9001"]
    );
    let moved = lines(|seen| seen.environments[0].url = "tcp://10.0.0.9:9001".to_owned());
    assert_eq!(
        moved,
        ["+ mend environment app: address tcp://10.0.0.9:9001 becomes tcp://10.0.0.102:9001"]
    );
    let renamed = lines(|seen| seen.environments[0].name = "old".to_owned());
    assert_eq!(renamed, ["+ mend environment app: rename from old"]);
    let twice = lines(|seen| {
        seen.environments
            .push(environment(4, "app", "tcp://10.0.0.102:9001"));
    });
    assert!(
        twice[0].starts_with("! environment app: several environments"),
        "{twice:?}"
    );
}

#[test]
fn stacks_are_created_taken_over_and_refused() {
    let none = lines(|seen| seen.stacks.clear());
    assert_eq!(none, ["+ create stack shop in environment app"]);
    let orphan = lines(|seen| seen.stacks = vec![stack(9, 99, 1)]);
    assert_eq!(
        orphan,
        ["+ update stack shop in environment app: taken over from an environment that is gone"]
    );
    let two = lines(|seen| seen.stacks.push(stack(8, 3, 1)));
    assert!(
        two[0].starts_with("! stack shop: Portainer has it more than once"),
        "{two:?}"
    );
    let other_kind = lines(|seen| seen.stacks[0].r#type = 1);
    assert!(other_kind[0].contains("of another kind"), "{other_kind:?}");
}

#[test]
fn files_go_where_each_kind_of_docker_takes_them() {
    let file = "services:\n  web:\n    image: a\n    configs: [conf]\n    labels: [x=y]\nconfigs:\n  conf:\n    file: ./conf.txt\n";
    let plain = content(file, &[("conf", "cost: $5\n")], true).unwrap();
    assert!(
        plain.file.contains("content: \"cost: $$5\\n\"\n"),
        "{}",
        plain.file
    );
    assert!(plain.file.contains("\"phoenix.files="), "{}", plain.file);
    assert!(plain.configs.is_empty());
    let changed = content(file, &[("conf", "cost: $6\n")], true).unwrap();
    assert_ne!(plain.file, changed.file);
    let swarm = content(file, &[("conf.txt", "cost: $5\n")], false).unwrap();
    let name = &swarm.configs[0].name;
    assert!(name.starts_with("shop_conf_") && name.len() == 22, "{name}");
    assert!(
        swarm.file.contains(&format!("name: \"{name}\"")),
        "{}",
        swarm.file
    );
    assert!(
        swarm.file.contains("node.labels.phoenix.vmid == 1002"),
        "{}",
        swarm.file
    );
}

#[test]
fn what_portainer_would_look_for_on_its_own_disk_is_refused() {
    for text in [
        "services: {a: {image: x, volumes: ['./data:/data']}}\n",
        "services: {a: {image: x, env_file: .env}}\n",
        "services: {a: {image: x}}\nconfigs: {c: {file: c.txt}}\n",
    ] {
        let error = content(text, &[], true).unwrap_err();
        assert!(error.contains("Portainer's own disk"), "{error}");
    }
    assert!(
        content(
            "services: {a: {image: x, volumes: ['/data:/data', 'named:/n']}}\n",
            &[],
            true
        )
        .is_ok()
    );
    // Untouched, it is the operator's own file, comments and all.
    let own = "# mine\nservices: {a: {image: x}}\n";
    assert_eq!(content(own, &[], true).unwrap().file, own);
    let secret = render::content(&spec(own, &[]), &["V".to_owned()], true).unwrap_err();
    assert!(secret.to_string().contains("plain text"), "{secret}");
}
