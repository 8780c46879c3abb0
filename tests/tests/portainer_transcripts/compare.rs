//! Whether an answer is the recorded one.

use serde_json::Value;

use crate::fields::reduced;

/// Messages after which a text of Docker, compose, the OS or a JSON parser follows in `details`.
const FOREIGN_DETAILS: [&str; 9] = [
    "Unable to get environment type",
    "Unable to initiate communications with environment",
    "Unable to check for name collision",
    "Proxy failure",
    "Unable to stop stack",
    "Unable to start stack",
    "Invalid query parameter: filters",
    "Unable to retrieve Compose file from disk",
    "Unable to update environment tags",
];
/// How messages begin that hold such a text themselves.
const FOREIGN_MESSAGES: [&str; 6] = [
    "failed to deploy a stack: ",
    "failed to remove a stack: ",
    "Since --detach=false was not specified",
    "Failed to remove network",
    "failed to create service",
    "failed to remove some resources",
];

/// What differs; nothing when the answers are alike.
pub(crate) fn difference(
    recorded: (Option<u16>, &str),
    real: Option<(u16, &str)>,
) -> Option<String> {
    let (Some(status), Some((real_status, real_text))) = (recorded.0, real) else {
        let alike = recorded.0.is_none() && real.is_none();
        return (!alike).then(|| format!("recorded {:?}, got {real:?}", recorded.0));
    };
    let (mine, theirs) = (parsed(real_text), parsed(recorded.1));
    if status != real_status {
        return Some(format!(
            "recorded {status} {theirs}, got {real_status} {mine}"
        ));
    }
    if status >= 300 && theirs.get("message").is_some() {
        return error_difference(&theirs, &mine);
    }
    if theirs.is_string() || theirs.is_null() {
        let alike = theirs == mine;
        return (!alike).then(|| format!("recorded {theirs}, got {mine}"));
    }
    let (theirs, mine) = (reduced(&theirs), reduced(&mine));
    (theirs != mine).then(|| format!("\n    recorded {theirs}\n    got      {mine}"))
}

/// JSON, or the text itself; nothing is null.
fn parsed(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value) => value,
        Err(_) if text.is_empty() => Value::Null,
        Err(_) => Value::String(text.to_owned()),
    }
}

fn error_difference(theirs: &Value, mine: &Value) -> Option<String> {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let (message, details) = (text(theirs, "message"), text(theirs, "details"));
    let (my_message, my_details) = (text(mine, "message"), text(mine, "details"));
    let wrong = Some(format!("\n    recorded {theirs}\n    got      {mine}"));
    // Docker's own errors have no details.
    if theirs.get("details").is_none() {
        let alike = !my_message.is_empty() && mine.get("details").is_none();
        return if alike { None } else { wrong };
    }
    if let Some(start) = FOREIGN_MESSAGES
        .iter()
        .find(|start| message.starts_with(**start))
    {
        // Swarm's texts come from the docker CLI as they are.
        let is_prefix = start.ends_with(": ");
        let alike = !my_details.is_empty() && (!is_prefix || my_message.starts_with(start));
        return if alike { None } else { wrong };
    }
    let is_parser = details.starts_with("Json: ") || details.ends_with("EOF");
    let is_ours = details.starts_with("Agent already paired") || details.starts_with("Stack ");
    let is_foreign = FOREIGN_DETAILS.contains(&message.as_str()) && !is_ours;
    let details_fit = if is_foreign || is_parser {
        !my_details.is_empty()
    } else {
        details == my_details
    };
    if message == my_message && details_fit {
        None
    } else {
        wrong
    }
}
