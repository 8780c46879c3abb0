//! `phoenix-hook worker`: takes events from the queue and brings guests to their declared state.
//!
//! Started by `phoenix-worker.path`; ends when nothing waits. Killed at any moment, the next one goes on:
//! events stay in `work/` until they are finished.

pub mod guests;
pub mod intent;
pub mod task;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use phoenix_common::fail_point;
use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::vmid::Vmid;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet, LocalSet};

use crate::estate::Estate;
use crate::event::{Class, Event, Trigger};
use crate::exit_code::Exit;
use crate::host;
use crate::lock::{Lock, LockError};
use crate::observe::host_state;
use crate::paths::Paths;
use crate::plan::observed::HostState;
use crate::pve::facts::pve_facts;
use crate::queue::{EventOutcome, Queue, QueueError};
use crate::record;
use crate::wake;
use guests::Guests;
use intent::{Intent, intent};
use task::{Finished, Work, work_on};
use watch::{Cause, Verdict, Watches};

/// How long to wait for another worker; then systemd starts this one again.
const PATIENCE: Duration = Duration::from_hours(1);
/// How often the queue is looked at while there is work.
const LOOK: Duration = Duration::from_millis(200);
/// How often while guests only wait or are watched.
const IDLE_LOOK: Duration = Duration::from_secs(1);

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
    let mut worker = Worker::new(paths);
    worker.queue.prepare()?;
    loop {
        worker.take_events().await?;
        worker.start_tasks();
        worker.start_looks();
        if worker.is_idle() && worker.queue.is_empty()? {
            return Ok(());
        }
        let look = if worker.tasks.is_empty() {
            IDLE_LOOK
        } else {
            LOOK
        };
        tokio::select! {
            biased;
            Some(ended) = worker.tasks.join_next_with_id() => worker.ended(ended)?,
            Some(Ok((vmid, state))) = worker.looks.join_next() => worker.seen(vmid, &state)?,
            () = tokio::time::sleep(look) => {}
        }
    }
}

struct Worker {
    paths: Paths,
    queue: Queue,
    boot_id: String,
    /// How many guests are worked on at a time.
    limit: usize,
    guests: Guests,
    aborts: BTreeMap<Vmid, AbortHandle>,
    tasks: JoinSet<Finished>,
    watches: Watches,
    looks: JoinSet<(Vmid, Observed<HostState>)>,
    /// Guests that got their one reconcile after a boot of the host.
    rebooted: BTreeSet<Vmid>,
    /// How many files in `work/` could not be read the last time.
    unreadable: usize,
}

impl Worker {
    fn new(paths: &Paths) -> Self {
        Self {
            paths: paths.clone(),
            queue: Queue::new(paths),
            boot_id: host::boot_id(),
            limit: 1,
            guests: Guests::default(),
            aborts: BTreeMap::new(),
            tasks: JoinSet::new(),
            watches: Watches::default(),
            looks: JoinSet::new(),
            rebooted: BTreeSet::new(),
            unreadable: 0,
        }
    }

    fn is_idle(&self) -> bool {
        self.guests.is_idle() && self.watches.is_empty()
    }

    async fn take_events(&mut self) -> Result<(), WorkerError> {
        self.queue.take_all()?;
        let known = |id: &str| self.guests.knows(id) || self.watches.knows(id);
        let pending = self.queue.pending(known)?;
        if pending.unreadable.len() > self.unreadable {
            for error in &pending.unreadable {
                tracing::warn!(error = %Chain(error), "event cannot be read now, tried again");
            }
        }
        self.unreadable = pending.unreadable.len();
        if !pending.events.is_empty() {
            self.limit = task::parallel(&self.paths);
        }
        for event in pending.events {
            self.take(event).await?;
        }
        Ok(())
    }

    async fn take(&mut self, mut event: Event) -> Result<(), WorkerError> {
        let vmid = event.vmid;
        if event.moment.boot_id != self.boot_id {
            return self.take_old(&event).await;
        }
        if event.class() == Class::Unclassified
            && let Ok(facts) = pve_facts(&self.paths, vmid)
        {
            event.pve = Observed::Known(facts);
        }
        fail_point!("{vmid} {} taken", event.trigger);
        tracing::info!(vmid = vmid.get(), event = event.id, class = ?event.class(), "event");
        match intent(event.trigger, &event.class()) {
            // It would undo what pre-stop has done. If the stop does not come about, the watch asks itself.
            Intent::Reconcile { .. }
                if event.trigger == Trigger::Reconcile && self.watches.stops(vmid) =>
            {
                let why = "the guest is being stopped".to_owned();
                self.queue.finish(&event, &EventOutcome::Superseded(why))?;
            }
            Intent::Reconcile { arrives } => {
                // A request by Phoenix says nothing about the stop or the backup.
                if event.trigger != Trigger::Reconcile {
                    self.end_watch(vmid, event.trigger)?;
                }
                self.guests.add(event, arrives);
            }
            Intent::Nothing(why) => self.queue.finish(&event, &EventOutcome::Ignored(why))?,
            Intent::CancelArrival(why) => {
                if self.guests.arrives(vmid) {
                    self.cancel(vmid, event.trigger)?;
                }
                self.queue.finish(&event, &EventOutcome::Ignored(why))?;
            }
            Intent::WatchBackup(_) => self.watch(event, Cause::Backup)?,
            Intent::Cancel => {
                self.cancel(vmid, event.trigger)?;
                if event.trigger == Trigger::PreStop {
                    return self.watch(event, Cause::Stop);
                }
                self.end_watch(vmid, event.trigger)?;
                let why = "recorded: the guest stops".to_owned();
                self.queue.finish(&event, &EventOutcome::Ignored(why))?;
            }
        }
        Ok(())
    }

    /// An event of an earlier boot of the host: over. A guest that runs now gets one reconcile.
    async fn take_old(&mut self, event: &Event) -> Result<(), WorkerError> {
        let vmid = event.vmid;
        let asks = matches!(
            intent(event.trigger, &event.class()),
            Intent::Reconcile { .. }
        );
        // Before the event is finished: killed in between, it asks once more.
        if asks && !self.rebooted.contains(&vmid) && may_run(&self.paths, vmid).await {
            self.queue
                .request(vmid, "the host was booted during its last run")?;
            self.rebooted.insert(vmid);
        }
        let why = "the host was booted since".to_owned();
        Ok(self.queue.finish(event, &EventOutcome::Ignored(why))?)
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

    /// Keeps an eye on the event's guest; until then the event stays in `work/`.
    fn watch(&mut self, event: Event, cause: Cause) -> Result<(), WorkerError> {
        let trigger = event.trigger;
        let since = host::now().map(|now| {
            let nanoseconds = now.boottime_ns.saturating_sub(event.moment.boottime_ns);
            Duration::from_nanos(nanoseconds)
        });
        let age = since.unwrap_or_default();
        if let Some(former) = self.watches.begin(event, cause, age, Instant::now()) {
            let why = format!("{trigger} followed");
            self.queue.finish(&former, &EventOutcome::Superseded(why))?;
        }
        Ok(())
    }

    fn end_watch(&mut self, vmid: Vmid, trigger: Trigger) -> Result<(), WorkerError> {
        if let Some(event) = self.watches.end(vmid) {
            let why = format!("{trigger} followed");
            self.queue.finish(&event, &EventOutcome::Superseded(why))?;
        }
        Ok(())
    }

    fn start_looks(&mut self) {
        let due = self.watches.due(Instant::now());
        if due.is_empty() {
            return;
        }
        let estate = Rc::new(Estate::read(&self.paths));
        for vmid in due {
            let estate = Rc::clone(&estate);
            let look = async move { (vmid, host_state(&estate.context, vmid).await) };
            self.looks.spawn_local(look);
        }
    }

    fn seen(&mut self, vmid: Vmid, state: &Observed<HostState>) -> Result<(), WorkerError> {
        let (event, why) = match self.watches.seen(vmid, state, Instant::now()) {
            Verdict::Wait => return Ok(()),
            Verdict::Request { event, reason } => {
                self.queue.request(vmid, reason)?;
                (event, reason)
            }
            Verdict::Drop(event) => (event, "recorded: the guest does not run"),
        };
        let outcome = EventOutcome::Ignored(why.to_owned());
        Ok(self.queue.finish(&event, &outcome)?)
    }

    fn start_tasks(&mut self) {
        let now = Instant::now();
        while let Some((vmid, batch)) = self.guests.start_next(self.limit, now) {
            let trigger = batch
                .events
                .last()
                .map_or_else(String::new, |event| format!("event {}", event.id));
            let work = work_on(Work {
                paths: self.paths.clone(),
                vmid,
                trigger,
                arrives: batch.arrives,
                happened: batch.has_news(),
            });
            self.aborts.insert(vmid, self.tasks.spawn_local(work));
        }
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

    fn ended(&mut self, ended: Result<(Id, Finished), JoinError>) -> Result<(), WorkerError> {
        let finished = match ended {
            Ok((id, finished)) if self.is_current(id, finished.vmid) => Some(finished),
            // It ended in the moment in which it was cancelled; a newer run may be at work.
            Ok(_) => None,
            Err(error) => self.crashed(&error),
        };
        let Some(mut finished) = finished else {
            return Ok(());
        };
        let vmid = finished.vmid;
        self.aborts.remove(&vmid);
        if finished.again {
            if let Some(pause) = pauses().nth(self.guests.tries(vmid)) {
                self.guests.postpone(vmid, Instant::now() + pause);
                return Ok(wake::request(&self.queue, &finished.wake, vmid)?);
            }
            finished.outcome = task::give_up(&self.paths, vmid, finished.outcome);
        }
        fail_point!("{vmid} before its events are finished");
        let batch = self.guests.finish(vmid);
        tracing::info!(vmid = vmid.get(), outcome = ?finished.outcome, "run ended");
        // Before the events are finished: killed in between, the run is repeated and asks again.
        wake::request(&self.queue, &finished.wake, vmid)?;
        for event in &batch.events {
            self.queue.finish(event, &finished.outcome)?;
        }
        Ok(())
    }

    fn is_current(&self, id: Id, vmid: Vmid) -> bool {
        self.aborts.get(&vmid).is_some_and(|abort| abort.id() == id)
    }
}

/// Whether the guest runs here, as far as can be seen.
async fn may_run(paths: &Paths, vmid: Vmid) -> bool {
    let state = host_state(&Estate::read(paths).context, vmid).await;
    matches!(
        state,
        Observed::Known(HostState::Running) | Observed::Unknown(_)
    )
}
