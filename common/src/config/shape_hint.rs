//! Hints for what users are known to write in the wrong form.

use super::json::Kind;
use super::source::Place;
use crate::untrusted::Untrusted;

/// The last key of a path, without indexes: `vms[0].docker_stacks[1]` gives `docker_stacks`.
fn last_key<'path>(place: &'path Place<'_>) -> &'path str {
    let last = place.path.rsplit('.').next().unwrap_or_default();
    last.split('[').next().unwrap_or_default()
}

/// Whether the value may be one that must not be shown.
pub(super) fn is_secret(place: &Place<'_>) -> bool {
    place.source.hidden_until(place.node.start).is_some()
}

/// A value of the wrong type.
pub(super) fn for_type(place: &Place<'_>, wanted: &str) -> Option<String> {
    let key = last_key(place);
    let text = place.node.text().filter(|_| !is_secret(place));
    let hint = match (key, &place.node.kind) {
        ("docker_stacks", Kind::Text(_)) => format!(
            "since environments exist this is {{ \"name\": \"{}\", \"environment\": \"production\" }}",
            Untrusted(text.unwrap_or("STACK"))
        ),
        ("node_labels", Kind::Object(_)) => "write it as [\"gpu=true\"]".to_owned(),
        ("variables", _) => "write it as [{ \"name\": \"NAME\", \"value\": \"text\" }]".to_owned(),
        ("files", _) => {
            "write it as [{ \"source\": \"path\", \"destination\": \"/path\" }]".to_owned()
        }
        (_, Kind::Text(_)) if wanted.contains("number") => {
            let number = text.filter(|text| text.parse::<i64>().is_ok())?;
            format!("write {number} without quotes")
        }
        (_, Kind::Text(_)) if wanted.contains("true") => "write it without quotes".to_owned(),
        (_, Kind::Number(_) | Kind::Bool(_)) if wanted == "a text" => {
            "write it in double quotes".to_owned()
        }
        (_, Kind::List(_)) if wanted == "an object" => {
            "write it as { \"key\": value, … }".to_owned()
        }
        (_, Kind::Text(_) | Kind::Object(_)) if wanted == "a list" => "put it in [ ]".to_owned(),
        _ => return None,
    };
    Some(hint)
}

/// A text of the wrong form.
pub(super) fn for_text(place: &Place<'_>, text: &str) -> Option<String> {
    match last_key(place) {
        "node_labels" if !text.contains('=') => {
            Some(format!("did you mean \"{}=true\"?", Untrusted(text)))
        }
        "environment" if text.contains('_') => Some(format!(
            "write it without underscore: \"{}\"",
            Untrusted(&text.replace('_', "-"))
        )),
        "ip" if text == "dhcp" => {
            Some("leave `network_config` out: the template's own setting then holds".to_owned())
        }
        "ip" if !text.contains('/') => {
            Some(format!("add the prefix length: \"{}/24\"", Untrusted(text)))
        }
        _ => None,
    }
}

/// A key that is no name of the kind wanted here.
pub(super) fn for_name(place: &Place<'_>) -> Option<String> {
    let parent = place
        .path
        .rsplit_once(['.', '['])
        .map_or("", |(parent, _)| parent);
    let hint = match parent.rsplit('.').next().unwrap_or_default() {
        "environments" => super::file::ENVIRONMENT_NAME_RULE,
        "stacks" => super::file::STACK_NAME_RULE,
        "services" => super::file::SERVICE_NAME_RULE,
        _ => return None,
    };
    Some(hint.to_owned())
}
