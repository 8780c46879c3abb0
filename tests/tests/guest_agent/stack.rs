//! A stack through the agent: planned, deployed, unchanged the second time, removed.

use phoenix_tests::lab::Suite::Bookworm;
use phoenix_tests::lab::{LabSpec, REGISTRY};
use serde_json::json;

use super::{ask, nothing_done, up, work};

const COMPOSE: &str = r#"
services:
  web:
    image: "${REGISTRY}/web:1"
    deploy:
      replicas: 2
    ports:
      - {target: 8080, published: 8081, mode: ingress}
    networks: [inner]
networks:
  inner: {}
"#;

#[test]
fn a_stack_is_planned_deployed_once_and_removed() {
    let spec = LabSpec::new().guest(1001, Bookworm).image("web:1");
    let Some(lab) = up(&spec) else { return };
    let guest = lab.guest(1001);
    guest.wait_docker().unwrap();
    let init = json!({"swarm_init": {"advertise_address": guest.address(),
        "default_address_pool": ["10.200.0.0/16"]}});
    assert!(work(&guest, "init", &init)["succeeded"].is_object());
    let registry = REGISTRY.trim_start_matches("http://");
    let stack = json!({"namespace": "dev1_shop", "compose": {"path": "shop.yml", "text": COMPOSE},
        "variables": {"REGISTRY": registry}, "wait_seconds": 60});
    let plan = ask(&guest, &json!({ "plan_stack": stack }))["ok"]["plan_stack"].take();
    let subjects: Vec<&str> = plan["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["subject"].as_str().unwrap())
        .collect();
    assert_eq!(
        subjects,
        ["network dev1_shop_inner", "service dev1_shop_web"],
        "{plan}"
    );
    let deployed = work(&guest, "deploy", &json!({ "deploy_stack": stack }));
    assert_eq!(
        deployed["succeeded"]["changes"], plan["changes"],
        "{deployed}"
    );
    let status = ask(&guest, &json!({"stack_status": {"namespace": "dev1_shop"}}));
    let service = &status["ok"]["stack_status"]["services"][0];
    assert_eq!(
        (&service["running"], &service["desired"]),
        (&json!(2), &json!(2)),
        "{status}"
    );
    let writes = guest.docker_writes();
    assert_eq!(
        work(&guest, "again", &json!({ "deploy_stack": stack })),
        nothing_done()
    );
    assert_eq!(
        guest.docker_writes(),
        writes,
        "the second time nothing is written"
    );
    let remove = json!({"remove_stack": {"namespace": "dev1_shop", "wait_seconds": 60}});
    assert!(work(&guest, "remove", &remove)["succeeded"].is_object());
    assert_eq!(guest.docker("ps -q").unwrap(), "");
    assert_eq!(
        guest
            .docker("network ls -q --filter label=com.docker.stack.namespace")
            .unwrap(),
        ""
    );
}
