//! The QEMU guest agent client against an agent that misbehaves on the wire.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod fake_agent;

use std::time::{Duration, Instant};

use fake_agent::{Act, FakeAgent, is, reply, sync_reply};
use phoenix_common::qga::{Exec, ExitKind, QgaClient, QgaError};
use phoenix_common::retry::Deadline;
use serde_json::json;

const SYNC: &str = "guest-sync-delimited";

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(10))
}

#[tokio::test]
async fn a_missing_socket_is_told_from_a_silent_agent() {
    let nowhere = QgaClient::new("/nonexistent/1.qga", "/tmp/phoenix-test-missing.lock");
    let error = nowhere.ping(soon()).await.unwrap_err();
    assert!(matches!(error, QgaError::SocketMissing { .. }), "{error}");

    let silent = FakeAgent::start(|_| Some(Act::Silence));
    let started = Instant::now();
    let error = silent.client.ping(soon()).await.unwrap_err();
    assert!(matches!(error, QgaError::Silent { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(silent.count("guest-ping"), 0, "sent before synchronised");
}

#[tokio::test]
async fn another_client_on_the_socket_looks_silent_and_is_outlived() {
    let agent = FakeAgent::start(|_| None);
    let other = std::os::unix::net::UnixStream::connect(agent.socket_path()).unwrap();
    let error = agent.client.ping(soon()).await.unwrap_err();
    assert!(matches!(error, QgaError::Silent { .. }), "{error}");
    drop(other);
    agent.client.ping(soon()).await.unwrap();
}

#[tokio::test]
async fn stale_replies_and_several_in_one_read_are_sorted_out() {
    let agent = FakeAgent::start(|request| {
        if is(request, SYNC) {
            let mut bytes = b"AAAA\"}}\n{\"return\": {\"pid\": 1}}\n\xff{\"return\": 1}\n".to_vec();
            bytes.extend(
                b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\n",
            );
            bytes.extend(sync_reply(request));
            return Some(Act::Raw(bytes));
        }
        is(request, "guest-ping").then(|| {
            let mut bytes = b"{\"return\": {\"pid\": 9}, \"id\": \"somebody else's\"}\n".to_vec();
            bytes.extend(reply(request, &json!({})));
            bytes.extend(b"{\"return\": {}}\n");
            Act::Raw(bytes)
        })
    });
    agent.client.ping(soon()).await.unwrap();
}

#[tokio::test]
async fn replies_that_come_byte_by_byte_are_whole() {
    let agent = FakeAgent::start(|request| {
        Some(Act::Dripped(if is(request, SYNC) {
            sync_reply(request)
        } else {
            reply(request, &json!({}))
        }))
    });
    agent.client.ping(soon()).await.unwrap();
}

#[tokio::test]
async fn a_synchronisation_without_mark_is_not_believed() {
    let agent = FakeAgent::start(|request| {
        is(request, SYNC).then(|| Act::Raw(sync_reply(request)[1..].to_vec()))
    });
    let error = agent.client.ping(soon()).await.unwrap_err();
    assert!(matches!(error, QgaError::Silent { .. }), "{error}");
}

#[tokio::test]
async fn a_flood_is_cut_off() {
    let after_sync = FakeAgent::start(|request| {
        is(request, "guest-ping").then(|| Act::Raw(vec![b'x'; 100 << 20]))
    });
    let error = after_sync.client.ping(soon()).await.unwrap_err();
    assert!(matches!(error, QgaError::TooLarge { .. }), "{error}");

    let before_sync = FakeAgent::start(|_| Some(Act::Raw(vec![b'x'; 100 << 20])));
    let client = before_sync
        .client
        .clone()
        .with_reply_timeout(Duration::from_secs(10));
    let error = client.ping(soon()).await.unwrap_err();
    assert!(matches!(error, QgaError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn garbage_and_nesting_are_protocol_errors() {
    for garbage in [
        b"\x00\x01\x02 garbage\n".to_vec(),
        [vec![b'['; 60_000], b"\n".to_vec()].concat(),
        b"{\"return\": \n".to_vec(),
        b"{\"return\": [], \"id\": 5\n".to_vec(),
    ] {
        let agent = FakeAgent::start(move |request| {
            is(request, "guest-ping").then(|| Act::Raw(garbage.clone()))
        });
        let error = agent.client.ping(soon()).await.unwrap_err();
        assert!(matches!(error, QgaError::Protocol { .. }), "{error}");
    }
}

/// An agent that is restarted while a command is on its way reads the rest of it.
#[tokio::test]
async fn a_command_that_arrives_in_part_may_be_sent_again() {
    let agent = FakeAgent::start(|request| {
        let text = "JSON parse error, invalid keyword 'q'";
        let line = json!({ "error": { "class": "GenericError", "desc": text } });
        is(request, "guest-ping").then(|| Act::Raw(format!("{line}\n").into_bytes()))
    });
    let error = agent.client.ping(soon()).await.unwrap_err();
    assert!(matches!(error, QgaError::Protocol { .. }), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_close_mid_reply_is_closed() {
    let agent = FakeAgent::start(|request| is(request, "guest-ping").then_some(Act::Close));
    let error = agent.client.ping(soon()).await.unwrap_err();
    assert!(matches!(error, QgaError::Closed { .. }), "{error}");
}

#[tokio::test]
async fn a_blocked_command_is_not_taken_for_a_failure() {
    let agent = FakeAgent::start(|request| {
        if is(request, "guest-info") {
            return Some(Act::Return(
                json!({"version": "9.0", "supported_commands": [
                    {"name": "guest-exec", "enabled": false, "success-response": true},
                    {"name": "guest-exec-status", "enabled": true, "success-response": true},
                ]}),
            ));
        }
        is(request, "guest-exec").then(|| {
            Act::Raw(b"{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command guest-exec has been disabled\"}}\n".to_vec())
        })
    });
    for result in [
        agent.client.require_exec(soon()).await,
        agent
            .client
            .exec(&Exec::new("/bin/true"), soon())
            .await
            .map(drop),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, QgaError::ExecBlocked { .. }), "{error}");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn exec_waits_for_the_end_and_takes_signal_and_output() {
    let mut polls = 0;
    let agent = FakeAgent::start(move |request| {
        if !is(request, "guest-exec-status") {
            return None;
        }
        polls += 1;
        Some(Act::Return(match polls {
            1 | 2 => json!({"exited": false}),
            _ => {
                json!({"exited": true, "signal": 9, "out-data": "b3V0", "err-data": "ZXJy", "out-truncated": true})
            }
        }))
    });
    let output = agent
        .client
        .exec(&Exec::new("/bin/x"), soon())
        .await
        .unwrap();
    assert_eq!(output.exit, ExitKind::Signal(9));
    assert_eq!(
        (&output.stdout[..], &output.stderr[..]),
        (&b"out"[..], &b"err"[..])
    );
    assert!(output.truncated);
    assert_eq!(agent.count("guest-exec"), 1);
}

#[tokio::test]
async fn only_the_asking_is_repeated_never_the_start() {
    let mut silences = 0;
    let agent = FakeAgent::start(move |request| {
        silences += 1;
        (is(request, "guest-exec-status") && silences < 6).then_some(Act::Silence)
    });
    agent
        .client
        .exec(&Exec::new("/bin/x"), soon())
        .await
        .unwrap();
    assert_eq!(agent.count("guest-exec"), 1);
    assert!(agent.count("guest-exec-status") > 1);

    let lost_start = FakeAgent::start(|request| is(request, "guest-exec").then_some(Act::Silence));
    let error = lost_start
        .client
        .exec(&Exec::new("/bin/x"), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, QgaError::Silent { .. }), "{error}");
    assert_eq!(lost_start.count("guest-exec"), 1);
}

#[tokio::test]
async fn a_process_the_agent_forgot_is_lost() {
    let agent = FakeAgent::start(|request| {
        is(request, "guest-exec-status").then(|| {
            Act::Raw(b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"PID ld does not exist\"}}\n".to_vec())
        })
    });
    let error = agent
        .client
        .exec(&Exec::new("/bin/x"), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, QgaError::ProcessLost { .. }), "{error}");
}

#[tokio::test]
async fn output_over_the_callers_limit_and_odd_status_are_errors() {
    let agent = FakeAgent::start(|request| {
        is(request, "guest-exec-status").then(|| {
            Act::Return(json!({"exited": true, "exitcode": 0, "out-data": "A".repeat(400_000)}))
        })
    });
    let exec = Exec::new("/bin/x").output_limit(100_000);
    let error = agent.client.exec(&exec, soon()).await.unwrap_err();
    assert!(matches!(error, QgaError::TooLarge { .. }), "{error}");

    for status in [
        json!({"exited": true}),
        json!({"exited": true, "exitcode": 1, "signal": 1}),
        json!({"exited": true, "exitcode": 1, "out-data": "?"}),
        json!({"exited": "yes"}),
    ] {
        let agent = FakeAgent::start(move |request| {
            is(request, "guest-exec-status").then(|| Act::Return(status.clone()))
        });
        let error = agent
            .client
            .exec(&Exec::new("/bin/x"), soon())
            .await
            .unwrap_err();
        assert!(matches!(error, QgaError::Protocol { .. }), "{error}");
    }
}

#[tokio::test]
async fn exec_past_its_deadline_says_so() {
    let agent = FakeAgent::start(|request| {
        is(request, "guest-exec-status").then(|| Act::Return(json!({"exited": false})))
    });
    let deadline = Deadline::after(Duration::from_millis(300));
    let error = agent
        .client
        .exec(&Exec::new("/bin/x"), deadline)
        .await
        .unwrap_err();
    assert!(matches!(error, QgaError::ExecDeadline { .. }), "{error}");
}

#[tokio::test]
async fn processes_of_phoenix_take_turns() {
    let agent = FakeAgent::start(|_| None);
    agent.client.ping(soon()).await.unwrap();
    let held = std::fs::File::open(agent.lock_path()).unwrap();
    held.lock().unwrap();
    let error = agent.client.ping(soon()).await.unwrap_err();
    assert!(matches!(error, QgaError::LockBusy { .. }), "{error}");
    drop(held);
    let both = tokio::join!(agent.client.ping(soon()), agent.client.ping(soon()));
    both.0.unwrap();
    both.1.unwrap();
}
