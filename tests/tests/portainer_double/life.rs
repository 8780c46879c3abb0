//! From the first log-in to a lost database.

use std::time::Duration;

use phoenix_tests::doubles::portainer::{AgentDouble, MemoryGuest, PortainerDouble};
use serde_json::{Value, json};

use crate::session::{FILE, Session, parsed};

#[test]
fn a_stack_lives_on_every_version() {
    for version in ["2.23.0", "2.39.0", "2.43.0"] {
        let guest = MemoryGuest::standalone();
        let agent = AgentDouble::memory(&guest, "127.0.0.1:0").unwrap();
        let double = PortainerDouble::start(version).unwrap();
        let session = Session::of(&double);
        assert_eq!(
            session.register("guest", &agent.url()).status,
            200,
            "{version}"
        );
        let created = parsed(&session.create("App", 1));
        assert_eq!(created["Name"], "app", "{version}");
        assert_eq!(session.settled(1), 1, "{version}");
        let first = guest.containers();
        assert_eq!(first.len(), 1, "{version}");
        let path = "/api/stacks/1?endpointId=1";
        let body = json!({"StackFileContent": FILE, "Env": []});
        assert_eq!(session.call("PUT", path, &body).status, 200, "{version}");
        assert_eq!(session.settled(1), 1, "{version}");
        assert_eq!(
            guest.containers(),
            first,
            "{version}: equal content makes nothing anew"
        );
        double.log().clear();
        session.get("/api/stacks");
        session.get("/api/endpoints/1/docker/containers/json");
        assert_eq!(double.log().writes(), [], "{version}");
        assert_eq!(
            session.call("DELETE", path, &Value::Null).status,
            204,
            "{version}"
        );
        assert_eq!(double.log().writes().len(), 1, "{version}");
        assert!(guest.containers().is_empty(), "{version}");
    }
}

#[test]
fn a_lost_database_forgets_the_environments_and_the_agent_does_not_forget_the_server() {
    let guest = MemoryGuest::standalone();
    let mut agent = AgentDouble::memory(&guest, "127.0.0.1:0").unwrap();
    let mut double = PortainerDouble::start("2.39.0").unwrap();
    let session = Session::of(&double);
    assert_eq!(session.register("guest", &agent.url()).status, 200);
    let certificate = double.certificate_pem().to_owned();
    double.restart().unwrap();
    assert_eq!(double.certificate_pem(), certificate, "kept with the data");
    assert_eq!(
        session.get("/api/endpoints").as_array().unwrap().len(),
        1,
        "and so is the key"
    );
    double.wipe().unwrap();
    double.start_again().unwrap();
    let session = Session::of(&double);
    assert_eq!(session.get("/api/endpoints"), json!([]));
    let refused = session.register("guest", &agent.url());
    assert_eq!(refused.status, 500);
    assert!(
        refused.text().contains("already paired"),
        "{}",
        refused.text()
    );
    agent.restart().unwrap();
    assert_eq!(session.register("guest", &agent.url()).status, 200);
}

#[test]
fn a_restart_in_mid_deployment_is_told() {
    let guest = MemoryGuest::standalone();
    guest.set_deploy_time(Duration::from_secs(30));
    let agent = AgentDouble::memory(&guest, "127.0.0.1:0").unwrap();
    let mut double = PortainerDouble::start("2.43.0").unwrap();
    let session = Session::of(&double);
    session.register("guest", &agent.url());
    assert_eq!(parsed(&session.create("slow", 1))["Status"], 3);
    assert_eq!(session.create("slow", 1).status, 409);
    double.restart().unwrap();
    let stack = session.get("/api/stacks/1");
    assert_eq!(stack["Status"], 4);
    let last = &stack["DeploymentStatus"][1]["Message"];
    assert_eq!(last, "Deployment interrupted by server restart");
}

#[test]
fn five_minutes_without_an_administrator_lock_the_server() {
    let mut double = PortainerDouble::start("2.43.0").unwrap();
    double.wipe().unwrap();
    double.options_mut().admin_password = None;
    double.start_again().unwrap();
    let client = phoenix_tests::doubles::portainer::RawClient::new(&double.http_url()).unwrap();
    let status = |path| client.send("GET", path, &[], &[]).unwrap().status;
    assert_eq!(status("/api/system/status"), 200);
    double.skip_time(Duration::from_secs(310));
    assert_eq!(status("/api/system/status"), 303);
    assert_eq!(status("/api/status"), 200);
    double.restart().unwrap();
    assert_eq!(status("/api/system/status"), 200);
}
