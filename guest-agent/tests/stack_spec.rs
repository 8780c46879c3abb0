//! From the hypervisor's words to what the engine shall hold: tolerances, placement, files.

#![cfg(test)]

use base64::Engine as _;
use phoenix_common::spec::{Compat, StackSpec};
use phoenix_guest_agent::stack::compose::Outcome;
use phoenix_guest_agent::stack::input::outcome;
use phoenix_guest_agent::stack::spec::ServiceSpec;
use serde_json::{Value, json};

fn spec(compat: Compat, compose: &str) -> StackSpec {
    let compat = match compat {
        Compat::Docker => "docker",
        Compat::Extended => "extended",
    };
    serde_json::from_value(json!({
        "namespace": "dev1_shop",
        "compose": {"path": "compose.yml", "text": compose},
        "compat": compat,
        "wait_seconds": 10,
    }))
    .unwrap()
}

fn refusal(spec: &StackSpec) -> String {
    match outcome(spec) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => std::error::Error::source(&error).unwrap().to_string(),
    }
}

fn accepted(spec: &StackSpec) -> Outcome {
    outcome(spec).unwrap_or_else(|_| panic!("{}", refusal(spec)))
}

fn service<'outcome>(outcome: &'outcome Outcome, name: &str) -> &'outcome ServiceSpec {
    &outcome.desired.services[name]
}

fn container(outcome: &Outcome) -> Value {
    json!(
        service(outcome, "dev1_shop_web")
            .task_template
            .container_spec
    )
}

/// Each tolerance: what docker says to it, the path in our container spec that it leads to, the value there.
#[test]
fn extended_mode_takes_what_docker_refuses() {
    for (compose, docker, path, wanted) in [
        (
            "name: shop\nservices: {web: {image: i}}",
            "compose.yml:1:7: unknown key `name`; docker compose has it, stacks do not",
            "/Image",
            json!("i:latest"),
        ),
        (
            "services: {web: {image: i, depends_on: {db: {condition: service_healthy}}}}",
            "compose.yml:1:40: services.web.depends_on: must be a list, this is a mapping",
            "/Image",
            json!("i:latest"),
        ),
        (
            "services: {web: {image: i, environment: {A: true, B: False}}}",
            "compose.yml:1:45: services.web.environment.A: must be a string or a number or empty, this is a boolean; put it in quotes\n\
             compose.yml:1:54: services.web.environment.B: must be a string or a number or empty, this is a boolean; put it in quotes",
            "/Env",
            json!(["A=true", "B=false"]),
        ),
        (
            "services: {web: {image: i, labels: {traefik.enable: true}}}",
            "compose.yml:1:53: services.web.labels.traefik.enable: must be a string or a number or empty, this is a boolean; put it in quotes",
            "/Labels/traefik.enable",
            json!("true"),
        ),
        (
            "version: '3.3'\nservices: {web: {image: i, init: true}}",
            "compose.yml:2:28: services.web: unknown key `init`; it needs version \"3.7\" of the format or no `version`",
            "/Init",
            json!(true),
        ),
    ] {
        assert_eq!(refusal(&spec(Compat::Docker, compose)), docker);
        let outcome = accepted(&spec(Compat::Extended, compose));
        assert_eq!(
            container(&outcome).pointer(path),
            Some(&wanted),
            "{compose}"
        );
        let warnings: Vec<String> = outcome.warnings.iter().map(ToString::to_string).collect();
        assert!(
            warnings
                .iter()
                .any(|warning| warning.contains("docker stack deploy refuses it")),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_service_tmpfs_is_dropped_by_docker_and_mounted_by_us() {
    let compose = "services: {web: {image: i, tmpfs: ['/run', '/tmp:size=64M,mode=1777']}}";
    let docker = accepted(&spec(Compat::Docker, compose));
    assert_eq!(container(&docker).get("Mounts"), None);
    assert_eq!(docker.warnings.len(), 1);
    let ours = accepted(&spec(Compat::Extended, compose));
    assert_eq!(
        container(&ours)["Mounts"],
        json!([
            {"Type": "tmpfs", "Target": "/run"},
            {"Type": "tmpfs", "Target": "/tmp", "TmpfsOptions": {"SizeBytes": 64 << 20}},
        ])
    );
}

#[test]
fn constraints_of_the_manifest_and_the_pin_follow_those_of_the_file() {
    let compose = "services: {web: {image: i, deploy: {placement: {constraints: ['node.role == worker']}}}, db: {image: i}}";
    let mut spec = spec(Compat::Extended, compose);
    spec.placement.all_services = vec!["node.labels.gpu == true".to_owned()];
    let web = vec![
        "node.labels.disk == ssd".to_owned(),
        "node.role == worker".to_owned(),
    ];
    spec.placement.services.insert("web".to_owned(), web);
    spec.pinned_to = Some("1002".parse().unwrap());
    let outcome = accepted(&spec);
    let constraints = |name| {
        service(&outcome, name)
            .task_template
            .placement
            .constraints
            .clone()
    };
    assert_eq!(
        constraints("dev1_shop_web"),
        [
            "node.role == worker",
            "node.labels.disk == ssd",
            "node.labels.gpu == true",
            "node.labels.phoenix.vmid == 1002",
        ]
    );
    assert_eq!(
        constraints("dev1_shop_db"),
        [
            "node.labels.gpu == true",
            "node.labels.phoenix.vmid == 1002"
        ]
    );

    spec.placement
        .services
        .insert("wbe".to_owned(), vec!["node.role == worker".to_owned()]);
    assert_eq!(
        refusal(&spec),
        "placement_constraints.services.wbe: no service of that name in the compose file"
    );
    spec.placement.services.remove("wbe");
    spec.placement.all_services = vec!["gpu".to_owned()];
    assert!(
        refusal(&spec).contains("\"gpu\" is not a placement constraint"),
        "{}",
        refusal(&spec)
    );
}

fn with_files(compose: &str, files: &[(&str, &str)]) -> StackSpec {
    let engine = base64::engine::general_purpose::STANDARD;
    let files: Vec<Value> = files
        .iter()
        .map(|(name, content)| json!({"name": name, "content_base64": engine.encode(content)}))
        .collect();
    let mut spec = json!(spec(Compat::Extended, compose));
    spec["files"] = json!(files);
    serde_json::from_value(spec).unwrap()
}

#[test]
fn files_fill_configs_secrets_and_environments() {
    let compose = "
services: {web: {image: i, env_file: ./env/web.env, configs: [app, other], secrets: [key]}}
configs: {app: {file: ./somewhere/app.ini}, other: {file: conf/other.ini}}
secrets: {key: {file: key.pem}}";
    let all = [
        ("app", "by key"),
        ("./conf/other.ini", "by path"),
        ("key.pem", "canary"),
        ("env/web.env", "A=1"),
    ];
    let outcome = accepted(&with_files(compose, &all));
    let content =
        |name: &str| String::from_utf8(outcome.desired.configs[name].data.0.clone()).unwrap();
    assert_eq!(content("dev1_shop_app"), "by key");
    assert_eq!(content("dev1_shop_other"), "by path");
    assert_eq!(container(&outcome)["Env"], json!(["A=1"]));
    assert!(!format!("{:?}", outcome.desired).contains("canary"));

    let missing = refusal(&with_files(compose, &all[1..3]));
    assert!(
        missing.contains("configs.app: no content: file \"./somewhere/app.ini\" was not given"),
        "{missing}"
    );
    assert!(
        missing.contains("services.web.env_file: no content: file \"./env/web.env\" was not given"),
        "{missing}"
    );

    let unused = [&all[..], &[("typo.ini", "x")]].concat();
    assert!(
        refusal(&with_files(compose, &unused))
            .starts_with("files: file \"typo.ini\" is used by nothing")
    );
}

#[test]
fn all_mistakes_come_at_once_in_the_order_of_the_file() {
    let compose = "
services:
  web:
    imagee: i
    ports: [99999]
    deploy: {replicas: many, mod: global}
  db: {image: i, stop_grace_period: 10, profiles: [x]}
nets: {}
";
    assert_eq!(
        refusal(&spec(Compat::Extended, compose)),
        "compose.yml:4:5: services.web: unknown key `imagee`; did you mean \"image\"?\n\
         compose.yml:5:13: services.web.ports[0]: \"99999\" is not a port mapping such as 8080:80/tcp\n\
         compose.yml:6:24: services.web.deploy.replicas: must be an integer, this is a string\n\
         compose.yml:6:30: services.web.deploy: unknown key `mod`; did you mean \"mode\"?\n\
         compose.yml:7:37: services.db.stop_grace_period: must be a duration as a string, this is a number; write a unit, such as 10s or 1m30s\n\
         compose.yml:7:41: services.db: unknown key `profiles`; docker compose has it, stacks do not\n\
         compose.yml:8:1: unknown key `nets`"
    );
}

#[test]
fn what_the_engine_would_refuse_half_way_is_refused_before() {
    for (compose, wanted) in [
        (
            "services: {a: {image: i, ports: ['80:80']}, b: {image: i, ports: ['80:81']}}",
            "services.b.ports[0]: port 80/tcp is published twice, also by service a",
        ),
        (
            "services: {a: {image: i, networks: [n]}}\nnetworks: {n: {driver: bridge}}",
            "networks.n.driver: network \"dev1_shop_n\" has the driver bridge, which makes a network of one node",
        ),
        (
            "services: {a.b: {image: i}}",
            "services.a.b: \"dev1_shop_a.b\" is not a name the engine takes",
        ),
        (
            "services: {a: {image: i, healthcheck: {test: x, interval: 10us}}}",
            "services.a.healthcheck.interval: shorter than 1 ms",
        ),
        (
            "services: {a: {image: i, deploy: {resources: {limits: {memory: 1M}}}}}",
            "services.a.deploy.resources.limits.memory: less than 4 MiB",
        ),
        (
            "services: {a: {image: i, volumes: ['./data:/data']}}",
            "services.a.volumes[0]: \"./data\" is relative, and a node has no directory it could start from",
        ),
        (
            "services: {a: {image: i, deploy: {endpoint_mode: dnsrr}, ports: ['80:80']}}",
            "`deploy.endpoint_mode: dnsrr` and `mode: ingress` exclude each other",
        ),
    ] {
        let text = refusal(&spec(Compat::Extended, compose));
        assert!(text.contains(wanted), "{text}");
    }
    let host = "services: {a: {image: i, ports: [{target: 80, published: 80, mode: host}]}, b: {image: i, ports: [{target: 80, published: 80, mode: host}]}}";
    accepted(&spec(Compat::Extended, host));
}

#[test]
fn surprises_are_warned_of() {
    let compose = "
services:
  web:
    image: 'i:${TAG}'
    privileged: true
    container_name: web
    command: $OTHER-rest
    volumes: ['data:/data', '/srv/x:/x', '/var/run/docker.sock:/s']
    ports: ['127.0.0.1:80:80']
volumes: {data: }
networks: {unused: }
";
    let text = |spec: &StackSpec| {
        let warnings: Vec<String> = accepted(spec)
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect();
        warnings.join("\n")
    };
    let mut spec = spec(Compat::Extended, &compose.replace("'i:${TAG}'", "i"));
    let warnings = text(&spec);
    for wanted in [
        "services.web: `privileged` hardens or opens the container",
        "services.web: `container_name` has no effect",
        "services.web.command: `$OTHER-rest` without braces",
        "services.web.volumes[0]: its data stays on one node",
        "services.web.volumes[1]: its data stays on one node",
        "address 127.0.0.1 is ignored",
        "networks.unused: declared and used by no service",
    ] {
        assert!(warnings.contains(wanted), "{wanted}\n{warnings}");
    }
    assert!(!warnings.contains("volumes[2]"), "{warnings}");
    spec.pinned_to = Some("1002".parse().unwrap());
    assert!(!text(&spec).contains("data stays"), "{}", text(&spec));
}

#[test]
fn the_version_decides_what_may_stand_there() {
    let doubled = "services: {web: {image: i, volumes: ['/a:/a', '/a:/a']}}";
    let old = format!("version: '3.1'\n{doubled}");
    assert!(refusal(&spec(Compat::Docker, &old)).contains("item 0 and item 1 are equal"));
    let newer = format!("version: '3.2'\n{doubled}");
    assert_eq!(refusal(&spec(Compat::Docker, &newer)), "accepted");
    let two = "version: '2.4'\nservices: {web: {image: i}}";
    assert_eq!(
        refusal(&spec(Compat::Extended, two)),
        "compose.yml:1:10: version: compose file version \"2.4\" is not supported; \
         leave `version` out, or write \"3.0\" to \"3.13\""
    );
}
