//! Planned faults do what they say, once.

use std::time::{Duration, Instant};

use phoenix_tests::doubles::portainer::{AgentDouble, Fault, MemoryGuest, PortainerDouble};
use serde_json::Value;

use crate::session::Session;

#[test]
fn a_lost_answer_has_done_the_work_and_a_lost_request_has_not() {
    let guest = MemoryGuest::standalone();
    let agent = AgentDouble::memory(&guest, "127.0.0.1:0").unwrap();
    let double = PortainerDouble::start("2.39.0").unwrap();
    let session = Session::of(&double);
    session.register("guest", &agent.url());
    let path = "/api/stacks/1?endpointId=1";
    session.create("app", 1);
    double
        .faults()
        .plan(Fault::LostRequest, "DELETE", "/api/stacks", 1);
    session.try_call("DELETE", path, &Value::Null).unwrap_err();
    assert_eq!(session.get("/api/stacks").as_array().unwrap().len(), 1);
    double
        .faults()
        .plan(Fault::LostAnswer, "DELETE", "/api/stacks", 1);
    session.try_call("DELETE", path, &Value::Null).unwrap_err();
    assert_eq!(session.get("/api/stacks").as_array().unwrap().len(), 0);
}

#[test]
fn answers_are_spoiled_as_planned() {
    let double = PortainerDouble::start("2.39.0").unwrap();
    let session = Session::of(&double);
    let get = || session.call("GET", "/api/stacks", &Value::Null);
    let plan = |fault| double.faults().plan(fault, "GET", "/api/stacks", 1);
    plan(Fault::Status(401));
    assert_eq!(get().status, 401);
    plan(Fault::Html);
    assert!(get().text().starts_with("<html>"));
    plan(Fault::Garbage);
    assert!(serde_json::from_slice::<Value>(&get().body).is_err());
    plan(Fault::Redirect("https://elsewhere.invalid/".to_owned()));
    assert_eq!(get().header("location"), Some("https://elsewhere.invalid/"));
    plan(Fault::HalfClosed);
    assert_eq!(get().text(), "[", "of a body of two bytes");
    plan(Fault::Trickle(Duration::from_millis(100)));
    let start = Instant::now();
    assert_eq!(get().text(), "[]");
    assert!(start.elapsed() >= Duration::from_millis(200));
    plan(Fault::Late(Duration::from_millis(150)));
    let start = Instant::now();
    assert_eq!(get().text(), "[]");
    assert!(start.elapsed() >= Duration::from_millis(150));
    assert_eq!(get().text(), "[]", "nothing is planned any more");
}
