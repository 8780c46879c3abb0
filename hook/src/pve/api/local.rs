//! `pvesh` on the node.
//!
//! Recorded: a task's log comes first on stdout, the answer as the last line; the exit code is 0 when only the task
//! failed; `pvesh set …/config` prints no JSON at all.

use phoenix_common::command::Ended;
use phoenix_common::retry::Deadline;
use serde_json::Value;

use super::error::ApiError;
use super::{Call, Method, OnLine};
use crate::paths::Paths;
use crate::pve::tool::tool;

#[derive(Debug, Clone)]
pub struct Local {
    paths: Paths,
}

impl Local {
    pub fn new(paths: &Paths) -> Self {
        Self {
            paths: paths.clone(),
        }
    }

    pub(super) async fn call(
        &self,
        call: &Call,
        deadline: Deadline,
        on_line: OnLine<'_>,
    ) -> Result<Value, ApiError> {
        let mut command = tool(&self.paths, "pvesh", deadline.remaining())
            .args([call.method.word(), call.path.as_str()]);
        for (name, value) in &call.parameters {
            command = command.arg(format!("--{name}")).arg(value);
        }
        let ended = command
            .args(["--output-format", "json"])
            .run_showing(&mut |line| {
                // The answer is no line of the task's log.
                if !line.starts_with("\"UPID:") {
                    on_line(line);
                }
            })
            .await
            .map_err(|source| ApiError::Tool {
                call: call.to_string(),
                source,
            })?;
        answer(call, &ended)
    }
}

impl Local {
    /// `pct <words>`: containers are stopped and removed by their own tool, whose exit codes can be relied on.
    pub(super) async fn pct(
        &self,
        words: &[&str],
        deadline: Deadline,
        on_line: OnLine<'_>,
    ) -> Result<String, ApiError> {
        let call = format!("pct {}", words.join(" "));
        let ended = tool(&self.paths, "pct", deadline.remaining())
            .args(words)
            .run_showing(on_line)
            .await
            .map_err(|source| ApiError::Tool {
                call: call.clone(),
                source,
            })?;
        if ended.code == 0 {
            return Ok(String::from_utf8_lossy(&ended.output.stdout).into_owned());
        }
        let message = complaint(&String::from_utf8_lossy(&ended.output.stderr));
        Err(ApiError::refused(&call, None, message))
    }
}

fn answer(call: &Call, ended: &Ended) -> Result<Value, ApiError> {
    if ended.code != 0 {
        let message = complaint(&String::from_utf8_lossy(&ended.output.stderr));
        return Err(ApiError::refused(&call.to_string(), None, message));
    }
    let stdout = String::from_utf8_lossy(&ended.output.stdout);
    let last = stdout.lines().rev().find(|line| !line.trim().is_empty());
    match serde_json::from_str(last.unwrap_or("null")) {
        Ok(value) => Ok(value),
        Err(_) if call.method == Method::Set => Ok(Value::Null),
        Err(source) => Err(ApiError::Answer {
            call: call.to_string(),
            source,
        }),
    }
}

/// What went wrong, without the tool's usage and Perl's own warnings.
fn complaint(stderr: &str) -> String {
    let is_noise = |line: &&str| {
        line.trim().is_empty()
            || line.starts_with("pvesh ")
            || line.starts_with("Wide character in ")
            || line.starts_with("400 ")
            || line.starts_with("trying to acquire lock")
            || line.trim() == "OK"
    };
    let lines: Vec<&str> = stderr
        .lines()
        .filter(|line| !is_noise(line))
        .map(str::trim)
        .collect();
    if lines.is_empty() {
        return stderr.trim().to_owned();
    }
    lines.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_common::command::Output;

    fn read(method: Method, code: i32, stdout: &str, stderr: &str) -> Result<Value, ApiError> {
        let output = Output {
            stdout: stdout.into(),
            stderr: stderr.into(),
        };
        answer(&Call::new(method, "/p"), &Ended { code, output })
    }

    #[test]
    fn the_last_line_is_the_answer() {
        let upid = "UPID:pvetest:000033BC:000F248D:6B01292F:qmclone:900:root@pam:";
        let printed = format!("creating a clone\ntransferred (100.00%)\n\"{upid}\"\n\n");
        assert_eq!(read(Method::Create, 0, &printed, "").unwrap(), upid);
        let said = "update VM 210: -cores 2 -onboot 1\n";
        assert_eq!(read(Method::Set, 0, said, "").unwrap(), Value::Null);
        assert!(matches!(
            read(Method::Get, 0, "no JSON", ""),
            Err(ApiError::Answer { .. })
        ));
    }

    #[test]
    fn an_error_is_told_without_the_usage() {
        let stderr = "400 Parameter verification failed.\nnewid: type check ('integer') failed - got 'abc'\npvesh create <api_path> --newid <integer> [OPTIONS] [FORMAT_OPTIONS]\n\n";
        let error = read(Method::Create, 255, "", stderr).unwrap_err();
        assert_eq!(
            error.to_string(),
            "create /p: newid: type check ('integer') failed - got 'abc'"
        );
    }
}
