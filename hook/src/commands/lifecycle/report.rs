//! What the verbs print: the plan before, the outcome after.

use phoenix_common::config::Guest;
use phoenix_common::untrusted::Untrusted;

use super::{LifecycleArgs, Verb};
use crate::commands::{print_json, print_line};
use crate::fleet::{GuestEnding, Stage};
use crate::plan::machine::MachinePlan;
use crate::record::Outcome;

/// The plan of one guest's machine, field by field.
pub(in crate::commands) fn plan_lines(guest: &Guest, plan: &MachinePlan) -> Vec<String> {
    let state = if plan.is_converged() {
        "nothing to do"
    } else if plan.actions.is_empty() {
        "cannot go on"
    } else if plan.makes_the_guest() {
        "would be made"
    } else {
        "would change"
    };
    let mut lines = vec![format!("{} {}: {state}", guest.vmid, guest.name)];
    lines.extend(plan.to_string().lines().map(str::to_owned));
    lines
}

/// The outcome of `--dry-run`.
pub(super) fn planned(verb: Verb, args: &LifecycleArgs, guest: &Guest, plan: &MachinePlan) {
    if args.json {
        print(verb, guest, plan, None);
        return;
    }
    for line in plan_lines(guest, plan) {
        print_line(&line);
    }
}

/// The outcome of the run.
pub(super) fn done(
    verb: Verb,
    args: &LifecycleArgs,
    guest: &Guest,
    plan: &MachinePlan,
    ending: &GuestEnding,
) {
    if args.json {
        print(verb, guest, plan, Some(ending));
        return;
    }
    for line in ending_lines(ending) {
        print_line(&line);
    }
    if ending.outcome != Outcome::Converged && ending.stage != Stage::OtherNode {
        print_line(&format!(
            "{vmid}: to go on: phoenix {} {vmid}",
            verb.name(),
            vmid = guest.vmid
        ));
    }
}

/// One guest's outcome.
pub(in crate::commands) fn ending_lines(ending: &GuestEnding) -> Vec<String> {
    let vmid = ending.vmid;
    let done = match ending.actions_done {
        0 if ending.outcome == Outcome::Converged => "nothing to do, nothing written".to_owned(),
        1 => "1 step".to_owned(),
        steps => format!("{steps} steps"),
    };
    let of = match ending.stage {
        Stage::MachineOnly => "the machine is ",
        _ => "",
    };
    let mut lines = vec![format!("{vmid}: {of}{} ({done})", ending.outcome.word())];
    let open = ending
        .open
        .iter()
        .map(|line| format!("{vmid}: {}", Untrusted(line)));
    let findings = ending
        .findings
        .iter()
        .map(|line| format!("{vmid}: note: {}", Untrusted(line)));
    lines.extend(open.chain(findings));
    lines
}

fn print(verb: Verb, guest: &Guest, plan: &MachinePlan, ending: Option<&GuestEnding>) {
    print_json(&serde_json::json!({
        "schema_version": 1,
        "verb": verb.name(),
        "vmid": guest.vmid,
        "name": guest.name,
        "plan": plan,
        "ending": ending,
    }));
}
