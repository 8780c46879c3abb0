//! Portainer is brought to what is declared, against the doubles of its server and agent, in the ways of the recorded
//! versions: deploys that answer at their end (2.39) and in the background (2.43).

#![cfg(test)]

mod node;

use std::time::Duration;

use node::{FILE, Node, files_below};
use phoenix_hook::record::Outcome;
use phoenix_tests::doubles::portainer::Fault;

const VERSIONS: [(u8, &str); 2] = [(10, "2.39.0"), (20, "2.43.0")];

fn steps(ending: &phoenix_hook::reconcile::portainer::PortainerEnding) -> Vec<String> {
    ending
        .steps
        .iter()
        .map(|step| format!("{}{}", step.action, step.error))
        .collect()
}

/// Requests that change something.
fn writes(node: &Node) -> Vec<String> {
    let writes = node.server.log().writes();
    writes
        .iter()
        .map(|one| format!("{} {}", one.method, one.path))
        .collect()
}

#[tokio::test]
async fn from_nothing_to_a_running_stack_and_then_nothing_more() {
    for (number, version) in VERSIONS {
        let node = Node::new(number, version);
        let first = node.sync().await;
        assert_eq!(first.outcome, Outcome::Converged, "{version}: {first:?}");
        assert_eq!(
            steps(&first),
            [
                "log in as admin once and keep an API key",
                &format!("register environment app at tcp://127.77.{number}.2:9001"),
                "create stack web in environment app",
            ]
        );
        // Images first: what cannot be pulled must not reach Portainer.
        assert_eq!(*node.jobs.lock().unwrap(), ["pull"]);
        let container = &node.guest.containers()[0];
        assert_eq!(container.state, "running");
        node.server.log().clear();
        let second = node.sync().await;
        assert_eq!(second.outcome, Outcome::Converged);
        assert_eq!(
            (second.steps.len(), writes(&node)),
            (0, Vec::new()),
            "{version}"
        );
    }
}

#[tokio::test]
async fn what_drifts_is_seen_and_mended() {
    for (number, version) in VERSIONS {
        let node = Node::new(number + 1, version);
        node.sync().await;
        let name = node.guest.containers()[0].name.clone();
        node.guest.remove_container(&name);
        let plan = node.plan().await.to_string();
        assert!(
            plan.contains("update stack web in environment app: web is missing"),
            "{plan}"
        );
        assert_eq!(node.sync().await.outcome, Outcome::Converged);
        assert_eq!(node.guest.containers()[0].state, "running");
        // The record: another file and another value.
        node.configure(number + 1, &[("web", &FILE.replace("3600", "7200"))]);
        let plan = node.plan().await.to_string();
        assert!(plan.contains("the file differs"), "{plan}");
        assert_eq!(node.sync().await.outcome, Outcome::Converged);
        assert!(node.plan().await.is_converged());
    }
}

#[tokio::test]
async fn a_lost_database_comes_back_with_one_sync() {
    let mut node = Node::new(30, "2.39.0");
    node.sync().await;
    let before = node.guest.containers()[0].id.clone();
    node.server.wipe().unwrap();
    node.server.start_again().unwrap();
    node.certificate_is_known();
    // The agents without a secret still trust the old key.
    node.agent.stop();
    node.agent.start().unwrap();
    let ending = node.sync().await;
    assert_eq!(ending.outcome, Outcome::Converged, "{ending:?}");
    // What ran is adopted, not made anew.
    assert_eq!(node.guest.containers()[0].id, before);
}

#[tokio::test]
async fn no_fault_makes_a_duplicate_and_the_next_run_converges() {
    let faults = [
        (Fault::Status(500), "POST", "/api/endpoints"),
        (Fault::LostAnswer, "POST", "/api/endpoints"),
        (Fault::LostAnswer, "POST", "/api/stacks/create"),
        (Fault::HalfClosed, "POST", "/api/stacks/create"),
        (Fault::Status(500), "POST", "/api/stacks/create"),
        (Fault::Status(409), "POST", "/api/stacks/create"),
        (Fault::Html, "GET", "/api/stacks"),
        (Fault::Garbage, "GET", "/api/endpoints"),
        (
            Fault::Redirect("http://127.0.0.1/".to_owned()),
            "GET",
            "/api/stacks",
        ),
        (Fault::Status(401), "GET", "/api/endpoints"),
        (Fault::LostRequest, "GET", "/api/stacks"),
    ];
    for (index, (fault, method, path)) in faults.into_iter().enumerate() {
        let number = 40 + u8::try_from(index).unwrap();
        let node = Node::new(number, "2.39.0");
        node.server.faults().plan(fault.clone(), method, path, 1);
        let first = node.sync_within(Duration::from_secs(20)).await;
        node.server.faults().clear();
        if first.outcome != Outcome::Converged {
            assert!(!first.open.is_empty(), "{fault:?}: {first:?}");
            let next = node.sync().await;
            assert_eq!(
                next.outcome,
                Outcome::Converged,
                "{fault:?}: {first:?} {next:?}"
            );
        }
        assert!(node.plan().await.is_converged(), "{fault:?}");
        let created = |path: &str| {
            let writes = writes(&node);
            writes.iter().filter(|line| line.starts_with(path)).count()
        };
        assert!(created("POST /api/endpoints") <= 2, "{fault:?}");
        assert_eq!(node.guest.containers().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn two_syncs_at_once_make_one_of_each() {
    let node = Node::new(60, "2.43.0");
    let (one, other) = futures_util::future::join(node.sync(), node.sync()).await;
    assert_eq!(one.outcome, Outcome::Converged, "{one:?}");
    assert_eq!(other.outcome, Outcome::Converged, "{other:?}");
    let writes = writes(&node);
    let count = |line: &str| {
        writes
            .iter()
            .filter(|write| write.starts_with(line))
            .count()
    };
    assert_eq!(count("POST /api/endpoints"), 1, "{writes:?}");
    assert_eq!(count("POST /api/stacks/create"), 1, "{writes:?}");
    assert_eq!(count("POST /api/users/1/tokens"), 1, "{writes:?}");
}

#[tokio::test]
async fn another_certificate_is_not_spoken_to() {
    let mut node = Node::new(61, "2.39.0");
    node.sync().await;
    node.server.wipe().unwrap();
    node.server.start_again().unwrap();
    node.server.log().clear();
    let ending = node.sync_within(Duration::from_secs(5)).await;
    assert_ne!(ending.outcome, Outcome::Converged);
    assert!(ending.open[0].contains("fingerprint"), "{ending:?}");
    assert!(node.server.log().all().is_empty());
}

#[tokio::test]
async fn a_failed_update_does_not_cost_what_runs() {
    for (number, version) in VERSIONS {
        let node = Node::new(number + 3, version);
        node.sync().await;
        let broken = FILE.replace("busybox:1.36", "registry.invalid/none:1");
        node.configure(number + 3, &[("web", &broken)]);
        let ending = node.sync().await;
        assert_eq!(ending.outcome, Outcome::Failed, "{version}: {ending:?}");
        assert_eq!(ending.failed_stacks, ["web"]);
        let open = ending.open.join("\n");
        assert!(open.contains("the former version"), "{version}: {open}");
        assert!(
            !open.contains("could not be brought back"),
            "{version}: {open}"
        );
        let containers = node.guest.containers();
        assert!(
            containers
                .iter()
                .any(|one| one.image == "busybox:1.36" && one.state == "running"),
            "{version}: {containers:?}"
        );
        node.configure(number + 3, &[("web", FILE)]);
        assert_eq!(node.sync().await.outcome, Outcome::Converged, "{version}");
    }
}

#[tokio::test]
async fn a_stack_that_fails_does_not_hold_up_the_others() {
    let node = Node::new(62, "2.39.0");
    let broken = FILE.replace("busybox:1.36", "registry.invalid/none:1");
    node.configure(62, &[("a", &broken), ("b", FILE), ("c", "services: [")]);
    let ending = node.sync().await;
    assert_eq!(ending.outcome, Outcome::Failed);
    assert_eq!(ending.failed_stacks, ["a", "c"], "{ending:?}");
    assert!(
        node.guest
            .containers()
            .iter()
            .any(|one| one.name.starts_with('b'))
    );
}

/// Secrets rest in `secrets/` and nowhere else: not in plans, endings, records or files of the state.
#[tokio::test]
async fn secrets_are_in_their_files_only() {
    let node = Node::new(63, "2.39.0");
    node.server
        .faults()
        .plan(Fault::Status(500), "POST", "/api/stacks/create", 1);
    let ending = node.sync().await;
    let plan = node.plan().await;
    let secrets: Vec<String> = files_below(&node.path("etc/phoenix/secrets"))
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap().trim().to_owned())
        .collect();
    assert_eq!(secrets.len(), 3);
    let mut texts = vec![
        format!("{ending:?} {plan:?} {plan}"),
        serde_json::to_string(&plan).unwrap(),
    ];
    for folder in ["var", "run", "etc/phoenix/stacks"] {
        let files = files_below(&node.path(folder));
        texts.extend(
            files
                .iter()
                .filter_map(|path| std::fs::read_to_string(path).ok()),
        );
    }
    for secret in secrets {
        assert!(texts.iter().all(|text| !text.contains(&secret)));
    }
}
