//! Faults that last: a server that is down, one that crawls, one that restarts in mid-deployment. None makes
//! a second environment or stack, each is told, and the next run converges. Single faulty answers are in
//! `portainer_sync`.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

#[expect(dead_code, reason = "shared; each test program uses a part")]
#[path = "../portainer_sync/node.rs"]
mod node;
#[expect(dead_code, reason = "shared; each test program uses a part")]
#[path = "../portainer_double/session.rs"]
mod session;

use std::time::{Duration, Instant};

use node::Node;
use phoenix_hook::record::Outcome;
use phoenix_tests::doubles::portainer::Fault;
use session::Session;

/// Converges, and finds one environment, one stack and one container.
async fn ends_well(node: &Node, what: &str) {
    let ending = node.sync().await;
    assert_eq!(ending.outcome, Outcome::Converged, "{what}: {ending:?}");
    assert!(node.plan().await.is_converged(), "{what}");
    let session = Session::of(&node.server);
    let count = |path| session.get(path).as_array().unwrap().len();
    assert_eq!(count("/api/endpoints"), 1, "{what}");
    assert_eq!(count("/api/stacks"), 1, "{what}");
    assert_eq!(node.guest.containers().len(), 1, "{what}");
}

#[tokio::test]
async fn a_server_that_is_down_is_told() {
    let mut node = Node::new(80, "2.39.0");
    node.server.kill();
    let ending = node.sync_within(Duration::from_secs(5)).await;
    assert_ne!(ending.outcome, Outcome::Converged);
    let open = ending.open.join("\n");
    assert!(open.contains("refused"), "{open}");
    node.server.start_again().unwrap();
    ends_well(&node, "down").await;
}

#[tokio::test]
async fn a_refused_password_is_told_and_never_tried_often() {
    let node = Node::new(81, "2.39.0");
    let faults = node.server.faults();
    faults.plan(Fault::Status(422), "POST", "/api/auth", usize::MAX);
    let ending = node.sync_within(Duration::from_secs(10)).await;
    faults.clear();
    assert_ne!(ending.outcome, Outcome::Converged);
    let open = ending.open.join("\n");
    assert!(open.contains("cannot log in with the password"), "{open}");
    let all = node.server.log().all();
    let logins = all.iter().filter(|one| one.path == "/api/auth").count();
    assert!(logins <= 3, "{logins} log-ins: ten ban the address");
    ends_well(&node, "422").await;
}

#[tokio::test]
async fn a_server_that_crawls_has_a_deadline() {
    let node = Node::new(82, "2.39.0");
    node.sync().await;
    let crawl = Fault::Trickle(Duration::from_secs(1));
    node.server
        .faults()
        .plan(crawl, "GET", "/api/stacks", usize::MAX);
    let start = Instant::now();
    let ending = node.sync_within(Duration::from_secs(10)).await;
    node.server.faults().clear();
    assert_ne!(ending.outcome, Outcome::Converged, "{ending:?}");
    assert!(
        start.elapsed() < Duration::from_secs(90),
        "{:?}",
        start.elapsed()
    );
    ends_well(&node, "one byte a second").await;
}

/// Server and sync die together, as in a power cut of the node.
#[tokio::test]
async fn a_restart_in_mid_deployment_makes_no_second_stack() {
    for (number, version) in [(83, "2.39.0"), (84, "2.43.0")] {
        let mut node = Node::new(number, version);
        node.guest.set_deploy_time(Duration::from_secs(30));
        tokio::select! {
            ending = node.sync_within(Duration::from_secs(25)) => {
                assert!(node.guest.containers().is_empty(), "{version}: {ending:?}");
            }
            // The containers are there as soon as the deployment has begun.
            () = deploying(&node) => {}
        }
        assert_eq!(
            node.guest.containers().len(),
            1,
            "{version}: nothing is deployed"
        );
        node.guest.set_deploy_time(Duration::ZERO);
        node.server.restart().unwrap();
        ends_well(&node, version).await;
    }
}

async fn deploying(node: &Node) {
    while node.guest.containers().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
