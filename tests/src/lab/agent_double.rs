//! A guest that is only its agent: `qemu-ga` played by the lab's process, with the real `phoenix-guest-agent` behind
//! `guest-exec`. For what needs many guests and no work in them. It answers questions about this host, which are
//! the same for every such guest; whatever would change something is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::UnboundedSender;

use super::up::program;

/// How such a guest behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentDouble {
    /// Otherwise requests are read and nothing ever comes back, as from a guest that hangs.
    pub answers: bool,
}

/// The end that a guest's agent has of its machine.
#[derive(Debug)]
pub(super) struct AgentEnd {
    pub(super) double: AgentDouble,
    /// What was asked, a line each: `facts`.
    pub(super) log: PathBuf,
    /// Told when the guest shuts itself down.
    pub(super) off: UnboundedSender<()>,
    /// Otherwise it stays on when it is asked to shut down.
    pub(super) obeys: Arc<AtomicBool>,
}

/// Questions that change nothing in the guest.
const QUESTIONS: [&str; 8] = [
    "facts",
    "plan_guest",
    "inspect_guest",
    "missing_paths",
    "swarm_view",
    "swarm_stacks",
    "swarm_node_tasks",
    "stack_status",
];

/// Serves one client after the other, as QEMU's chardev does.
pub(super) async fn serve(listener: UnixListener, end: AgentEnd) {
    let mut ended = BTreeMap::new();
    while let Ok((stream, _)) = listener.accept().await {
        // A client may leave at any time.
        let _ = talk(stream, &end, &mut ended).await;
    }
}

async fn talk(
    stream: UnixStream,
    end: &AgentEnd,
    ended: &mut BTreeMap<u64, Value>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line).await? > 0 {
        // 0xFF flushes what an earlier client left in the parser.
        line.retain(|byte| *byte != 0xFF);
        let request: Value = serde_json::from_slice(&line).unwrap_or_default();
        line.clear();
        let Some(command) = request["execute"].as_str() else {
            continue;
        };
        if !end.double.answers {
            continue;
        }
        let Some(mut answer) = answer(command, &request["arguments"], end, ended).await else {
            continue;
        };
        if let Some(id) = request.get("id") {
            answer["id"] = id.clone();
        }
        let mut bytes = Vec::new();
        if command == "guest-sync-delimited" {
            bytes.push(0xFF);
        }
        bytes.extend_from_slice(format!("{answer}\n").as_bytes());
        stream.write_all(&bytes).await?;
    }
    Ok(())
}

async fn answer(
    command: &str,
    arguments: &Value,
    end: &AgentEnd,
    ended: &mut BTreeMap<u64, Value>,
) -> Option<Value> {
    Some(match command {
        "guest-sync" | "guest-sync-delimited" => json!({"return": arguments["id"]}),
        "guest-ping" => json!({"return": {}}),
        "guest-info" => json!({"return": {"version": "7.2.0", "supported_commands": supported()}}),
        "guest-exec" => {
            let status = exec(arguments, &end.log).await;
            let pid = 1000 + ended.len() as u64;
            ended.insert(pid, status);
            json!({"return": {"pid": pid}})
        }
        "guest-exec-status" => match ended.get_mut(&arguments["pid"].as_u64()?).map(Value::take) {
            Some(status) if !status.is_null() => json!({"return": status}),
            _ => wrong("GenericError", "Invalid parameter 'pid'"),
        },
        "guest-shutdown" => {
            if end.obeys.load(Ordering::Relaxed) {
                let _ = end.off.send(());
            }
            return None;
        }
        _ => wrong("CommandNotFound", "The command has not been found"),
    })
}

fn wrong(class: &str, text: &str) -> Value {
    json!({"error": {"class": class, "desc": text}})
}

fn supported() -> Value {
    let names = [
        "guest-exec",
        "guest-exec-status",
        "guest-ping",
        "guest-sync-delimited",
        "guest-info",
    ];
    let entry = |name| json!({"name": name, "enabled": true, "success-response": true});
    names.into_iter().map(entry).collect()
}

/// Runs a question of the hook's by the real agent; its `guest-exec-status`.
async fn exec(arguments: &Value, log: &Path) -> Value {
    let words: Vec<&str> = arguments["arg"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let is_request = words
        .iter()
        .any(|word| word.ends_with("phoenix-guest-agent request"));
    let input = STANDARD.decode(arguments["input-data"].as_str().unwrap_or_default());
    let input = input.unwrap_or_default();
    let asked = question(&input);
    let asked = asked.unwrap_or_else(|| "a program of its own".to_owned());
    let may = QUESTIONS.contains(&asked.as_str());
    let told = if may {
        asked
    } else {
        format!("refused: {asked}")
    };
    note(log, &told).await;
    let (code, stdout) = match (is_request && may, program("phoenix-guest-agent")) {
        (true, Ok(agent)) => run(&agent, &input).await.unwrap_or((1, Vec::new())),
        _ => (1, Vec::new()),
    };
    json!({"exited": true, "exitcode": code, "out-data": STANDARD.encode(stdout), "out-truncated": false})
}

/// The name of the request's body: `"facts"` or `{"plan_guest": …}`.
fn question(input: &[u8]) -> Option<String> {
    let request: Value = serde_json::from_slice(input).ok()?;
    let body = &request["body"];
    let named = body.as_str().map(str::to_owned);
    named.or_else(|| body.as_object()?.keys().next().cloned())
}

async fn run(agent: &Path, input: &[u8]) -> std::io::Result<(i32, Vec<u8>)> {
    let mut child = tokio::process::Command::new(agent)
        .arg("request")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input).await?;
    }
    let output = child.wait_with_output().await?;
    Ok((output.status.code().unwrap_or(1), output.stdout))
}

async fn note(log: &Path, asked: &str) {
    let mut options = tokio::fs::OpenOptions::new();
    if let Ok(mut file) = options.create(true).append(true).open(log).await {
        let _ = file.write_all(format!("{asked}\n").as_bytes()).await;
        let _ = file.flush().await;
    }
}
