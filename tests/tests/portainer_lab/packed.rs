//! Both images, started with the real ones' command lines.

use std::time::{Duration, Instant};

use phoenix_tests::doubles::portainer::{REQUEST_LOG, RawClient, Recorded};
use phoenix_tests::lab::{Guest, Lab, LabSpec, Suite};
use serde_json::Value;

use crate::session::Session;

const REGISTRY: &str = "192.168.77.254:5000";
const PASSWORD: &str = "a password in a file";

#[test]
fn server_and_agent_run_as_containers() {
    let spec = LabSpec::new()
        .guest(1001, Suite::Trixie)
        .image("web:1")
        .image("portainer/portainer-ce:2.39.6")
        .image("portainer/agent:2.39.6");
    let Some(lab) = Lab::for_test(&spec) else {
        return;
    };
    let guest = lab.guest(1001);
    start(&guest);
    let client = RawClient::new("https://192.168.77.11:9443").unwrap();
    let client = client.in_network_of(lab.server_process().unwrap().pid);
    wait(&client);
    let session = Session::with(client, PASSWORD);
    assert_eq!(session.get("/api/system/status")["Version"], "2.39.6");
    let registered = session.register("guest", "tcp://192.168.77.11:9001");
    assert_eq!(registered.status, 200, "{}", registered.text());
    let file = format!("services:\n  web:\n    image: {REGISTRY}/web:1\n");
    let created = session.create_file("shop", 1, &file);
    assert_eq!(created.status, 200, "{}", created.text());
    let running = guest.docker("ps --format {{.Names}}").unwrap();
    assert!(running.contains("shop-web-1"), "{running}");
    let path = "/api/stacks/1?endpointId=1";
    assert_eq!(session.call("DELETE", path, &Value::Null).status, 204);
    let log = guest.sh(&format!(
        "cat /var/lib/docker/volumes/portainer_data/_data/{REQUEST_LOG}"
    ));
    let log = log.unwrap();
    let requests = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let writes: Vec<Recorded> = requests.filter(Recorded::is_write).collect();
    let methods: Vec<&str> = writes.iter().map(|one| one.method.as_str()).collect();
    assert_eq!(methods, ["POST", "POST", "POST", "DELETE"], "{writes:?}");
    let stopped = guest.docker("stop -t 5 portainer portainer_agent");
    stopped.unwrap();
    let code = guest
        .docker("inspect -f {{.State.ExitCode}} portainer")
        .unwrap();
    assert_eq!(code.trim(), "0", "it ends on SIGTERM");
}

fn start(guest: &Guest) {
    guest
        .sh(&format!("printf '%s\\n' '{PASSWORD}' > /root/password"))
        .unwrap();
    guest
        .docker(&format!(
            "run -d --name portainer_agent -p 9001:9001 -e AGENT_SECRET=s3cret \
             -v /var/run/docker.sock:/var/run/docker.sock \
             -v /var/lib/docker/volumes:/var/lib/docker/volumes {REGISTRY}/portainer/agent:2.39.6"
        ))
        .unwrap();
    guest
        .docker(&format!(
            "run -d --name portainer -p 9443:9443 -p 127.0.0.1:9000:9000 -e AGENT_SECRET=s3cret \
             -v portainer_data:/data -v /root/password:/run/password:ro \
             {REGISTRY}/portainer/portainer-ce:2.39.6 --admin-password-file /run/password"
        ))
        .unwrap();
}

fn wait(client: &RawClient) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while client.send("GET", "/api/system/status", &[], &[]).is_err() {
        assert!(Instant::now() < deadline, "the server does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
}
