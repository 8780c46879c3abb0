//! The hook form, `phoenix-hook <vmid> <phase>`: called by Proxmox inside a task, with the guest's lock held.
//!
//! It starts no runtime, opens no socket, forks nothing, writes one event and returns; only pre-stop of a Swarm member
//! does more, [`drain`]. Whatever goes wrong is a warning line in the task's log: a guest never fails to start because
//! Phoenix is broken.

mod drain;
mod settings;
mod strict;

use std::ffi::OsString;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::{Vmid, VmidError};

use crate::event::{Event, PveFacts, TaskFacts, Trigger};
use crate::exit_code::Exit;
use crate::host;
use crate::paths::Paths;
use crate::pve::facts::pve_facts;
use crate::queue::{Queue, QueueError};

/// How long `/etc/pve` may take. It is a FUSE file system that hangs when its daemon does.
const PVE_TIMEOUT: Duration = Duration::from_millis(200);

/// A call by Proxmox, as its two arguments say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCall {
    vmid: String,
    phase: String,
}

/// Why nothing was queued.
#[derive(Debug, thiserror::Error)]
enum HookError {
    #[error("nothing queued")]
    Vmid(#[from] VmidError),
    #[error("unknown phase {}: nothing queued", Untrusted(_0))]
    Phase(String),
    #[error("nothing queued")]
    Clock(#[from] nix::errno::Errno),
    #[error("nothing queued, go on with `phoenix run <vmid> <phase>`")]
    Queue(#[from] QueueError),
}

impl HookCall {
    /// Exactly two arguments, the first all digits: that is how Proxmox calls (`GuestHelpers.pm`).
    /// `arguments` are those behind the program's name.
    pub fn from_arguments(arguments: &[OsString]) -> Option<Self> {
        let [vmid, phase] = arguments else {
            return None;
        };
        let vmid = vmid.to_str()?;
        let is_number = !vmid.is_empty() && vmid.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Self {
            vmid: vmid.to_owned(),
            phase: phase.to_string_lossy().into_owned(),
        })
    }

    /// Queues the event and says so in one line. Ends with success, but for `pre_start: strict`.
    pub fn run(&self, paths: &Paths) -> ExitCode {
        std::panic::set_hook(Box::new(|_| {}));
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let event = self.queue(paths)?;
            let refusal = strict::refusal(paths, &event);
            Ok((event, refusal))
        }));
        let event = match &ended {
            Ok(Ok((event, None))) => Some(event.clone()),
            _ => None,
        };
        let (line, exit) = self.report(ended);
        tell(&line);
        if let Some(event) = event {
            self.drain(paths, &event);
        }
        exit.into()
    }

    /// The event stands in the queue already: whatever happens here, the worker knows of the stop.
    fn drain(&self, paths: &Paths, event: &Event) {
        let lines = catch_unwind(AssertUnwindSafe(|| drain::before_stop(paths, event)));
        let lines = lines.unwrap_or_else(|_| vec!["warning: not drained: a bug".to_owned()]);
        for line in lines {
            let (warning, text) = match line.strip_prefix("warning: ") {
                Some(text) => ("warning: ", text),
                None => ("", line.as_str()),
            };
            let who = format!("{} {}", self.vmid, event.trigger);
            tell(&format!("{warning}{who}: {}", Untrusted(text)));
        }
    }

    /// The line for the task's log, and how to end.
    fn report(
        &self,
        ended: std::thread::Result<Result<(Event, Option<String>), HookError>>,
    ) -> (String, Exit) {
        let (vmid, phase) = (&self.vmid, Untrusted(&self.phase));
        match ended {
            Ok(Ok((event, None))) => (
                format!(
                    "{vmid} {phase} queued as {}; watch: phoenix status {vmid} --watch",
                    event.id
                ),
                Exit::Converged,
            ),
            Ok(Ok((_, Some(mistake)))) => (
                format!(
                    "{vmid} {phase} refused by `pre_start: strict`: {}; see: phoenix validate",
                    Untrusted(&mistake)
                ),
                Exit::Usage,
            ),
            Ok(Err(error)) => {
                let error = Chain(&error).to_string();
                (
                    format!("warning: {vmid} {phase}: {}", Untrusted(&error)),
                    Exit::Converged,
                )
            }
            Err(_) => (
                format!(
                    "warning: {vmid} {phase}: phoenix-hook itself failed; go on with: phoenix run {vmid} post-start"
                ),
                Exit::Converged,
            ),
        }
    }

    fn queue(&self, paths: &Paths) -> Result<Event, HookError> {
        let vmid: Vmid = self.vmid.parse()?;
        let trigger =
            Trigger::from_phase(&self.phase).ok_or_else(|| HookError::Phase(self.phase.clone()))?;
        let mut event = Event::new(vmid, trigger, host::now()?, std::process::id());
        let source_node = std::env::var("PVE_MIGRATED_FROM").ok();
        event.migrated_from = source_node.filter(|node| !node.is_empty());
        let ancestors = host::ancestor_command_lines();
        event.task = TaskFacts::from_command_lines(ancestors.iter().map(String::as_str));
        event.pve = look_at_pve(paths, vmid);
        Queue::new(paths).append(&event)?;
        Ok(event)
    }
}

/// One write: the task's log takes both streams, and lines of a container's post-stop go nowhere.
fn tell(line: &str) {
    let _ = std::io::stdout().write_all(format!("phoenix: {line}\n").as_bytes());
}

fn look_at_pve(paths: &Paths, vmid: Vmid) -> Observed<PveFacts> {
    let paths = paths.clone();
    let seen = within(PVE_TIMEOUT, move || pve_facts(&paths, vmid));
    match seen {
        Some(Ok(facts)) => Observed::Known(facts),
        Some(Err(error)) => Observed::Unknown(Chain(&error).to_string()),
        None => Observed::Unknown(format!(
            "/etc/pve did not answer within {} ms",
            PVE_TIMEOUT.as_millis()
        )),
    }
}

/// What `work` gives within `limit`. Later it goes on in its thread, which ends with the process.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    let spawned = std::thread::Builder::new().spawn(move || {
        let _ = sender.send(work());
    });
    spawned.ok()?;
    receiver.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> bool {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        HookCall::from_arguments(&arguments).is_some()
    }

    #[test]
    fn only_two_arguments_with_a_number_are_proxmoxs_call() {
        assert!(parsed(&["1002", "post-start"]));
        assert!(parsed(&["1002", "no-such-phase"]));
        assert!(parsed(&["5", "post-start"]));
        for other in [
            &["plan", "1002"][..],
            &["1002"],
            &["1002", "post-start", "x"],
            &["", "post-start"],
            &["-1", "post-start"],
            &[],
        ] {
            assert!(!parsed(other), "{other:?}");
        }
    }

    #[test]
    fn a_hanging_read_is_not_waited_for() {
        let started = std::time::Instant::now();
        let seen = within(Duration::from_millis(20), || {
            std::thread::sleep(Duration::from_secs(5));
        });
        assert_eq!(seen, None);
        assert!(started.elapsed() < Duration::from_secs(1));
        assert_eq!(within(Duration::from_secs(5), || 3), Some(3));
    }

    #[test]
    fn a_panicking_read_is_an_unknown() {
        assert_eq!(within(Duration::from_secs(5), || panic!("bug")), None::<()>);
    }
}
