//! `phoenix-hook worker`: takes events from the queue and brings guests to their declared state.
//!
//! Started by `phoenix-worker.path`; ends when nothing waits. Killed at any moment, the next one goes on:
//! events stay in `work/` until they are finished.

pub mod guests;
pub mod intent;
pub mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use phoenix_common::log::Chain;
use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::vmid::Vmid;
use tokio::task::{AbortHandle, JoinError, JoinSet, LocalSet};

use crate::event::{Event, Trigger};
use crate::exit_code::Exit;
use crate::host;
use crate::lock::{Lock, LockError};
use crate::paths::Paths;
use crate::queue::{EventOutcome, Queue, QueueError};
use crate::record;
use guests::Guests;
use intent::{Intent, intent};
use task::{Finished, work_on};

/// How long to wait for another worker; then systemd starts this one again.
const PATIENCE: Duration = Duration::from_hours(1);
/// How often the queue is looked at while there is work.
const LOOK: Duration = Duration::from_millis(200);

/// How long to wait before a guest that waits for a running one is looked at again: ten minutes in all.
fn pauses() -> impl Iterator<Item = Duration> {
    Backoff::new(Duration::from_secs(3), Duration::from_mins(1)).take(15)
}

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("the event queue")]
    Queue(#[from] QueueError),
    #[error("another worker")]
    Lock(#[from] LockError),
}

/// Works until nothing waits.
pub fn run(paths: &Paths) -> Exit {
    let result = crate::commands::block_on(LocalSet::new().run_until(work(paths)));
    match result {
        Ok(()) => Exit::Converged,
        Err(error) => {
            tracing::error!("worker: {}", Chain(&error));
            Exit::Failed
        }
    }
}

async fn work(paths: &Paths) -> Result<(), WorkerError> {
    // Ending at once would have the path unit start the next one at once, as long as the queue is not empty.
    let _only_one = Lock::acquire(
        &paths.worker_lock(),
        "worker",
        Deadline::after(PATIENCE),
        |holder| {
            tracing::info!(holder, "another worker is at work: waiting");
        },
    )
    .await?;
    let boot_id = host::boot_id();
    let mut worker = Worker {
        paths: paths.clone(),
        queue: Queue::new(paths),
        boot_id,
        guests: Guests::default(),
        aborts: BTreeMap::new(),
        tasks: JoinSet::new(),
    };
    loop {
        worker.take_events()?;
        worker.start_tasks();
        if worker.guests.is_idle() && worker.queue.is_empty()? {
            return Ok(());
        }
        tokio::select! {
            Some(ended) = worker.tasks.join_next() => worker.ended(ended)?,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

struct Worker {
    paths: Paths,
    queue: Queue,
    boot_id: String,
    guests: Guests,
    aborts: BTreeMap<Vmid, AbortHandle>,
    tasks: JoinSet<Finished>,
}

impl Worker {
    fn take_events(&mut self) -> Result<(), WorkerError> {
        self.queue.take_all()?;
        for event in self.queue.pending()? {
            if self.guests.is_new(&event) {
                self.take(event)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<(), WorkerError> {
        let vmid = event.vmid;
        if event.moment.boot_id != self.boot_id {
            return self.take_old(&event);
        }
        tracing::info!(vmid = vmid.get(), event = event.id, class = ?event.class(), "event");
        match intent(&event.class()) {
            Intent::Reconcile { arrives } => self.guests.add(event, arrives),
            Intent::Nothing(why) => self.queue.finish(&event, &EventOutcome::Ignored(why))?,
            Intent::Cancel => {
                self.cancel(vmid, event.trigger)?;
                let why = "recorded: the guest stops".to_owned();
                self.queue.finish(&event, &EventOutcome::Ignored(why))?;
            }
        }
        Ok(())
    }

    /// An event of an earlier boot of the host: over. A guest that runs now gets one reconcile.
    fn take_old(&mut self, event: &Event) -> Result<(), WorkerError> {
        let why = "the host was booted since".to_owned();
        self.queue.finish(event, &EventOutcome::Ignored(why))?;
        if matches!(intent(&event.class()), Intent::Reconcile { .. }) {
            self.request(event.vmid, "the host was booted during its last run")?;
        }
        Ok(())
    }

    fn request(&self, vmid: Vmid, reason: &str) -> Result<(), WorkerError> {
        self.queue.request(vmid, reason)?;
        Ok(())
    }

    fn cancel(&mut self, vmid: Vmid, trigger: Trigger) -> Result<(), WorkerError> {
        if let Some(abort) = self.aborts.remove(&vmid) {
            abort.abort();
            record::interrupt(
                &self.paths,
                vmid,
                &format!("the guest was stopped ({trigger})"),
            );
        }
        for event in self.guests.cancel(vmid).events {
            let why = format!("{trigger} followed");
            self.queue.finish(&event, &EventOutcome::Superseded(why))?;
        }
        Ok(())
    }

    fn start_tasks(&mut self) {
        let now = Instant::now();
        if !self.guests.anyone_waits(now) {
            return;
        }
        let limit = task::parallel(&self.paths);
        while let Some((vmid, batch)) = self.guests.start_next(limit, now) {
            let trigger = batch
                .events
                .last()
                .map_or_else(String::new, |event| format!("event {}", event.id));
            let work = work_on(self.paths.clone(), vmid, trigger, batch.arrives);
            self.aborts.insert(vmid, self.tasks.spawn_local(work));
        }
    }

    fn wake(&self, finished: &Finished) -> Result<(), WorkerError> {
        for dependent in &finished.wake {
            self.request(*dependent, &format!("guest {} has moved on", finished.vmid))?;
        }
        Ok(())
    }

    /// A run that was aborted by [`Self::cancel`] has been seen to; one that panicked must not be tried for ever.
    fn crashed(&self, error: &JoinError) -> Option<Finished> {
        let mut running = self.aborts.iter();
        let (vmid, _) = running.find(|(_, abort)| abort.id() == error.id())?;
        let text = format!("a bug in phoenix-hook: {error}");
        record::interrupt(&self.paths, *vmid, &text);
        Some(Finished {
            vmid: *vmid,
            outcome: EventOutcome::Failed(text),
            wake: BTreeSet::new(),
            again: false,
        })
    }

    fn ended(&mut self, ended: Result<Finished, JoinError>) -> Result<(), WorkerError> {
        let finished = match ended {
            Ok(finished) => finished,
            Err(error) => match self.crashed(&error) {
                Some(finished) => finished,
                None => return Ok(()),
            },
        };
        let vmid = finished.vmid;
        self.aborts.remove(&vmid);
        if finished.again
            && let Some(pause) = pauses().nth(self.guests.tries(vmid))
        {
            self.guests.postpone(vmid, Instant::now() + pause);
            return self.wake(&finished);
        }
        let batch = self.guests.finish(vmid);
        tracing::info!(vmid = vmid.get(), outcome = ?finished.outcome, "run ended");
        // Before the events are finished: killed in between, the run is repeated and asks again.
        self.wake(&finished)?;
        for event in &batch.events {
            self.queue.finish(event, &finished.outcome)?;
        }
        Ok(())
    }
}
