//! `phoenix status [vmid]`: what the last runs left, from the records; guests are only asked by `plan`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use phoenix_common::config::ConfigError;
use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use serde::Serialize;

use super::{block_on, print_json, print_line};
use crate::context::Context;
use crate::estate::Estate;
use crate::exit_code::Exit;
use crate::lock::{self, unix_seconds};
use crate::observe::host_state;
use crate::paths::Paths;
use crate::plan::observed::HostState;
use crate::queue::Queue;
use crate::record::{self, Outcome, Record};

/// Shows every guest: does it run, what is in it, how the last run ended and what is open.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Only this guest.
    pub vmid: Option<Vmid>,
    /// Print the state as JSON.
    #[arg(long)]
    pub json: bool,
    /// Show it again every second, until the guests are settled or Ctrl-C.
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
}

#[derive(Debug, Serialize)]
struct GuestStatus {
    vmid: Vmid,
    name: String,
    host: String,
    record: Option<Record>,
    /// Why the record could not be read.
    record_error: Option<String>,
    /// Events that wait for the worker or are being worked on.
    events_pending: usize,
    config_changed: bool,
}

pub fn run(args: &StatusArgs, paths: &Paths) -> Exit {
    loop {
        let estate = Estate::read(paths);
        let mistakes: Vec<&ConfigError> = match args.vmid {
            Some(vmid) => estate.mistakes_of(vmid),
            None => estate.mistakes.iter().collect(),
        };
        let guests = block_on(look(&estate.context, args.vmid));
        if args.json {
            print_json(&serde_json::json!({
                "schema_version": 1,
                "configuration_mistakes": mistakes,
                "guests": guests,
            }));
            return exit(args, &guests, &mistakes);
        }
        if args.watch && std::io::stdout().is_terminal() {
            // Home, then clear what is below.
            print_line("\u{1b}[H\u{1b}[J");
        }
        for mistake in &mistakes {
            print_line(&Untrusted(&mistake.to_string()).to_string());
        }
        if !guests.is_empty() {
            show(&guests, args.vmid.is_some());
        } else if args.vmid.is_some() && mistakes.is_empty() {
            print_line("no such guest in the configuration: phoenix status lists all");
        }
        if !args.watch || guests.iter().all(is_settled) {
            return exit(args, &guests, &mistakes);
        }
        // A timer is made inside of the runtime only.
        block_on(async { tokio::time::sleep(Duration::from_secs(1)).await });
    }
}

async fn look(context: &Context, only: Option<Vmid>) -> Vec<GuestStatus> {
    let mut pending: BTreeMap<Vmid, usize> = BTreeMap::new();
    for event in Queue::new(&context.paths).waiting().unwrap_or_default() {
        *pending.entry(event.vmid).or_default() += 1;
    }
    let mut guests = Vec::new();
    for vmid in shown(context) {
        if only.is_some_and(|only| only != vmid) {
            continue;
        }
        let mut guest = look_at(context, vmid).await;
        guest.events_pending = pending.get(&vmid).copied().unwrap_or(0);
        guests.push(guest);
    }
    guests
}

/// The guests of the configuration in boot order, then those that only a record knows: their entries may be broken.
fn shown(context: &Context) -> Vec<Vmid> {
    let declared = context.config.guests_in_boot_order();
    let mut vmids: Vec<Vmid> = declared.iter().map(|guest| guest.vmid).collect();
    let known: BTreeSet<Vmid> = vmids.iter().copied().collect();
    vmids.extend(record::recorded_vmids(&context.paths).difference(&known));
    vmids
}

async fn look_at(context: &Context, vmid: Vmid) -> GuestStatus {
    let (record, record_error) = match record::read(&context.paths, vmid) {
        Ok(record) => (record.map(|record| truthful(context, record)), None),
        Err(error) => (None, Some(phoenix_common::log::Chain(&error).to_string())),
    };
    let declared = context.config.guests.get(&vmid).map(|guest| &guest.name);
    let name = declared.or(record.as_ref().map(|record| &record.name));
    GuestStatus {
        vmid,
        name: name.cloned().unwrap_or_default(),
        host: host_word(&host_state(context, vmid).await),
        // A run that was refused for a mistake used no configuration.
        config_changed: record.as_ref().is_some_and(|record| {
            !record.config_digest.is_empty() && record.config_digest != context.config.digest
        }),
        record,
        record_error,
        events_pending: 0,
    }
}

/// A record says "running" also when its process was killed: then nobody holds the guest's lock.
fn truthful(context: &Context, mut record: Record) -> Record {
    let lock = context.paths.guest_lock(record.vmid);
    if record.outcome == Outcome::Running && !lock::is_held(&lock) {
        record.outcome = Outcome::Interrupted;
        record.open = vec!["its process was ended before it was done".to_owned()];
    }
    record
}

fn host_word(state: &Observed<HostState>) -> String {
    match state {
        Observed::Known(HostState::Running) => "running".to_owned(),
        Observed::Known(HostState::Stopped) => "stopped".to_owned(),
        Observed::Known(HostState::Absent) => "absent".to_owned(),
        Observed::Known(HostState::OtherNode(node)) => format!("on {node}"),
        Observed::Known(HostState::Locked(lock)) => format!("locked ({lock})"),
        Observed::Known(HostState::NotRunning(state) | HostState::Unsupported(state)) => {
            state.clone()
        }
        Observed::Unknown(reason) => format!("unknown: {reason}"),
    }
}

fn is_settled(guest: &GuestStatus) -> bool {
    let running = guest
        .record
        .as_ref()
        .is_some_and(|record| record.outcome == Outcome::Running);
    guest.events_pending == 0 && !running
}

/// 0 when every guest that has a record is converged and the configuration is right.
fn exit(args: &StatusArgs, guests: &[GuestStatus], mistakes: &[&ConfigError]) -> Exit {
    if guests.is_empty() && (args.vmid.is_some() || !mistakes.is_empty()) {
        return Exit::Usage;
    }
    let failed = guests.iter().any(|guest| {
        guest.record_error.is_some()
            || guest.record.as_ref().is_some_and(|record| {
                matches!(
                    record.outcome,
                    Outcome::Failed | Outcome::Blocked | Outcome::Interrupted
                )
            })
    });
    let open = guests.iter().any(|guest| {
        !is_settled(guest)
            || guest
                .record
                .as_ref()
                .is_some_and(|record| record.outcome == Outcome::Waiting)
    });
    match (failed || !mistakes.is_empty(), open) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::DeadlinePassed,
        (false, false) => Exit::Converged,
    }
}

fn show(guests: &[GuestStatus], with_notices: bool) {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header([
            "VMID", "NAME", "GUEST", "AGENT", "DOCKER", "SWARM", "LAST RUN", "STATE",
        ]);
    for guest in guests {
        let seen = guest.record.as_ref().map(|record| &record.seen);
        let shown = |text: Option<&String>| match text {
            Some(text) if !text.is_empty() => Untrusted(text).to_string(),
            _ => "-".to_owned(),
        };
        table.add_row([
            guest.vmid.to_string(),
            Untrusted(&guest.name).to_string(),
            Untrusted(&guest.host).to_string(),
            shown(seen.map(|seen| &seen.agent_version)),
            shown(seen.map(|seen| &seen.docker_version)),
            shown(seen.map(|seen| &seen.swarm)),
            last_run(guest),
            state_word(guest),
        ]);
    }
    print_line(&table.trim_fmt());
    for guest in guests {
        show_open(guest, with_notices);
    }
}

fn last_run(guest: &GuestStatus) -> String {
    let Some(record) = &guest.record else {
        return "never".to_owned();
    };
    let since = record
        .ended_unix_seconds
        .unwrap_or(record.started_unix_seconds);
    let ago = unix_seconds().saturating_sub(since);
    match ago {
        0..=119 => format!("{ago} s ago"),
        120..=7199 => format!("{} min ago", ago / 60),
        7200..=172_799 => format!("{} h ago", ago / 3600),
        _ => format!("{} d ago", ago / 86_400),
    }
}

fn state_word(guest: &GuestStatus) -> String {
    let word = match (&guest.record, &guest.record_error) {
        (Some(record), _) => record.outcome.word(),
        (None, Some(_)) => "record unreadable",
        (None, None) => "not worked on",
    };
    match guest.events_pending {
        0 => word.to_owned(),
        count => format!("{word}, {count} event(s) pending"),
    }
}

fn show_open(guest: &GuestStatus, with_notices: bool) {
    let vmid = guest.vmid;
    if let Some(error) = &guest.record_error {
        print_line(&format!("{vmid}: {}", Untrusted(error)));
    }
    let Some(record) = &guest.record else { return };
    let notices = record.notices.iter().filter(|_| with_notices);
    for line in record.open.iter().chain(notices) {
        print_line(&format!("{vmid}: {}", Untrusted(line)));
    }
    if guest.config_changed {
        print_line(&format!("{vmid}: config changed since last run"));
    }
    if matches!(
        record.outcome,
        Outcome::Failed | Outcome::Blocked | Outcome::Waiting
    ) {
        print_line(&format!("{vmid}: to go on: phoenix run {vmid} post-start"));
    }
}
