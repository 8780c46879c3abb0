//! Facts for people.

use std::io::{self, Write};

use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::{Docker, Facts, Gpu, Membership};

/// Prints the facts to stdout, as lines or as JSON.
///
/// # Errors
/// Stdout is gone.
pub(crate) fn print(facts: &Facts, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, facts)?;
        return writeln!(out);
    }
    for (name, value) in lines(facts) {
        writeln!(out, "{name:<14} {}", Untrusted(&value))?;
    }
    Ok(())
}

fn lines(facts: &Facts) -> Vec<(&'static str, String)> {
    let jobs: Vec<String> = facts
        .running_jobs
        .iter()
        .map(|job| format!("{} ({})", job.job, job.work))
        .collect();
    vec![
        (
            "agent",
            format!(
                "{}, protocol {}",
                facts.agent_version, facts.protocol_newest
            ),
        ),
        ("host name", facts.hostname.clone()),
        (
            "system",
            format!(
                "{} {} {}",
                facts.os_id, facts.os_version, facts.architecture
            ),
        ),
        ("machine id", facts.machine_id.clone()),
        ("boot id", facts.boot_id.clone()),
        ("addresses", facts.addresses.join(", ")),
        (
            "cloud-init",
            format!("{:?}", facts.cloud_init).to_lowercase(),
        ),
        ("docker", docker(&facts.docker)),
        ("gpus", gpus(facts.gpus.as_ref())),
        (
            "running jobs",
            if jobs.is_empty() {
                "none".into()
            } else {
                jobs.join(", ")
            },
        ),
    ]
}

fn gpus(gpus: Option<&Observed<Vec<Gpu>>>) -> String {
    match gpus {
        None => "not looked for".into(),
        Some(Observed::Unknown(reason)) => format!("unknown: {reason}"),
        Some(Observed::Known(gpus)) if gpus.is_empty() => "none".into(),
        Some(Observed::Known(gpus)) => {
            let one = |gpu: &Gpu| {
                let driver = if gpu.has_driver { "" } else { ", no driver" };
                format!("{} ({}{driver})", gpu.name, gpu.id)
            };
            gpus.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }
}

fn docker(docker: &Observed<Docker>) -> String {
    match docker {
        Observed::Unknown(reason) => format!("unknown: {reason}"),
        Observed::Known(Docker::NotInstalled) => "not installed".into(),
        Observed::Known(Docker::Stopped) => "installed, does not run".into(),
        Observed::Known(Docker::Running {
            version,
            api_version,
            swarm,
            ..
        }) => format!(
            "{version} (API {api_version}), swarm: {}",
            membership(swarm)
        ),
    }
}

fn membership(swarm: &Membership) -> String {
    match swarm {
        Membership::Inactive => "none".into(),
        Membership::Pending => "pending".into(),
        Membership::Locked => "locked".into(),
        Membership::Error { message } => format!("error: {message}"),
        Membership::Worker { node_id, .. } => format!("worker {node_id}"),
        Membership::Manager { node_id, error, .. } if error.is_empty() => {
            format!("manager {node_id}")
        }
        Membership::Manager { node_id, error, .. } => format!("manager {node_id}: {error}"),
    }
}
