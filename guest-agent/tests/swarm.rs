//! Swarm work by the real binary against an engine that answers as Docker 20.10 does.

#![cfg(test)]

mod support;

use serde_json::{Value, json};
use support::fake_engine::{Received, Says};
use support::guest::Guest;

fn info(state: &str, control: bool) -> Says {
    info_of(state, control, "n")
}

fn info_of(state: &str, control: bool, node_id: &str) -> Says {
    Says::Json(
        200,
        json!({"ID": "e", "ServerVersion": "20.10.24", "Swarm": {"NodeID": node_id, "NodeAddr": "192.0.2.7",
            "LocalNodeState": state, "ControlAvailable": control, "Error": "",
            "RemoteManagers": [{"NodeID": "m", "Addr": "192.0.2.1:2377"}]}}),
    )
}

/// An engine with a membership: init and join make it active, leave inactive.
fn member(mut state: &'static str, mut control: bool) -> impl FnMut(&Received) -> Says + Send {
    move |request| match request.call().as_str() {
        "GET /info" => info(state, control),
        "POST /swarm/init" => {
            (state, control) = ("active", true);
            Says::Json(200, json!("n"))
        }
        "POST /swarm/join" => {
            state = "active";
            Says::Json(200, Value::Null)
        }
        "POST /swarm/leave" => {
            state = "inactive";
            Says::Json(200, Value::Null)
        }
        call => Says::error(404, call),
    }
}

fn init(address: &str) -> Value {
    json!({"swarm_init": {"advertise_address": address, "default_address_pool": ["10.200.0.0/16"]}})
}

fn join(address: &str, managers: &[&str]) -> Value {
    json!({"swarm_join": {"token": "SWMTKN-1-a-b", "managers": managers, "advertise_address": address}})
}

const DONE_BEFORE: fn() -> Value = || json!({"succeeded": {"changes": [], "warnings": []}});

#[test]
fn init_sends_the_pool_and_happens_once() {
    let guest = Guest::new();
    let engine = guest.engine(member("inactive", false));
    let address = guest.own_address();
    let state = guest.work("first", &init(&address));
    assert_eq!(
        state["succeeded"]["changes"][0]["verb"], "create",
        "{state}"
    );
    let sent = engine.received();
    let sent = sent
        .iter()
        .find(|request| request.call() == "POST /swarm/init")
        .unwrap();
    assert_eq!(sent.path, "/v1.41/swarm/init");
    assert_eq!(
        sent.body,
        json!({"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": address,
            "DefaultAddrPool": ["10.200.0.0/16"], "SubnetSize": 24})
    );
    assert_eq!(guest.work("second", &init(&address)), DONE_BEFORE());
    assert_eq!(engine.writes(), ["POST /swarm/init"]);
}

#[test]
fn init_refuses_a_foreign_address_no_pool_and_a_worker() {
    let guest = Guest::new();
    let engine = guest.engine(member("active", false));
    let address = guest.own_address();
    let foreign = guest.work("foreign", &init("203.0.113.77"));
    assert_eq!(foreign["failed"]["kind"], "input", "{foreign}");
    assert!(
        foreign["failed"]["messages"][0]
            .as_str()
            .unwrap()
            .contains("203.0.113.77")
    );
    let no_pool = json!({"swarm_init": {"advertise_address": address, "default_address_pool": []}});
    assert_eq!(guest.work("pool", &no_pool)["failed"]["kind"], "input");
    assert_eq!(
        guest.work("worker", &init(&address))["failed"]["kind"],
        "refused"
    );
    assert_eq!(engine.writes(), [""; 0]);
}

#[test]
fn join_is_idempotent_and_knows_another_swarm() {
    let guest = Guest::new();
    let engine = guest.engine(member("inactive", false));
    let address = guest.own_address();
    let right = join(&address, &["192.0.2.9:2377", "192.0.2.1:2377"]);
    assert!(guest.work("first", &right)["succeeded"].is_object());
    assert_eq!(guest.work("second", &right), DONE_BEFORE());
    let other = guest.work("other", &join(&address, &["198.51.100.1:2377"]));
    assert_eq!(other["failed"]["kind"], "refused", "{other}");
    assert_eq!(engine.writes(), ["POST /swarm/join"]);
    let leave = json!({"swarm_leave": {"force": false}});
    assert!(guest.work("leave", &leave)["succeeded"]["changes"][0].is_object());
    assert_eq!(guest.work("again", &leave), DONE_BEFORE());
}

#[test]
fn a_join_that_never_ended_is_left_before_joining() {
    let guest = Guest::new();
    let mut has_left = false;
    let mut inner = member("pending", false);
    let engine = guest.engine(move |request| match request.call().as_str() {
        "GET /info" if !has_left => info_of("pending", false, ""),
        "POST /swarm/leave" => {
            has_left = true;
            inner(request)
        }
        _ => inner(request),
    });
    let state = guest.work("join", &join(&guest.own_address(), &["192.0.2.1:2377"]));
    assert!(state["succeeded"].is_object(), "{state}");
    assert_eq!(engine.writes(), ["POST /swarm/leave", "POST /swarm/join"]);
}

#[test]
fn a_member_whose_managers_are_away_is_left_alone() {
    let guest = Guest::new();
    let engine = guest.engine(member("pending", true));
    let address = guest.own_address();
    let state = guest.work("join", &join(&address, &["192.0.2.1:2377"]));
    assert_eq!(state["failed"]["kind"], "retryable", "{state}");
    let message = state["failed"]["messages"][0].as_str().unwrap();
    assert!(message.contains("192.0.2.1:2377"), "{message}");
    let other = guest.work("other", &join(&address, &["198.51.100.1:2377"]));
    assert_eq!(other["failed"]["kind"], "refused", "{other}");
    assert_eq!(engine.writes(), [""; 0]);
}

#[test]
fn a_member_whose_engine_has_just_started_is_no_pending_one() {
    let guest = Guest::new();
    let mut looks = 0;
    let mut inner = member("active", false);
    let engine = guest.engine(move |request| match request.call().as_str() {
        "GET /info" if looks < 5 => {
            looks += 1;
            info("pending", false)
        }
        "POST /swarm/leave" => {
            assert_eq!(looks, 5, "left before the engine knew what it is");
            inner(request)
        }
        _ => inner(request),
    });
    let leave = json!({"swarm_leave": {"force": false}});
    assert!(guest.work("leave", &leave)["succeeded"].is_object());
    assert_eq!(engine.writes(), ["POST /swarm/leave"]);
}

#[test]
fn a_join_that_nobody_answers_is_left_and_may_be_retried() {
    let guest = Guest::new();
    let mut inner = member("inactive", false);
    let engine = guest.engine(move |request| match request.call().as_str() {
        "POST /swarm/join" => Says::error(
            503,
            "Timeout was reached before node joined. The attempt to join the swarm will continue in the \
             background. Use the \"docker info\" command to see the current swarm status of your node.",
        ),
        _ => inner(request),
    });
    let address = guest.own_address();
    let state = guest.work("join", &join(&address, &["192.0.2.1:2377"]));
    assert_eq!(state["failed"]["kind"], "retryable", "{state}");
    assert!(state["failed"]["hint"].as_str().unwrap().contains("2377"));
    assert_eq!(engine.writes(), ["POST /swarm/join", "POST /swarm/leave"]);
}

/// A manager with one node whose first `stale` updates meet another writer.
fn manager(mut stale: usize) -> impl FnMut(&Received) -> Says + Send {
    let (mut index, mut looks) = (10, 0);
    let mut spec = json!({"Name": "", "Novel": {"kept": true}, "Labels": {"theirs": "1"},
        "Role": "worker", "Availability": "active"});
    move |request| match request.call().as_str() {
        "GET /nodes/n1" => Says::Json(
            200,
            json!({"ID": "n1", "Version": {"Index": index}, "Spec": spec,
                "Description": {"Hostname": "two"}}),
        ),
        "POST /nodes/n1/update" if stale > 0 => {
            stale -= 1;
            index += 1;
            Says::error(
                500,
                "rpc error: code = Unknown desc = update out of sequence",
            )
        }
        "POST /nodes/n1/update" => {
            assert!(
                request.path.ends_with(&format!("version={index}")),
                "{}",
                request.path
            );
            index += 1;
            spec = request.body.clone();
            Says::Json(200, Value::Null)
        }
        "GET /swarm" => Says::Json(
            200,
            json!({"ID": "c", "JoinTokens": {"Worker": "SWMTKN-w", "Manager": "SWMTKN-m"},
                "DefaultAddrPool": ["10.200.0.0/16"]}),
        ),
        "GET /nodes" => Says::Json(200, json!([])),
        "GET /nodes/up" => Says::Json(200, json!({"ID": "up", "Status": {"State": "ready"}})),
        "DELETE /nodes/up" => {
            Says::error(400, "rpc error: node up is not down and can't be removed")
        }
        "GET /nodes/leaves" => {
            looks += 1;
            let state = if looks > 3 { "down" } else { "ready" };
            Says::Json(200, json!({"ID": "leaves", "Status": {"State": state}}))
        }
        "DELETE /nodes/leaves" if looks > 3 => Says::Json(200, Value::Null),
        "DELETE /nodes/leaves" => Says::error(
            400,
            "rpc error: node leaves is not down and can't be removed",
        ),
        _ => Says::error(404, "node not found"),
    }
}

fn node_update(node: &str) -> Value {
    json!({"swarm_node_update": {"node_id": node, "set_labels": {"gpu": "true"},
        "remove_labels": ["old"], "role": null, "availability": "drain"}})
}

#[test]
fn a_node_update_keeps_what_it_does_not_know_and_survives_another_writer() {
    let guest = Guest::new();
    let engine = guest.engine(manager(2));
    let state = guest.work("label", &node_update("n1"));
    let change = &state["succeeded"]["changes"][0];
    assert_eq!(change["subject"], "node two", "{state}");
    assert_eq!(change["fields"].as_array().unwrap().len(), 2);
    let last = engine
        .received()
        .into_iter()
        .rfind(|request| request.method == "POST")
        .unwrap();
    assert_eq!(
        last.body,
        json!({"Name": "", "Novel": {"kept": true}, "Labels": {"theirs": "1", "gpu": "true"},
            "Role": "worker", "Availability": "drain"})
    );
    let writes = engine.writes().len();
    assert_eq!(guest.work("again", &node_update("n1")), DONE_BEFORE());
    assert_eq!(engine.writes().len(), writes, "no difference, no write");
    let missing = guest.work("missing", &node_update("n2"));
    assert_eq!(missing["failed"]["kind"], "input", "{missing}");
}

#[test]
fn only_entries_of_nodes_that_are_down_are_removed() {
    let guest = Guest::new();
    let _engine = guest.engine(manager(0));
    let leaves = guest.work(
        "leaves",
        &json!({"swarm_node_remove": {"node_id": "leaves"}}),
    );
    assert!(leaves["succeeded"]["changes"][0].is_object(), "{leaves}");
    let up = guest.work("up", &json!({"swarm_node_remove": {"node_id": "up"}}));
    assert_eq!(up["failed"]["kind"], "refused", "{up}");
    let gone = guest.work("gone", &json!({"swarm_node_remove": {"node_id": "gone"}}));
    assert_eq!(gone, DONE_BEFORE());
    let bad = guest.work(
        "bad",
        &json!({"swarm_node_remove": {"node_id": "../services/x"}}),
    );
    assert_eq!(bad["failed"]["kind"], "input");
}

#[test]
fn a_manager_tells_view_and_tokens_and_a_worker_says_that_it_is_none() {
    let guest = Guest::new();
    let _engine = guest.engine(manager(0));
    assert_eq!(
        guest.ask(&json!({"swarm_token": "worker"})),
        json!({"ok": {"swarm_token": "SWMTKN-w"}})
    );
    assert_eq!(
        guest.ask(&json!("swarm_view"))["ok"]["swarm_view"],
        json!({"cluster_id": "c", "default_address_pool": ["10.200.0.0/16"], "nodes": []})
    );
    let worker = Guest::new();
    let _engine = worker.engine(|_| {
        Says::error(
            503,
            "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state.",
        )
    });
    let refused = worker.ask(&json!("swarm_view"));
    let messages = &refused["err"]["messages"];
    assert_eq!(
        messages[0], "this guest is no manager of a Swarm",
        "{refused}"
    );
    assert!(messages[1].as_str().unwrap().contains("503"));
}
