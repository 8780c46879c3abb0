//! How alike a recorded end and a double's must be.

use phoenix_tests::lab::Ran;
use serde_json::Value;

use crate::normal::normal;
use crate::recording::Step;

/// What differs, if anything does.
pub(crate) fn difference(step: &Step, ran: &Ran) -> Option<String> {
    if ran.code != step.exit {
        return Some(format!(
            "exit {} for {} ({})",
            ran.code,
            step.exit,
            ran.stderr.trim()
        ));
    }
    let wanted = errors(step.stderr.as_str().unwrap_or_default());
    let got = errors(&ran.stderr);
    if got != wanted {
        return Some(format!("stderr {got:?} for {wanted:?}"));
    }
    let stdout = step.stdout.as_str().unwrap_or_default();
    if step.argv[0] == "pvesh" {
        return printed_difference(stdout, &ran.stdout)
            .or_else(|| json_difference(stdout, &ran.stdout));
    }
    // Whole texts of what Phoenix or a reader takes apart.
    let exact = [
        "config", "set", "guest", "agent", "pending", "clone", "create", "destroy", "resize",
        "template", "list", "start",
    ];
    let exact = exact.contains(&step.argv[1].as_str());
    let (wanted, got) = (told(stdout), told(&ran.stdout));
    if exact && step.exit == 0 && wanted != got {
        return Some(format!("stdout {got:?} for {wanted:?}"));
    }
    let status = |text: &str| {
        text.lines()
            .find(|line| line.starts_with("status: "))
            .map(str::to_owned)
    };
    (status(&wanted) != status(&got)).then(|| format!("stdout {got:?} for {wanted:?}"))
}

/// The line that says what is wrong; usage texts follow it, and Perl's own chatter stands before it.
fn errors(stderr: &str) -> Option<String> {
    let mut lines = stderr.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next()?;
    // "400 Parameter verification failed." names the parameter in the next line.
    let next = first
        .ends_with("verification failed.")
        .then(|| lines.next().unwrap_or_default());
    let first = first.trim_end();
    Some(next.map_or_else(
        || first.to_owned(),
        |next| format!("{first} {}", next.trim_end()),
    ))
}

/// Without what a hidden value and a description are shown as: the recordings lost those bytes.
fn told(stdout: &str) -> String {
    let lines = stdout.lines().filter(|line| {
        !line.starts_with("description:") && !line.contains("-description") && line.is_ascii()
    });
    normal(&lines.collect::<Vec<_>>().join("\n"))
}

/// What a task printed before the answer.
fn printed_difference(wanted: &str, got: &str) -> Option<String> {
    let printed = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        let answer = lines
            .last()
            .is_some_and(|line| serde_json::from_str::<Value>(line).is_ok());
        normal(&lines[..lines.len() - usize::from(answer)].join("\n"))
    };
    let (wanted, got) = (printed(wanted), printed(got));
    (wanted != got).then(|| format!("prints {got:?} for {wanted:?}"))
}

/// Answers must have the same fields; numbers that a real QEMU makes are not compared.
fn json_difference(wanted: &str, got: &str) -> Option<String> {
    let last = |text: &str| {
        text.lines()
            .last()
            .and_then(|line| serde_json::from_str(line).ok())
    };
    let (Some(wanted), Some(got)): (Option<Value>, Option<Value>) = (last(wanted), last(got))
    else {
        return None;
    };
    match (&wanted, &got) {
        (Value::Object(wanted), Value::Object(got)) => {
            let measured = |key: &str| {
                key.starts_with("pressure") || ["nics", "digest", "description"].contains(&key)
            };
            let keys = |object: &serde_json::Map<String, Value>| {
                let mut keys: Vec<String> = object
                    .keys()
                    .filter(|key| !measured(key))
                    .cloned()
                    .collect();
                keys.sort();
                keys
            };
            let (wanted_keys, got_keys) = (keys(wanted), keys(got));
            if wanted_keys != got_keys {
                return Some(format!("fields {got_keys:?} for {wanted_keys:?}"));
            }
            let told = [
                "name",
                "status",
                "qmpstatus",
                "memory",
                "cores",
                "agent",
                "onboot",
                "lock",
                "exitstatus",
                "exitcode",
                "out-data",
            ];
            let differs = |key: &&str| wanted.get(*key) != got.get(*key);
            told.iter()
                .find(|key| differs(key))
                .map(|key| format!("{key} {:?} for {:?}", got.get(*key), wanted.get(*key)))
        }
        (Value::String(wanted), Value::String(_)) if wanted.starts_with("UPID:") => None,
        (Value::Array(_), Value::Array(_)) => {
            if let (Some(wanted), Some(got)) = (log_lines(&wanted), log_lines(&got)) {
                return (wanted != got).then(|| format!("log {got:?} for {wanted:?}"));
            }
            let (wanted, got) = (sorted(&wanted), sorted(&got));
            (wanted != got).then(|| format!("{got:?} for {wanted:?}"))
        }
        _ => (wanted != got).then(|| format!("{got} for {wanted}")),
    }
}

/// A task's log in its own order, as text.
fn log_lines(list: &Value) -> Option<String> {
    let lines: Option<Vec<&str>> = list
        .as_array()?
        .iter()
        .map(|line| line["t"].as_str())
        .collect();
    Some(normal(&lines?.join("\n")))
}

/// A list without its order, and without what is another's from run to run.
fn sorted(list: &Value) -> Vec<String> {
    let entries = list.as_array().into_iter().flatten();
    let shown = entries.map(|entry| {
        let mut entry = entry.clone();
        if let Some(entry) = entry.as_object_mut() {
            entry.remove("digest");
            if entry.get("key").is_some_and(|key| key == "digest") {
                entry.remove("value");
            }
            if let Some(Value::String(content)) = entry.get_mut("content") {
                let mut words: Vec<&str> = content.split(',').collect();
                words.sort_unstable();
                *content = words.join(",");
            }
        }
        normal(&entry.to_string())
    });
    let mut shown: Vec<String> = shown.collect();
    shown.sort();
    shown
}
