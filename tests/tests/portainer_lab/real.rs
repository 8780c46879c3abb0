//! Real deployments through server, agent and Docker socket.

use phoenix_tests::doubles::portainer::{AgentDouble, Options, PortainerDouble};
use phoenix_tests::lab::{Guest, Lab, LabSpec, Suite, portainer_tools};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::session::{Session, parsed};

const IMAGE: &str = "192.168.77.254:5000/web:1";

fn standalone_file(image: &str) -> String {
    format!(
        "services:\n  web:\n    image: {image}\n    environment: {{GREETING: \"${{GREETING}}\"}}\n  side:\n    image: {IMAGE}\n"
    )
}

fn server(version: &str, data: &TempDir) -> PortainerDouble {
    let mut options = Options::local(version, data.path());
    options.tools = portainer_tools().unwrap();
    PortainerDouble::with(options).unwrap()
}

fn ids(guest: &Guest) -> Vec<String> {
    let listed = guest.docker("ps -q --no-trunc").unwrap();
    let mut ids: Vec<String> = listed.lines().map(str::to_owned).collect();
    ids.sort();
    ids
}

#[test]
fn standalone_stacks_are_deployed_by_compose() {
    let spec = LabSpec::new().guest(1001, Suite::Trixie).image("web:1");
    let Some(lab) = Lab::for_test(&spec) else {
        return;
    };
    let guest = lab.guest(1001);
    for version in ["2.39.0", "2.43.0"] {
        let socket = guest.path("/run/docker.sock").unwrap();
        let agent = AgentDouble::socket(socket, "127.0.0.1:0").unwrap();
        let data = TempDir::new().unwrap();
        let double = server(version, &data);
        let session = Session::of(&double);
        let registered = session.register("guest", &agent.url());
        assert_eq!(registered.status, 200, "{version}: {}", registered.text());
        lives(version, &session, &guest);
        assert_eq!(ids(&guest), [""; 0], "{version}: nothing stays");
    }
}

fn lives(version: &str, session: &Session, guest: &Guest) {
    let env = json!([{"name": "GREETING", "value": "  two  "}]);
    let body = json!({"Name": "shop", "StackFileContent": standalone_file(IMAGE), "Env": env});
    let path = "/api/stacks/create/standalone/string?endpointId=1";
    let created = session.call("POST", path, &body);
    assert_eq!(created.status, 200, "{version}: {}", created.text());
    assert_eq!(
        session.settled(1),
        1,
        "{version}: {}",
        session.get("/api/stacks/1")
    );
    let first = ids(guest);
    assert_eq!(first.len(), 2, "{version}");
    let inspected = guest.docker("inspect shop-web-1").unwrap();
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    let variables = inspected[0]["Config"]["Env"].as_array().unwrap();
    assert!(
        variables.contains(&json!("GREETING=two")),
        "{version}: {variables:?}"
    );

    let path = "/api/stacks/1?endpointId=1";
    let put = |file: String| {
        let body = json!({"StackFileContent": file, "Env": env});
        session.call("PUT", path, &body)
    };
    assert_eq!(put(standalone_file(IMAGE)).status, 200, "{version}");
    assert_eq!(session.settled(1), 1, "{version}");
    assert_eq!(
        ids(guest),
        first,
        "{version}: equal content keeps the containers"
    );

    let failed = put(standalone_file("registry.invalid/none:1"));
    if version == "2.43.0" {
        assert_eq!(failed.status, 200);
        assert_eq!(session.settled(1), 4);
        assert_eq!(ids(guest), first, "what ran runs on");
    } else {
        assert_eq!(failed.status, 500);
        let text = parsed(&failed)["message"].as_str().unwrap().to_owned();
        assert!(text.starts_with("failed to deploy a stack: "), "{text}");
        assert_eq!(ids(guest), [""; 0], "a failed update takes down what ran");
    }
    let file = session.get("/api/stacks/1/file");
    assert_eq!(
        file["StackFileContent"],
        standalone_file(IMAGE),
        "{version}"
    );
    assert_eq!(
        session.call("DELETE", path, &Value::Null).status,
        204,
        "{version}"
    );
}

#[test]
fn swarm_stacks_are_deployed_by_docker() {
    let spec = LabSpec::new().guest(1001, Suite::Trixie).image("web:1");
    let Some(lab) = Lab::for_test(&spec) else {
        return;
    };
    let guest = lab.guest(1001);
    guest
        .docker("swarm init --advertise-addr 192.168.77.11 --default-addr-pool 10.200.0.0/16")
        .unwrap();
    let socket = guest.path("/run/docker.sock").unwrap();
    let agent = AgentDouble::socket(socket, "127.0.0.1:0").unwrap();
    let data = TempDir::new().unwrap();
    let double = server("2.43.0", &data);
    let session = Session::of(&double);
    assert_eq!(session.register("swarm", &agent.url()).status, 200);
    let swarm_id = session.get("/api/endpoints/1/docker/info")["Swarm"]["Cluster"]["ID"].clone();
    let file = format!(
        "version: '3.8'\nservices:\n  web:\n    image: {IMAGE}\n    deploy: {{endpoint_mode: dnsrr}}\n    environment: {{A: '${{A}}'}}\n  side:\n    image: {IMAGE}\n    deploy: {{endpoint_mode: dnsrr}}\n"
    );
    let body = json!({"Name": "web", "StackFileContent": file, "SwarmID": swarm_id,
        "Env": [{"name": "A", "value": "it's $5 #1"}]});
    let created = session.call(
        "POST",
        "/api/stacks/create/swarm/string?endpointId=1",
        &body,
    );
    assert_eq!(created.status, 200, "{}", created.text());
    assert_eq!(session.settled(1), 1, "{}", session.get("/api/stacks/1"));
    let services = guest.docker("service ls --format {{.Name}}").unwrap();
    assert_eq!(services.lines().count(), 2, "{services}");
    let seen = guest.docker("service inspect web_web").unwrap();
    assert!(seen.contains("A=it's $5 #1"), "verbatim on a Swarm: {seen}");
    let one = file.split("  side:").next().unwrap();
    let body = json!({"StackFileContent": one, "Env": [], "Prune": true});
    let path = "/api/stacks/1?endpointId=1";
    assert_eq!(session.call("PUT", path, &body).status, 200);
    assert_eq!(session.settled(1), 1);
    assert_eq!(
        guest
            .docker("service ls --format {{.Name}}")
            .unwrap()
            .trim(),
        "web_web"
    );
    assert_eq!(session.call("DELETE", path, &Value::Null).status, 204);
    let networks = guest.docker("network ls --format {{.Name}}").unwrap();
    assert!(!networks.contains("web_default"), "{networks}");
}
