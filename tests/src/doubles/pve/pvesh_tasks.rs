//! What `pvesh` says of tasks: one's state and log, and the list of those that have ended.

use std::fs;

use serde_json::{Map, Value, json};

use super::arguments::Arguments;
use super::error::PveError;
use super::node::Node;
use super::task;

/// The parts of `UPID:node:pid:pstart:starttime:type:id:user:`, as the API shows them.
fn decoded(upid: &str) -> Option<Map<String, Value>> {
    let parts: Vec<&str> = upid.split(':').collect();
    let ["UPID", node, pid, pstart, starttime, kind, id, user, ""] = parts.as_slice() else {
        return None;
    };
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let shown = json!({"upid": upid, "node": node, "pid": hex(pid)?, "pstart": hex(pstart)?,
        "starttime": hex(starttime)?, "type": kind, "id": id, "user": user});
    shown.as_object().cloned()
}

/// `/nodes/<node>/tasks/<upid>/status`.
pub(super) fn status(node: &Node, upid: &str) -> Result<Value, PveError> {
    let gone = || PveError::died(255, "no such task");
    let mut shown = decoded(upid).ok_or_else(gone)?;
    let text = fs::read_to_string(task::log_path(node, upid)).map_err(|_| gone())?;
    let ended = exit_status(text.lines().last().unwrap_or_default());
    if ended.is_none() && runs(&shown) {
        shown.insert("status".to_owned(), json!("running"));
    } else {
        shown.insert("status".to_owned(), json!("stopped"));
        let exit = ended.unwrap_or("unexpected status");
        shown.insert("exitstatus".to_owned(), json!(exit));
    }
    shown.sort_keys();
    Ok(Value::Object(shown))
}

/// Those whose process lives, of one type or of all.
fn active(node: &Node, kind: Option<&String>) -> Value {
    let folders = fs::read_dir(node.below("/var/log/pve/tasks"))
        .into_iter()
        .flatten();
    let folders = folders.flatten().filter(|entry| entry.path().is_dir());
    let files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten());
    let names = files
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let tasks = names
        .filter_map(|upid| decoded(&upid))
        .filter(|task| runs(task) && kind.is_none_or(|kind| task["type"] == kind.as_str()));
    tasks.map(Value::Object).collect()
}

fn exit_status(last_line: &str) -> Option<&str> {
    let error = last_line.strip_prefix("TASK ERROR: ");
    error.or_else(|| last_line.strip_prefix("TASK "))
}

/// Its process lives, and is not another one with the same pid.
fn runs(task: &Map<String, Value>) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", task["pid"])).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let started = after_name.split_whitespace().nth(19);
    started.and_then(|started| started.parse().ok()) == task["pstart"].as_u64()
}

/// `/nodes/<node>/tasks/<upid>/log`: 50 lines unless `limit` says otherwise.
pub(super) fn log(node: &Node, upid: &str, arguments: &Arguments) -> Value {
    let number = |name: &str, default: usize| {
        let value = arguments
            .options
            .get(name)
            .and_then(|value| value.parse().ok());
        value.unwrap_or(default)
    };
    // Recorded: 200 with this as its only line.
    let text = fs::read_to_string(task::log_path(node, upid))
        .unwrap_or_else(|_| "unable to open file - No such file or directory".to_owned());
    let lines = text
        .lines()
        .zip(1..)
        .map(|(line, n)| json!({"n": n, "t": line}));
    let limit = match number("limit", 50) {
        0 => usize::MAX,
        limit => limit,
    };
    lines.skip(number("start", 0)).take(limit).collect()
}

/// `/nodes/<node>/tasks`: newest first.
pub(super) fn list(node: &Node, arguments: &Arguments) -> Value {
    if arguments.options.get("source").map(String::as_str) == Some("active") {
        return active(node, arguments.options.get("typefilter"));
    }
    let index = fs::read_to_string(node.below("/var/log/pve/tasks/index")).unwrap_or_default();
    let limit = arguments
        .options
        .get("limit")
        .and_then(|value| value.parse().ok());
    let entries = index.lines().rev().filter_map(|line| {
        let (upid, rest) = line.split_once(' ')?;
        let (end, status) = rest.split_once(' ')?;
        if arguments.flag("errors") && status == "OK" {
            return None;
        }
        let mut shown = decoded(upid)?;
        shown.insert(
            "endtime".to_owned(),
            json!(u64::from_str_radix(end, 16).ok()?),
        );
        shown.insert("status".to_owned(), json!(status));
        shown.sort_keys();
        Some(Value::Object(shown))
    });
    entries.take(limit.unwrap_or(50)).collect()
}
