//! What the `stack` verbs print. A reader that went away is no failure of the work.

use std::io::Write;

use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::{AgentFailure, Change, ChangeVerb, StackPlan, StackStatus, WorkReport};
use serde::Serialize;

/// On stderr: progress and messages.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

pub(super) fn failure(failure: &AgentFailure, json: bool) {
    if json {
        print_json(&serde_json::json!({"failure": failure}));
    }
    let mut prefix = "error: ";
    for message in &failure.messages {
        for part in message.lines() {
            line(&format!("{prefix}{}", Untrusted(part)));
            prefix = "  ";
        }
    }
    if let Some(hint) = &failure.hint {
        line(&format!("hint: {}", Untrusted(hint)));
    }
}

pub(super) fn report(report: &WorkReport, json: bool) {
    warnings(&report.warnings);
    if json {
        return print_json(report);
    }
    if report.changes.is_empty() {
        return out("nothing to change");
    }
    for change in &report.changes {
        self::change(change, ["created", "updated", "removed"]);
    }
}

pub(super) fn plan(plan: &StackPlan, json: bool) {
    warnings(&plan.warnings);
    if json {
        return print_json(plan);
    }
    if plan.changes.is_empty() {
        out("nothing to change");
    }
    for change in &plan.changes {
        self::change(change, ["create", "update", "remove"]);
    }
    for service in &plan.not_running {
        out(&format!(
            "does not run as it should: {}",
            Untrusted(service)
        ));
    }
}

pub(super) fn status(name: &str, status: &StackStatus, json: bool) {
    if json {
        return print_json(status);
    }
    if status.services.is_empty() {
        return out(&format!("there is no stack {}", Untrusted(name)));
    }
    let longest = status.services.iter().map(|service| service.name.len());
    let width = longest.max().unwrap_or_default();
    for service in &status.services {
        let mut text = format!(
            "{:width$}  {}/{}  {}",
            Untrusted(&service.name).to_string(),
            service.running,
            service.desired,
            Untrusted(&service.image),
        );
        if !service.ports.is_empty() {
            text = format!("{text}  {}", Untrusted(&service.ports.join(", ")));
        }
        if !service.error.is_empty() {
            text = format!("{text}  {}", Untrusted(&service.error));
        }
        out(&text);
    }
}

fn warnings(warnings: &[String]) {
    for warning in warnings {
        line(&format!("warning: {}", Untrusted(warning)));
    }
}

fn change(change: &Change, [create, update, remove]: [&str; 3]) {
    let verb = match change.verb {
        ChangeVerb::Create => create,
        ChangeVerb::Update => update,
        ChangeVerb::Remove => remove,
    };
    out(&format!("{verb} {}", Untrusted(&change.subject)));
    for field in &change.fields {
        let side = |value: &Option<String>| match value {
            Some(value) => Untrusted(value).to_string(),
            None => "(none)".to_owned(),
        };
        out(&format!(
            "    {}: {} -> {}",
            Untrusted(&field.field),
            side(&field.before),
            side(&field.after)
        ));
    }
}

fn print_json(value: &impl Serialize) {
    if let Ok(text) = serde_json::to_string_pretty(value) {
        out(&text);
    }
}

fn out(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
