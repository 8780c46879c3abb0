//! Questions and jobs over the channel, against a QEMU guest agent that answers as `phoenix-guest-agent`
//! would, loses replies, restarts and reboots.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "../../common/tests/fake_agent/mod.rs"]
mod fake_agent;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fake_agent::{Act, FakeAgent, is};
use phoenix_common::log::Chain;
use phoenix_common::retry::Deadline;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{
    AgentFailure, Answer, FailureKind, JobStarted, JobState, JobStatus, Outcome, PROTOCOL_VERSION,
    Progress, Request, RequestBody, Response, RunningJob, Work, WorkReport,
};
use phoenix_hook::channel::{Channel, ChannelError, JobError, request};
use phoenix_hook::paths::Paths;
use serde_json::{Value, json};

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

fn channel(agent: &FakeAgent) -> Channel {
    Channel::to_vm(Vmid::new(1002).unwrap(), &Paths::new(agent.root()))
}

/// An agent whose `guest-exec` answers wire requests with `respond`; `fault` may spoil any QGA request.
fn guest(
    mut fault: impl FnMut(&Value) -> Option<Act> + Send + 'static,
    mut respond: impl FnMut(&RequestBody) -> Result<Answer, AgentFailure> + Send + 'static,
) -> FakeAgent {
    let mut output = String::new();
    FakeAgent::start(move |qga| {
        if is(qga, "guest-exec") {
            let input = STANDARD.decode(qga["arguments"]["input-data"].as_str().unwrap());
            let request: Request = serde_json::from_slice(&input.unwrap()).unwrap();
            let response = Response {
                protocol: PROTOCOL_VERSION,
                id: request.id,
                agent_version: "0.1.0".to_owned(),
                outcome: match respond(&request.body) {
                    Ok(answer) => Outcome::Ok(Box::new(answer)),
                    Err(failure) => Outcome::Err(failure),
                },
            };
            output = STANDARD.encode(serde_json::to_vec(&response).unwrap());
        }
        fault(qga).or_else(|| {
            is(qga, "guest-exec-status")
                .then(|| Act::Return(json!({"exited": true, "exitcode": 0, "out-data": output})))
        })
    })
}

fn status(state: JobState, progress: &[&str]) -> Answer {
    let line = |text: &&str| Progress {
        step: "docker".to_owned(),
        message: (*text).to_owned(),
    };
    Answer::JobStatus(JobStatus {
        state,
        progress: progress.iter().map(line).collect(),
    })
}

fn leave() -> Work {
    Work::SwarmLeave { force: false }
}

fn done() -> JobState {
    JobState::Succeeded(WorkReport::default())
}

#[tokio::test]
async fn a_missing_agent_is_its_own_error() {
    let agent = FakeAgent::start(|request| {
        is(request, "guest-exec-status")
            .then(|| Act::Return(json!({"exited": true, "exitcode": 127})))
    });
    let error = channel(&agent).facts(soon()).await.unwrap_err();
    assert!(
        matches!(error, ChannelError::AgentMissing { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_agent_that_dies_or_prints_nonsense_is_named() {
    for (exit, output, wanted) in [
        (101, "", "ended with exit code 101: why"),
        (0, "{\"protocol\": 1", "unintelligible"),
        (0, "[[[[", "unintelligible"),
    ] {
        let agent = FakeAgent::start(move |request| {
            is(request, "guest-exec-status").then(|| {
                Act::Return(json!({"exited": true, "exitcode": exit,
                    "out-data": STANDARD.encode(output), "err-data": STANDARD.encode("why")}))
            })
        });
        let error = channel(&agent).facts(soon()).await.unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[tokio::test]
async fn sixteen_mebibytes_of_garbage_are_not_even_read() {
    let garbage = STANDARD.encode(vec![b'x'; 16 << 20]);
    let agent = FakeAgent::start(move |request| {
        is(request, "guest-exec-status")
            .then(|| Act::Return(json!({"exited": true, "exitcode": 0, "out-data": garbage})))
    });
    let error = channel(&agent).facts(soon()).await.unwrap_err();
    let text = Chain(&error).to_string();
    assert!(
        text.starts_with(
            "guest 1002 cannot be reached: the answer to guest-exec-status is longer than"
        ),
        "{text}"
    );
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_lost_reply_is_asked_for_again() {
    let mut lost = 0;
    let agent = guest(
        move |qga| {
            (is(qga, "guest-exec-status") && lost < 2).then(|| {
                lost += 1;
                Act::Raw(b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"PID ld does not exist\"}}\n".to_vec())
            })
        },
        |_| Ok(status(done(), &[])),
    );
    let question = request(RequestBody::Facts);
    channel(&agent).ask(&question, soon()).await.unwrap();
    assert_eq!(agent.count("guest-exec"), 3);
}

#[tokio::test]
async fn a_job_is_followed_to_its_end_through_lost_replies() {
    let mut questions = 0;
    let mut job_name = None;
    let mut polls = 0;
    let agent = guest(
        move |qga| {
            polls += usize::from(is(qga, "guest-exec-status"));
            (is(qga, "guest-exec-status") && polls % 3 == 0).then(|| {
                Act::Raw(b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"Invalid parameter 'pid'\"}}\n".to_vec())
            })
        },
        move |body| match body {
            RequestBody::JobStart { job, .. } => {
                let again = job_name.replace(job.clone());
                assert!(again.is_none_or(|first| first == *job), "one job, one name");
                Ok(Answer::JobStart(JobStarted::Started))
            }
            RequestBody::JobStatus { after, .. } => {
                questions += 1;
                let lines = ["a", "b", "c", "d"];
                let until = lines.len().min(questions);
                let state = if questions < 6 {
                    JobState::Running
                } else {
                    done()
                };
                Ok(status(state, &lines[(*after).min(until)..until]))
            }
            _ => unreachable!(),
        },
    );
    let mut lines = Vec::new();
    let mut take = |progress: &Progress| lines.push(progress.message.clone());
    let result = channel(&agent).run_job(leave(), soon(), &mut take).await;
    result.unwrap();
    assert_eq!(lines, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_busy_guest_is_waited_for() {
    let mut other_runs = 3;
    let agent = guest(
        |_| None,
        move |body| match body {
            RequestBody::JobStart { .. } if other_runs > 0 => {
                Ok(Answer::JobStart(JobStarted::Busy(RunningJob {
                    job: "other".to_owned(),
                    work: "deploy_stack".to_owned(),
                })))
            }
            RequestBody::JobStart { .. } => Ok(Answer::JobStart(JobStarted::Attached)),
            RequestBody::JobStatus { job, .. } if job == "other" => {
                other_runs -= 1;
                let state = if other_runs > 0 {
                    JobState::Running
                } else {
                    JobState::Lost
                };
                Ok(status(state, &[]))
            }
            _ => Ok(status(done(), &[])),
        },
    );
    channel(&agent)
        .run_job(leave(), soon(), &mut |_| {})
        .await
        .unwrap();
}

#[tokio::test]
async fn a_reboot_a_dead_job_and_a_failure_are_told_apart() {
    let end = |state: JobState| async move {
        let agent = guest(
            |_| None,
            move |body| match body {
                RequestBody::JobStart { .. } => Ok(Answer::JobStart(JobStarted::Started)),
                _ => Ok(status(state.clone(), &[])),
            },
        );
        channel(&agent)
            .run_job(leave(), soon(), &mut |_| {})
            .await
            .unwrap_err()
    };
    assert!(matches!(
        end(JobState::NotFound).await,
        JobError::Rebooted { .. }
    ));
    assert!(matches!(end(JobState::Lost).await, JobError::Lost { .. }));
    let failed = end(JobState::Failed(AgentFailure {
        kind: FailureKind::Failed,
        messages: vec!["pull failed".to_owned(), "no\u{1b}route".to_owned()],
        hint: None,
    }));
    assert_eq!(
        failed.await.to_string(),
        "guest 1002: pull failed: no\\u{1b}route"
    );
}

#[tokio::test]
async fn a_job_past_its_deadline_says_so() {
    let agent = guest(
        |_| None,
        |body| match body {
            RequestBody::JobStart { .. } => Ok(Answer::JobStart(JobStarted::Started)),
            _ => Ok(status(JobState::Running, &[])),
        },
    );
    let deadline = Deadline::after(Duration::from_millis(400));
    let error = channel(&agent)
        .run_job(leave(), deadline, &mut |_| {})
        .await
        .unwrap_err();
    assert!(matches!(error, JobError::Deadline { .. }), "{error}");
}
