//! Bare requests to the engine: what the fastest program could not do without.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::compose;
use crate::error::BenchError;

/// How long one answer may take.
const ANSWER_LIMIT: Duration = Duration::from_mins(1);
/// Requests at once; more do not make the engine faster.
const AT_ONCE: usize = 8;

pub(crate) struct EngineSocket(PathBuf);

impl EngineSocket {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// One list of the stack's services and one of its tasks: no proof needs less.
    pub(crate) fn time_lists(&self, stack: &str) -> Result<Duration, BenchError> {
        let filter = format!("%7B%22label%22:%5B%22com.docker.stack.namespace={stack}%22%5D%7D");
        let started = Instant::now();
        for list in ["services", "tasks"] {
            self.ask("GET", &format!("/{list}?filters={filter}"), None)?;
        }
        Ok(started.elapsed())
    }

    /// Creates that many services of no stack, some at once, and nothing else; they are removed again.
    pub(crate) fn time_creates(&self, services: usize) -> Result<Duration, BenchError> {
        let names: Vec<String> = (0..services)
            .map(|number| format!("bare{number}"))
            .collect();
        let create = |name: &String| {
            let body = json!({
                "Name": name,
                "TaskTemplate": {"ContainerSpec": {"Image": compose::IMAGE}},
                "Mode": {"Replicated": {"Replicas": 0}},
                "EndpointSpec": {"Mode": "vip"},
            });
            self.ask("POST", "/services/create", Some(&body))
        };
        let started = Instant::now();
        at_once(&names, create)?;
        let taken = started.elapsed();
        at_once(&names, |name| {
            self.ask("DELETE", &format!("/services/{name}"), None)
        })?;
        Ok(taken)
    }

    /// An HTTP/1.0 request, whose answer ends with the connection.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(), BenchError> {
        let request = format!("{method} {path}");
        let answer = self
            .talk(&request, body)
            .map_err(|source| BenchError::Engine {
                request: request.clone(),
                source,
            })?;
        let head = String::from_utf8_lossy(&answer[..answer.len().min(400)]).into_owned();
        match head.split(' ').nth(1) {
            Some(status) if status.starts_with('2') => Ok(()),
            _ => Err(BenchError::Refused {
                request,
                answer: head,
            }),
        }
    }

    fn talk(&self, request: &str, body: Option<&Value>) -> std::io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.0)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        let body = body.map(ToString::to_string).unwrap_or_default();
        let length = body.len();
        let head = format!(
            "{request} HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

fn at_once(
    names: &[String],
    one: impl Fn(&String) -> Result<(), BenchError> + Sync,
) -> Result<(), BenchError> {
    let one = &one;
    let share = names.len().div_ceil(AT_ONCE).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = names
            .chunks(share)
            .map(|names| scope.spawn(move || names.iter().try_for_each(one)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| {
                Err(BenchError::Wrong {
                    contender: "bare requests".to_owned(),
                    wrong: "a thread panicked".to_owned(),
                })
            })
        })
    })
}
