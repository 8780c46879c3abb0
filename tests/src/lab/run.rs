//! Runs a program to its end and keeps all it said; every run has a deadline.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use phoenix_common::retry::Deadline;

use super::error::LabError;

/// A program, its input and its deadline (default 60 s).
#[derive(Debug)]
pub struct Run {
    argv: Vec<OsString>,
    stdin: Vec<u8>,
    deadline: Duration,
    environment: Option<Vec<(String, String)>>,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Exit code, or 128 + signal as a shell shows it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn new<S: Into<OsString>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            stdin: Vec::new(),
            deadline: Duration::from_mins(1),
            environment: None,
        }
    }

    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.argv.push(argument.into());
        self
    }

    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.argv.extend(arguments.iter().map(OsString::from));
        self
    }

    #[must_use]
    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = content.into();
        self
    }

    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Gives the program this environment and nothing of ours.
    #[must_use]
    pub fn only_environment(mut self, variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.environment = Some(variables.iter().map(owned).collect());
        self
    }

    /// Waits for the end, whatever the exit code.
    ///
    /// # Errors
    /// The program cannot be started or outlives its deadline (it is killed then).
    pub fn run(self) -> Result<Ran, LabError> {
        let shown = self.shown();
        let mut child = self.spawn().map_err(|source| LabError::Spawn {
            command: shown.clone(),
            source,
        })?;
        let input = child.stdin.take();
        let content = self.stdin;
        std::thread::spawn(move || {
            if let Some(mut pipe) = input {
                // A program that does not read its input is no error of ours.
                let _ = pipe.write_all(&content);
            }
        });
        let stdout = read_all(child.stdout.take());
        let stderr = read_all(child.stderr.take());
        let code = wait(&mut child, self.deadline).map_err(|source| LabError::Spawn {
            command: shown.clone(),
            source,
        })?;
        let Some(code) = code else {
            return Err(LabError::Deadline {
                command: shown,
                seconds: self.deadline.as_secs(),
            });
        };
        Ok(Ran {
            code,
            stdout: text(stdout),
            stderr: text(stderr),
        })
    }

    /// As [`Self::run`], and any exit code but 0 is an error.
    ///
    /// # Errors
    /// As [`Self::run`]; [`LabError::Failed`].
    pub fn ok(self) -> Result<Ran, LabError> {
        let command = self.shown();
        self.run()?.ok(&command)
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let [program, arguments @ ..] = self.argv.as_slice() else {
            return Err(std::io::ErrorKind::InvalidInput.into());
        };
        let mut command = Command::new(program);
        command.args(arguments);
        if let Some(environment) = &self.environment {
            command.env_clear();
            command.envs(environment.iter().map(|(name, value)| (name, value)));
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    fn shown(&self) -> String {
        let words: Vec<_> = self
            .argv
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        words.join(" ").chars().take(300).collect()
    }
}

impl Ran {
    /// # Errors
    /// [`LabError::Failed`] for any exit code but 0.
    pub fn ok(self, command: &str) -> Result<Self, LabError> {
        if self.code == 0 {
            return Ok(self);
        }
        let said = if self.stderr.trim().is_empty() {
            &self.stdout
        } else {
            &self.stderr
        };
        let lines: Vec<&str> = said.trim().lines().rev().take(4).collect();
        Err(LabError::Failed {
            command: command.to_owned(),
            code: self.code,
            said: lines.into_iter().rev().collect::<Vec<_>>().join(" / "),
        })
    }

    /// Whether it ended with 0.
    pub fn success(&self) -> bool {
        self.code == 0
    }
}

fn read_all(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut content = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before a read error is still worth showing.
            let _ = pipe.read_to_end(&mut content);
        }
        content
    })
}

fn text(reader: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
}

/// The exit code, or none when the deadline passed first and the child was killed.
pub(super) fn wait(child: &mut Child, longest: Duration) -> std::io::Result<Option<i32>> {
    use std::os::unix::process::ExitStatusExt;
    let deadline = Deadline::after(longest);
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            let code = status.code().or(status.signal().map(|signal| 128 + signal));
            return Ok(code);
        }
        if deadline.has_passed() {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(25));
    }
}
