//! pre-stop of a Swarm member: its tasks move to other nodes before Proxmox stops it.
//!
//! The hook process does it by itself, since systemd starts no worker while the node shuts down. It is bounded, and
//! whatever goes wrong is a line in the task's log: the stop goes on.

use std::time::{Duration, Instant};

use phoenix_common::log::Chain;
use phoenix_common::retry::{Backoff, Deadline};
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, NodeTasks, RequestBody, SwarmNodeUpdate, SwarmView};

use super::settings::Settings;
use super::within;
use crate::channel::{Channel, ChannelError};
use crate::event::{Bulk, Class, Event, Trigger};
use crate::paths::Paths;
use crate::plan::swarm::drain::{Drain, drain as decide};
use crate::pve::guest::{PveError, node_name, vmlist};
use crate::pve::vmlist::VmList;
use crate::record;

/// The documented default of `drain_seconds`.
const DEFAULT_SECONDS: u64 = 20;
/// Proxmox holds the guest's lock meanwhile.
const LONGEST_SECONDS: u64 = 600;
/// A manager that does not answer at once is not waited for: the next one may.
const FIRST_ANSWER: Duration = Duration::from_secs(4);
/// What the process may take to notice that its time is over.
const GRACE: Duration = Duration::from_secs(1);

/// Why the node was not drained.
#[derive(Debug, thiserror::Error)]
enum DrainError {
    #[error(transparent)]
    Pve(#[from] PveError),
    #[error("no manager of its Swarm answers on this Proxmox node ({})", .0.join("; "))]
    NoManager(Vec<String>),
    #[error(transparent)]
    Manager(#[from] ChannelError),
    #[error("guest {0} answered another question")]
    OtherAnswer(Vmid),
    #[error("the asynchronous runtime")]
    Runtime(std::io::Error),
}

/// How it ended, for the task's log.
type Lines = Vec<String>;

/// Drains the guest's node if this stop is one that should, and says so; nothing for a guest in no Swarm.
pub(super) fn before_stop(paths: &Paths, event: &Event) -> Lines {
    // A backup's stop is over in a moment, and its lock would keep the node drained until the backup ends.
    let stops = matches!(event.class(), Class::Stopping | Class::Unclassified);
    if event.trigger != Trigger::PreStop || !stops {
        return Lines::new();
    }
    let managers = record::carried(paths, event.vmid).swarm_managers;
    if managers.is_empty() {
        return Lines::new();
    }
    let seconds = Settings::read(paths).drain_seconds;
    let seconds = seconds.unwrap_or(DEFAULT_SECONDS).min(LONGEST_SECONDS);
    if seconds == 0 {
        return Lines::new();
    }
    let limit = Duration::from_secs(seconds);
    let stop = Stop {
        paths: paths.clone(),
        vmid: event.vmid,
        managers,
        whole_node: event.task.bulk == Some(Bulk::StopAll),
        deadline: Deadline::after(limit),
    };
    // In a thread: also a file system that hangs does not hold the stop.
    match within(limit + GRACE, move || stop.run()) {
        Some(Ok(lines)) => lines,
        Some(Err(error)) => vec![format!("warning: not drained: {}", Chain(&error))],
        None => vec![format!("warning: draining did not end within {seconds} s")],
    }
}

struct Stop {
    paths: Paths,
    vmid: Vmid,
    managers: Vec<Vmid>,
    whole_node: bool,
    deadline: Deadline,
}

impl Stop {
    fn run(&self) -> Result<Lines, DrainError> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(DrainError::Runtime)?
            .block_on(self.drain())
    }

    async fn drain(&self) -> Result<Lines, DrainError> {
        let started = Instant::now();
        let (here, list) = (node_name(&self.paths)?, vmlist(&self.paths)?);
        let (manager, view) = self.manager(&here, &list).await?;
        let is_elsewhere = |vmid: Vmid| list.get(vmid).is_some_and(|entry| entry.node != here);
        let (hostname, update, warning) =
            match decide(self.vmid, &view, self.whole_node, is_elsewhere) {
                Drain::Skip(reason) => return Ok(vec![format!("not drained: {reason}")]),
                Drain::Node {
                    hostname,
                    update,
                    warning,
                } => (hostname, update, warning),
            };
        let before = self.tasks(&manager, &update.node_id, &[]).await?;
        self.update(&manager, &update).await?;
        let left = self.await_tasks(&manager, &update.node_id, &before).await;
        let mut lines: Lines = warning
            .map(|text| format!("warning: {text}"))
            .into_iter()
            .collect();
        let seconds = started.elapsed().as_secs_f32();
        lines.push(match left {
            0 => format!(
                "node {hostname} drained, {} tasks ended or moved in {seconds:.1} s",
                before.here
            ),
            left => format!(
                "warning: node {hostname} drained, but after {seconds:.1} s {left} tasks have not left it or found their new place"
            ),
        });
        Ok(lines)
    }

    /// The first manager on this Proxmox node that answers, and the cluster as it sees it. The guest itself is asked
    /// last.
    async fn manager(&self, here: &str, list: &VmList) -> Result<(Channel, SwarmView), DrainError> {
        let mut managers = self.managers.clone();
        managers.sort_by_key(|vmid| *vmid == self.vmid);
        let mut failures = Vec::new();
        for vmid in managers {
            let Some(entry) = list.get(vmid).filter(|entry| entry.node == here) else {
                failures.push(format!("guest {vmid} is not here"));
                continue;
            };
            let channel = Channel::to_guest(vmid, entry.kind, &self.paths);
            let deadline = self.deadline.at_most(FIRST_ANSWER);
            match channel.answer(RequestBody::SwarmView, deadline).await {
                Ok(Answer::SwarmView(view)) => return Ok((channel, view)),
                Ok(_) => failures.push(DrainError::OtherAnswer(vmid).to_string()),
                Err(error) => failures.push(Chain(&error).to_string()),
            }
        }
        Err(DrainError::NoManager(failures))
    }

    async fn tasks(
        &self,
        manager: &Channel,
        node_id: &str,
        services: &[String],
    ) -> Result<NodeTasks, DrainError> {
        let question = RequestBody::SwarmNodeTasks {
            node_id: node_id.to_owned(),
            services: services.to_vec(),
        };
        match manager.answer(question, self.deadline).await? {
            Answer::SwarmNodeTasks(tasks) => Ok(tasks),
            _ => Err(DrainError::OtherAnswer(manager.vmid())),
        }
    }

    async fn update(&self, manager: &Channel, update: &SwarmNodeUpdate) -> Result<(), DrainError> {
        let write = RequestBody::SwarmNodeUpdate(update.clone());
        manager.answer(write, self.deadline).await?;
        Ok(())
    }

    /// Waits until the tasks have left the node and stand elsewhere; how many are not there yet at the deadline.
    async fn await_tasks(&self, manager: &Channel, node_id: &str, before: &NodeTasks) -> usize {
        let mut left = before.here;
        for pause in Backoff::new(Duration::from_millis(100), Duration::from_secs(1)) {
            // A leader that just changes answers the next time.
            if let Ok(tasks) = self.tasks(manager, node_id, &before.services).await {
                left = tasks.here + tasks.moving;
            }
            if left == 0 || self.deadline.has_passed() {
                break;
            }
            tokio::time::sleep(pause.min(self.deadline.remaining())).await;
        }
        left
    }
}
