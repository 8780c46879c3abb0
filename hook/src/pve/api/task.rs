//! Following a task to its end.

use std::time::Duration;

use phoenix_common::retry::{Backoff, Deadline};
use serde_json::Value;

use super::error::{ApiError, Refusal};
use super::{Call, Method, OnLine, Pve, Upid, answer};

/// Lines of a log that are asked for at a time.
const LOG_LINES: usize = 500;

impl Pve {
    /// Makes a call that begins a task, and waits for its end. `on_line` hears what the task prints.
    ///
    /// # Errors
    /// The call was refused, the task failed, or it goes on after the deadline (and is left alone).
    pub(super) async fn task(
        &self,
        call: &Call,
        deadline: Deadline,
        on_line: OnLine<'_>,
    ) -> Result<(), ApiError> {
        let value = self.call(call, deadline, on_line).await?;
        let upid: Upid = value
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| ApiError::NoTask {
                call: call.to_string(),
            })?;
        self.follow(upid, deadline, on_line).await
    }

    async fn follow(
        &self,
        upid: Upid,
        deadline: Deadline,
        on_line: OnLine<'_>,
    ) -> Result<(), ApiError> {
        let seconds = deadline.remaining().as_secs();
        let mut seen = 0;
        for pause in Backoff::new(Duration::from_millis(100), Duration::from_secs(1)) {
            let status = self.get(task_call(&upid, "status")).await?;
            // `pvesh` has shown the log already.
            if let Self::Rest(_) = self {
                seen = self.show_log(&upid, seen, on_line).await;
            }
            if status.get("status").and_then(Value::as_str) == Some("stopped") {
                return ended(upid, &status);
            }
            if deadline.has_passed() {
                break;
            }
            tokio::time::sleep(pause.min(deadline.remaining())).await;
        }
        Err(ApiError::TaskGoesOn {
            upid: Box::new(upid),
            seconds,
        })
    }

    /// Shows the lines behind the first `seen`; how many have been seen now. The log is for people: without it the
    /// task is followed all the same.
    async fn show_log(&self, upid: &Upid, seen: usize, on_line: OnLine<'_>) -> usize {
        let call = task_call(upid, "log")
            .with("start", seen.to_string())
            .with("limit", LOG_LINES.to_string());
        let Ok(lines) = self.get(call).await else {
            return seen;
        };
        let lines = lines.as_array().map(Vec::as_slice).unwrap_or_default();
        let text = |line: &Value| line.get("t").and_then(Value::as_str).map(str::to_owned);
        let lines: Vec<String> = lines.iter().filter_map(text).collect();
        // Recorded: an unknown or empty log is one line that says `no content`.
        if lines.first().is_some_and(|line| line == "no content") {
            return seen;
        }
        for line in &lines {
            on_line(line);
        }
        seen + lines.len()
    }

    /// Whether a task of this kind works on guest `id` of a node just now.
    ///
    /// # Errors
    /// The node's tasks cannot be listed.
    pub async fn is_at_work(&self, node: &str, kind: &str, id: &str) -> Result<bool, ApiError> {
        let call = Call::new(Method::Get, format!("/nodes/{node}/tasks"))
            .with("source", "active")
            .with("typefilter", kind);
        let tasks = self.get(call).await?;
        let is_this = |task: &Value| {
            let has = |key: &str, wanted: &str| {
                task.get(key)
                    .is_some_and(|value| answer::text(value) == wanted)
            };
            has("type", kind) && has("id", id) && task.get("endtime").is_none()
        };
        Ok(tasks.as_array().into_iter().flatten().any(is_this))
    }
}

fn task_call(upid: &Upid, what: &str) -> Call {
    // A UPID holds nothing that a path must not hold.
    let path = format!("/nodes/{}/tasks/{upid}/{what}", upid.node);
    Call::new(Method::Get, path)
}

/// `OK` and `WARNINGS: n` are success; anything else is what the task died of.
fn ended(upid: Upid, status: &Value) -> Result<(), ApiError> {
    let exit = status.get("exitstatus").and_then(Value::as_str);
    let exit = exit.unwrap_or("unexpected status").trim();
    if exit == "OK" || exit.starts_with("WARNINGS: ") {
        return Ok(());
    }
    Err(ApiError::Task {
        upid: Box::new(upid),
        refusal: Refusal::of(None, exit),
        exit: exit.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn warnings_are_a_success_and_all_other_words_are_not() {
        let upid = || {
            "UPID:pve1:00002AF1:000EBFD9:6B01282D:qmclone:900:root@pam:"
                .parse()
                .unwrap()
        };
        let end = |exit: Value| ended(upid(), &json!({"status": "stopped", "exitstatus": exit}));
        assert!(end(json!("OK")).is_ok() && end(json!("WARNINGS: 2")).is_ok());
        let error = end(json!("disk full")).unwrap_err();
        assert_eq!(error.to_string(), "task qmclone of 900: disk full");
        assert!(end(Value::Null).is_err());
    }
}
