//! A report as people read it.

use comfy_table::{ContentArrangement, Table, presets};
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::{Availability, SwarmRole};

use super::report::{Node, Report, Stack};

/// The report in lines. All foreign text is escaped.
pub(super) fn lines(report: &Report) -> Vec<String> {
    let mut lines = vec![headline(report)];
    if !report.nodes.is_empty() {
        lines.push(String::new());
        lines.push(node_table(&report.nodes));
    }
    if report.stacks.iter().any(|stack| !stack.services.is_empty()) {
        lines.push(String::new());
        lines.push(service_table(&report.stacks));
    }
    if !report.findings.is_empty() || !report.notes.is_empty() {
        lines.push(String::new());
    }
    for finding in &report.findings {
        let subject = Untrusted(&finding.subject);
        lines.push(format!("! {subject}: {}", Untrusted(&finding.reason)));
        lines.push(format!("    next: {}", Untrusted(&finding.next_step)));
    }
    for note in &report.notes {
        lines.push(format!("note: {}", Untrusted(note)));
    }
    lines
}

fn headline(report: &Report) -> String {
    let verdict = match report.findings.len() {
        0 => "healthy".to_owned(),
        1 => "not healthy, 1 finding".to_owned(),
        count => format!("not healthy, {count} findings"),
    };
    let quorum = match &report.quorum {
        Some(quorum) => format!(
            "; {} of {} managers reachable ({} needed)",
            quorum.reachable, quorum.managers, quorum.needed
        ),
        None => "; no manager answers".to_owned(),
    };
    let via = report
        .via
        .map(|vmid| format!("; seen by guest {vmid}"))
        .unwrap_or_default();
    format!("Swarm {}: {verdict}{quorum}{via}", report.swarm)
}

fn table<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    table
}

fn or_dash(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

fn node_table(nodes: &[Node]) -> String {
    let mut table = table([
        "NODE",
        "VMID",
        "ROLE",
        "STATE",
        "AVAILABILITY",
        "MANAGER",
        "LABELS",
    ]);
    for node in nodes {
        table.add_row([
            Untrusted(&node.hostname).to_string(),
            or_dash(node.vmid.map(|vmid| vmid.to_string()).unwrap_or_default()),
            match node.role {
                SwarmRole::Manager => "manager".to_owned(),
                SwarmRole::Worker => "worker".to_owned(),
            },
            Untrusted(&node.state).to_string(),
            availability(node.availability).to_owned(),
            manager_word(node),
            or_dash(labels(node)),
        ]);
    }
    table.trim_fmt()
}

fn availability(availability: Availability) -> &'static str {
    match availability {
        Availability::Active => "active",
        Availability::Pause => "pause",
        Availability::Drain => "drain",
    }
}

fn manager_word(node: &Node) -> String {
    if node.is_leader {
        return "leader".to_owned();
    }
    or_dash(Untrusted(&node.reachability).to_string())
}

/// Without Phoenix's own, which say nothing that the other columns do not.
fn labels(node: &Node) -> String {
    let labels = node.labels.iter();
    let labels = labels.filter(|(name, _)| !name.starts_with("phoenix."));
    let labels: Vec<String> = labels
        .map(|(name, value)| Untrusted(&format!("{name}={value}")).to_string())
        .collect();
    labels.join(", ")
}

fn service_table(stacks: &[Stack]) -> String {
    let mut table = table(["STACK", "SERVICE", "RUNNING", "IMAGE", "PORTS"]);
    for stack in stacks {
        for service in &stack.services {
            let ports: Vec<String> = service
                .ports
                .iter()
                .map(|port| Untrusted(port).to_string())
                .collect();
            table.add_row([
                or_dash(Untrusted(&stack.name).to_string()),
                Untrusted(&service.name).to_string(),
                format!("{}/{}", service.running, service.desired),
                Untrusted(&service.image).to_string(),
                or_dash(ports.join(", ")),
            ]);
        }
    }
    table.trim_fmt()
}
