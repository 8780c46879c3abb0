//! The guest's agent while a step is replayed: it answers as the recording says that it did, and keeps what it was asked,
//! so that both directions of the doubles' translation are compared. Nothing of a recording is ever executed.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::recording::Step;

/// What it answers, and what it was asked.
#[derive(Debug, Default)]
pub(crate) struct Script {
    silent: bool,
    wrong: Option<String>,
    /// The answer to a plain command.
    plain: Value,
    pid: u64,
    status: Value,
    /// Program and arguments of the last `guest-exec`, and its input.
    pub(crate) asked: Option<(Vec<String>, Vec<u8>)>,
}

pub(crate) type Agent = Arc<Mutex<Script>>;

/// Answers at `socket` until the test ends.
pub(crate) fn serve(socket: &Path) -> Agent {
    let agent = Agent::default();
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).unwrap();
    let shared = Arc::clone(&agent);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Who asked may be gone.
            let _ = talk(stream, &shared);
        }
    });
    agent
}

impl Script {
    /// From what the tool printed in the recording.
    pub(crate) fn of(step: &Step) -> Self {
        let stderr = step.stderr.as_str().unwrap_or_default();
        let printed: Value =
            serde_json::from_str(step.stdout.as_str().unwrap_or_default()).unwrap_or(json!({}));
        let wrong = stderr
            .split("Agent error: ")
            .nth(1)
            .map(|text| text.trim_end().to_owned());
        let only_pid = printed.get("exited").is_none();
        Self {
            silent: stderr.contains("agent is not running"),
            wrong,
            pid: printed["pid"].as_u64().unwrap_or(1),
            status: if only_pid {
                json!({"exited": false})
            } else {
                raw_status(&printed)
            },
            plain: printed,
            asked: None,
        }
    }

    fn answer(&mut self, request: &Value) -> Option<Value> {
        let arguments = &request["arguments"];
        if self.silent {
            return None;
        }
        let command = request["execute"].as_str()?;
        if command == "guest-sync-delimited" {
            return Some(json!({"return": arguments["id"]}));
        }
        if let Some(wrong) = &self.wrong {
            return Some(json!({"error": {"class": "GenericError", "desc": wrong}}));
        }
        Some(match command {
            "guest-exec" => {
                let arguments_given = arguments["arg"].as_array().into_iter().flatten();
                let words = std::iter::once(&arguments["path"]).chain(arguments_given);
                let words = words.map(|word| word.as_str().unwrap_or_default().to_owned());
                let input = STANDARD.decode(arguments["input-data"].as_str().unwrap_or_default());
                self.asked = Some((words.collect(), input.unwrap_or_default()));
                json!({"return": {"pid": self.pid}})
            }
            "guest-exec-status" => json!({"return": self.status}),
            _ => json!({"return": self.plain}),
        })
    }

    /// What differs between the program that was asked for and the one of the command line.
    pub(crate) fn difference(&self, step: &Step) -> Option<String> {
        let (words, input) = self.asked.as_ref()?;
        let wanted = program_of(step)?;
        if *words != wanted {
            return Some(format!("the agent is asked for {words:?}, not {wanted:?}"));
        }
        (*input != step.input()).then(|| format!("{} bytes of input", input.len()))
    }
}

/// Behind `--`, or behind the guest's id.
fn program_of(step: &Step) -> Option<Vec<String>> {
    let argv = &step.argv;
    if argv.first()? == "pvesh" {
        let after = |pair: &[String]| (pair[0] == "--command").then(|| pair[1].clone());
        return Some(argv.windows(2).filter_map(after).collect());
    }
    let begin = argv.iter().position(|word| word == "--").unwrap_or(3);
    Some(argv[begin + 1..].to_vec())
}

/// The agent's own form: base64 and booleans.
fn raw_status(printed: &Value) -> Value {
    let mut raw = Map::new();
    for (key, value) in printed.as_object().into_iter().flatten() {
        let value = match (key.as_str(), value) {
            ("exited" | "out-truncated" | "err-truncated", _) => json!(value == 1),
            (_, Value::String(text)) => {
                let bytes: Vec<u8> = text.chars().map(|letter| letter as u8).collect();
                json!(STANDARD.encode(bytes))
            }
            _ => value.clone(),
        };
        raw.insert(key.clone(), value);
    }
    Value::Object(raw)
}

fn talk(stream: UnixStream, agent: &Agent) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line)? > 0 {
        line.retain(|byte| *byte != 0xFF);
        let request: Value = serde_json::from_slice(&line).unwrap_or_default();
        line.clear();
        let answer = agent.lock().unwrap().answer(&request);
        let Some(answer) = answer else { continue };
        if request["execute"] == "guest-sync-delimited" {
            stream.get_mut().write_all(&[0xFF])?;
        }
        stream
            .get_mut()
            .write_all(format!("{answer}\n").as_bytes())?;
    }
    Ok(())
}
