//! How alike a recorded end and a double's must be.

use phoenix_tests::lab::Ran;
use serde_json::Value;

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
        return json_difference(stdout, &ran.stdout);
    }
    // Whole texts of what Phoenix or a reader takes apart.
    let exact = ["config", "set"].contains(&step.argv[1].as_str());
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
    lines.collect::<Vec<_>>().join("\n")
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
            ];
            let differs = |key: &&str| wanted.get(*key) != got.get(*key);
            told.iter()
                .find(|key| differs(key))
                .map(|key| format!("{key} {:?} for {:?}", got.get(*key), wanted.get(*key)))
        }
        (Value::String(wanted), Value::String(_)) if wanted.starts_with("UPID:") => None,
        _ => (wanted != got).then(|| format!("{got} for {wanted}")),
    }
}
