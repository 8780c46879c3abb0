//! `phoenix replay <event>`: what a recorded event asks for, done again by hand and in the foreground.

use phoenix_common::untrusted::Untrusted;

use super::run::RunArgs;
use super::{complain, print_line, run};
use crate::event::Event;
use crate::exit_code::Exit;
use crate::paths::Paths;
use crate::queue::{Queue, QueueError};
use crate::worker::intent::{Intent, intent};

/// Does again, in the foreground, what a recorded event asks for.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// The event's id, as `phoenix events` shows it, or its beginning.
    pub event: String,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub json: bool,
    /// Give up after so many seconds (default: `converge_deadline_seconds` of the configuration).
    #[arg(long, value_name = "SECONDS", value_parser = run::deadline_seconds())]
    pub deadline: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error("the recorded events")]
    Queue(#[from] QueueError),
    #[error("no event {}; `phoenix events` lists them", Untrusted(_0))]
    Unknown(String),
    #[error(
        "{} begins the ids of {count} events; give more of it",
        Untrusted(beginning)
    )]
    Ambiguous { beginning: String, count: usize },
}

pub fn run(args: &ReplayArgs, paths: &Paths) -> Exit {
    let event = match find(&args.event, paths) {
        Ok(event) => event,
        Err(error) => {
            complain(&error);
            return match error {
                ReplayError::Queue(_) => Exit::Failed,
                ReplayError::Unknown(_) | ReplayError::Ambiguous { .. } => Exit::Usage,
            };
        }
    };
    let class = event.class();
    let tell = |text: &str| {
        if !args.json {
            print_line(&format!("{} {}: {text}", event.vmid, event.trigger));
        }
    };
    match intent(event.trigger, &class) {
        Intent::Reconcile { .. } => {
            tell(&class.to_string());
            let again = RunArgs {
                vmid: event.vmid,
                phase: "post-start".to_owned(),
                json: args.json,
                deadline: args.deadline,
            };
            run::run(&again, paths)
        }
        Intent::Cancel => {
            tell("only ends what is being done to the guest; nothing to replay");
            Exit::Converged
        }
        Intent::Nothing(why) | Intent::CancelArrival(why) | Intent::WatchBackup(why) => {
            tell(&format!("nothing to do: {why}"));
            Exit::Converged
        }
    }
}

fn find(beginning: &str, paths: &Paths) -> Result<Event, ReplayError> {
    let queue = Queue::new(paths);
    let finished = queue.finished()?.into_iter().map(|finished| finished.event);
    let mut found: Vec<Event> = finished
        .chain(queue.waiting()?)
        .filter(|event| event.id.starts_with(beginning))
        .collect();
    match found.len() {
        0 => Err(ReplayError::Unknown(beginning.to_owned())),
        1 => Ok(found.remove(0)),
        count => Err(ReplayError::Ambiguous {
            beginning: beginning.to_owned(),
            count,
        }),
    }
}
