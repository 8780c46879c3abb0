//! Runs a program with a deadline, its input on stdin and its output bounded.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::untrusted::Untrusted;

/// Most output kept per stream, in bytes; a program that prints more fails.
pub const OUTPUT_LIMIT_BYTES: u64 = 4 << 20;

/// How long output is still read after the program has ended: a daemon it left may hold its pipes for ever.
const DRAIN_DEADLINE: Duration = Duration::from_secs(1);

/// A program to run. Secrets go into `stdin`, never into an argument.
#[derive(Debug)]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    stdin: Vec<u8>,
    deadline: Duration,
    environment: Vec<(OsString, OsString)>,
}

/// What a program that ended with 0 printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// How a program ended by itself, whatever its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub code: i32,
    pub output: Output,
}

/// Why a program did not do its work; carries its command line.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("cannot run {command}")]
    Spawn {
        command: String,
        source: std::io::Error,
    },
    #[error("{command} did not end within {seconds} s")]
    Deadline { command: String, seconds: u64 },
    #[error("{command} printed more than {OUTPUT_LIMIT_BYTES} bytes")]
    TooMuchOutput { command: String },
    #[error("{command} failed with {status}: {}", Untrusted(stderr))]
    Failed {
        command: String,
        /// `exit code 3` or `signal 9`.
        status: String,
        /// The last lines of its stderr (stdout if that is empty).
        stderr: String,
    },
}

impl Command {
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            stdin: Vec::new(),
            deadline: Duration::from_mins(1),
            environment: Vec::new(),
        }
    }

    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    #[must_use]
    pub fn args<I, S>(mut self, arguments: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString>,
    {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = content.into();
        self
    }

    /// Default: 60 s.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs it to its end; kills it at the deadline.
    ///
    /// # Errors
    /// Any end but exit code 0 within the deadline and the output limit.
    pub async fn run(self) -> Result<Output, CommandError> {
        let command = self.shown();
        let Ended { code, output } = self.run_to_exit().await?;
        if code == 0 {
            return Ok(output);
        }
        Err(failed(command, format!("exit code {code}"), &output))
    }

    /// As [`Self::run`], for programs whose exit code is an answer.
    ///
    /// # Errors
    /// Any end but an exit code within the deadline and the output limit.
    pub async fn run_to_exit(self) -> Result<Ended, CommandError> {
        self.run_showing(&mut |_| {}).await
    }

    /// As [`Self::run_to_exit`]; `on_line` gets each line of stdout as soon as it is there.
    ///
    /// # Errors
    /// Any end but an exit code within the deadline and the output limit.
    pub async fn run_showing(
        self,
        on_line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Ended, CommandError> {
        let command = self.shown();
        let seconds = self.deadline.as_secs();
        let deadline = self.deadline;
        match tokio::time::timeout(deadline, self.run_to_end(&command, on_line)).await {
            Ok(result) => result,
            Err(_) => Err(CommandError::Deadline { command, seconds }),
        }
    }

    fn shown(&self) -> String {
        let mut shown = self.program.to_string_lossy().into_owned();
        for argument in &self.arguments {
            shown.push(' ');
            shown.push_str(&argument.to_string_lossy());
        }
        shown
    }

    async fn run_to_end(
        self,
        command: &str,
        on_line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Ended, CommandError> {
        let spawn_failed = |source| CommandError::Spawn {
            command: command.to_owned(),
            source,
        };
        let mut child = tokio::process::Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(spawn_failed)?;
        let input = child.stdin.take();
        let feed = async move {
            if let Some(mut pipe) = input {
                // A program that does not read its input is no error of ours.
                let _ = pipe.write_all(&self.stdin).await;
            }
        };
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let out = read_lines(child.stdout.take(), &mut stdout, on_line);
        let unseen = &mut |_: &str| {};
        let err = read_lines(child.stderr.take(), &mut stderr, unseen);
        let (status, read) = {
            let pipes = async { tokio::join!(feed, out, err) };
            tokio::pin!(pipes);
            tokio::select! {
                read = &mut pipes => (child.wait().await, Some(read)),
                status = child.wait() => {
                    (status, tokio::time::timeout(DRAIN_DEADLINE, pipes).await.ok())
                }
            }
        };
        if let Some(((), out, err)) = read {
            out.and(err).map_err(spawn_failed)?;
        }
        let status = status.map_err(spawn_failed)?;
        if is_too_much(&stdout) || is_too_much(&stderr) {
            return Err(CommandError::TooMuchOutput {
                command: command.to_owned(),
            });
        }
        let output = Output { stdout, stderr };
        match status.code() {
            Some(code) => Ok(Ended { code, output }),
            None => Err(failed(command.to_owned(), status.to_string(), &output)),
        }
    }
}

fn failed(command: String, status: String, output: &Output) -> CommandError {
    let said = if output.stderr.is_empty() {
        &output.stdout
    } else {
        &output.stderr
    };
    CommandError::Failed {
        command,
        status,
        stderr: last_lines(said),
    }
}

/// Reads to the end or just beyond the limit, and hands on every line that is complete.
async fn read_lines(
    pipe: Option<impl tokio::io::AsyncRead + Unpin>,
    content: &mut Vec<u8>,
    on_line: &mut (dyn FnMut(&str) + Send),
) -> std::io::Result<()> {
    let Some(pipe) = pipe else { return Ok(()) };
    let mut pipe = pipe.take(OUTPUT_LIMIT_BYTES + 1);
    let mut shown = 0;
    while pipe.read_buf(content).await? > 0 {
        while let Some(rest) = content.get(shown..)
            && let Some(end) = rest.iter().position(|byte| *byte == b'\n')
        {
            on_line(&String::from_utf8_lossy(
                rest.get(..end).unwrap_or_default(),
            ));
            shown += end + 1;
        }
    }
    Ok(())
}

fn is_too_much(content: &[u8]) -> bool {
    content.len() as u64 > OUTPUT_LIMIT_BYTES
}

fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().rev().take(3).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str) -> Result<Output, CommandError> {
        Command::new("/bin/sh")
            .args(["-c", script])
            .stdin("input")
            .deadline(Duration::from_secs(5))
            .run()
            .await
    }

    #[tokio::test]
    async fn input_and_output_pass() {
        let output = shell("cat; echo e >&2").await.unwrap();
        assert_eq!(output.stdout, b"input");
        assert_eq!(output.stderr, b"e\n");
    }

    #[tokio::test]
    async fn failures_name_the_command_and_its_last_words() {
        let error = shell("echo first >&2; echo why >&2; exit 3")
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("failed with exit code 3: first / why"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn an_exit_code_can_be_an_answer_but_a_signal_is_none() {
        let script = |script: &str| Command::new("/bin/sh").args(["-c", script]).run_to_exit();
        let ended = script("echo out; exit 3").await.unwrap();
        assert_eq!((ended.code, &*ended.output.stdout), (3, &b"out\n"[..]));
        let killed = script("kill -9 $$").await;
        assert!(matches!(killed, Err(CommandError::Failed { .. })));
    }

    #[tokio::test]
    async fn lines_are_shown_while_it_runs() {
        let (begun, mut seen) = (std::time::Instant::now(), Vec::new());
        let mut on_line = |line: &str| seen.push((line.to_owned(), begun.elapsed()));
        let script = "echo first; sleep 1; echo second; printf rest";
        let command = Command::new("/bin/sh").args(["-c", script]);
        let ended = command.run_showing(&mut on_line).await.unwrap();
        assert_eq!(ended.output.stdout, b"first\nsecond\nrest");
        let [(first, early), (second, late)] = seen.try_into().unwrap();
        assert_eq!((first.as_str(), second.as_str()), ("first", "second"));
        assert!(late > early + Duration::from_millis(500));
    }

    #[tokio::test]
    async fn a_daemon_that_keeps_the_pipes_is_not_waited_for() {
        let begun = std::time::Instant::now();
        let ended = Command::new("/bin/sh")
            .args(["-c", "echo out; echo err >&2; sleep 20 & exit 3"])
            .deadline(Duration::from_secs(15))
            .run_to_exit()
            .await
            .unwrap();
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_eq!(ended.code, 3);
        assert_eq!(
            (&*ended.output.stdout, &*ended.output.stderr),
            (&b"out\n"[..], &b"err\n"[..])
        );
    }

    #[tokio::test]
    async fn a_deadline_and_a_flood_end_it() {
        let slow = Command::new("/bin/sleep")
            .arg("30")
            .deadline(Duration::from_millis(50));
        assert!(matches!(
            slow.run().await,
            Err(CommandError::Deadline { .. })
        ));
        let flood = shell("exec cat /dev/zero").await;
        assert!(matches!(flood, Err(CommandError::TooMuchOutput { .. })));
    }
}
