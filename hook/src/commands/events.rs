//! `phoenix events [vmid]`: the flight recorder and what still waits.

use comfy_table::{ContentArrangement, Table, presets};
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::Vmid;
use serde::Serialize;

use super::{complain, print_json, print_line};
use crate::event::Event;
use crate::exit_code::Exit;
use crate::paths::Paths;
use crate::queue::{EventOutcome, Queue, QueueError};

/// Lists what Proxmox told Phoenix and what became of it, oldest first.
#[derive(Debug, clap::Args)]
pub struct EventsArgs {
    /// Only this guest.
    pub vmid: Option<Vmid>,
    /// Only the newest ones.
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 40)]
    pub newest: usize,
    /// Print the events as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Row {
    event: Event,
    class: String,
    /// `None` while it waits.
    outcome: Option<EventOutcome>,
}

pub fn run(args: &EventsArgs, paths: &Paths) -> Exit {
    let rows = match rows(args, paths) {
        Ok(rows) => rows,
        Err(error) => {
            complain(&error);
            return Exit::Failed;
        }
    };
    if args.json {
        print_json(&serde_json::json!({ "schema_version": 1, "events": rows }));
    } else if rows.is_empty() {
        print_line("no events yet; they come when Proxmox starts or stops a registered guest");
    } else {
        print_line(&table(&rows).to_string());
    }
    Exit::Converged
}

fn rows(args: &EventsArgs, paths: &Paths) -> Result<Vec<Row>, QueueError> {
    let queue = Queue::new(paths);
    let finished = queue.finished()?.into_iter();
    let finished = finished.map(|finished| (finished.event, Some(finished.outcome)));
    let waiting = queue.waiting()?.into_iter().map(|event| (event, None));
    let mut rows: Vec<Row> = finished
        .chain(waiting)
        .filter(|(event, _)| args.vmid.is_none_or(|vmid| event.vmid == vmid))
        .map(|(event, outcome)| Row {
            class: event.class().to_string(),
            event,
            outcome,
        })
        .collect();
    rows.sort_by_key(|row| row.event.moment.unix_ms);
    let hidden = rows.len().saturating_sub(args.newest);
    Ok(rows.split_off(hidden))
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header([
            "TIME (UTC)",
            "VMID",
            "TRIGGER",
            "MEANING",
            "OUTCOME",
            "EVENT",
        ]);
    for row in rows {
        table.add_row([
            time_of_day(row.event.moment.unix_ms),
            row.event.vmid.to_string(),
            row.event.trigger.to_string(),
            row.class.clone(),
            outcome_text(row.outcome.as_ref()),
            row.event.id.clone(),
        ]);
    }
    table
}

fn outcome_text(outcome: Option<&EventOutcome>) -> String {
    match outcome {
        None => "pending".to_owned(),
        Some(EventOutcome::Converged) => "converged".to_owned(),
        Some(EventOutcome::Ignored(why)) => format!("nothing to do: {}", Untrusted(why)),
        Some(EventOutcome::Waiting(on)) => format!("waiting: {}", Untrusted(on)),
        Some(EventOutcome::Superseded(by)) => format!("superseded by {}", Untrusted(by)),
        Some(EventOutcome::Failed(why)) => format!("failed: {}", Untrusted(why)),
    }
}

/// `2026-11-24 12:09:55`, by the civil calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn time_of_day(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}",
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::time_of_day;

    #[test]
    fn times_are_shown_by_the_calendar() {
        for (unix_ms, wanted) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399_000, "2000-02-28 23:59:59"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_795_236_890_691, "2026-11-21 04:54:50"),
        ] {
            assert_eq!(time_of_day(unix_ms), wanted);
        }
    }
}
