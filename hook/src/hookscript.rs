//! The hook form, `phoenix-hook <vmid> <phase>`: called by Proxmox inside a task, with the guest's lock held.
//!
//! It starts no runtime, opens no socket, forks nothing, writes one event and returns. Whatever goes wrong is a
//! warning line in the task's log: a guest never fails to start because Phoenix is broken.

use std::ffi::OsString;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use phoenix_common::fs::read_limited;
use phoenix_common::log::Chain;
use phoenix_common::observed::Observed;
use phoenix_common::untrusted::Untrusted;
use phoenix_common::vmid::{Vmid, VmidError};

use crate::event::{Event, Moment, PveFacts, Trigger};
use crate::paths::Paths;
use crate::pve::conf::GuestConf;
use crate::pve::guest::{PveError, node_name, vmlist};
use crate::queue::{Queue, QueueError};
use crate::task::TaskFacts;

/// How long `/etc/pve` may take. It is a FUSE file system that hangs when its daemon does.
const PVE_TIMEOUT: Duration = Duration::from_millis(200);
/// pmxcfs stores at most 1 MiB in a file.
const CONF_LIMIT_BYTES: u64 = 1 << 20;

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
    #[error("nothing queued")]
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

    /// Queues the event and says so in one line. Always ends with success.
    pub fn run(&self, paths: &Paths) -> ExitCode {
        std::panic::set_hook(Box::new(|_| {}));
        let line = match catch_unwind(AssertUnwindSafe(|| self.queue(paths))) {
            Ok(Ok(event)) => format!(
                "phoenix: {} {} queued as {}; watch: phoenix status {} --watch",
                event.vmid, event.trigger, event.id, event.vmid
            ),
            Ok(Err(error)) => format!(
                "phoenix: warning: {} {}: {}",
                self.vmid,
                Untrusted(&self.phase),
                Untrusted(&Chain(&error).to_string())
            ),
            Err(_) => format!(
                "phoenix: warning: {} {}: phoenix-hook itself failed; go on with: phoenix converge {}",
                self.vmid,
                Untrusted(&self.phase),
                self.vmid
            ),
        };
        // One write: the task's log takes both streams, and lines of a container's post-stop go nowhere.
        let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
        ExitCode::SUCCESS
    }

    fn queue(&self, paths: &Paths) -> Result<Event, HookError> {
        let vmid: Vmid = self.vmid.parse()?;
        let trigger =
            Trigger::from_phase(&self.phase).ok_or_else(|| HookError::Phase(self.phase.clone()))?;
        let mut event = Event::new(vmid, trigger, now()?);
        let source_node = std::env::var("PVE_MIGRATED_FROM").ok();
        event.migrated_from = source_node.filter(|node| !node.is_empty());
        event.task = TaskFacts::of_this_process();
        event.pve = look_at_pve(paths, vmid);
        Queue::new(paths).append(&event)?;
        Ok(event)
    }
}

/// The host's clocks now.
///
/// # Errors
/// The kernel has no `CLOCK_BOOTTIME`.
pub fn now() -> Result<Moment, nix::errno::Errno> {
    let boottime = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?);
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok(Moment {
        boot_id: boot_id(),
        boottime_ns: u64::try_from(boottime.as_nanos()).unwrap_or(u64::MAX),
        unix_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
    })
}

/// The id of this boot of the host; empty if the kernel does not tell.
pub fn boot_id() -> String {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let text = read_limited(path, 128).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
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

/// What Proxmox's files say about a guest.
///
/// # Errors
/// `/etc/pve` cannot be read.
pub fn pve_facts(paths: &Paths, vmid: Vmid) -> Result<PveFacts, PveError> {
    let list = vmlist(paths)?;
    let entry = list.get(vmid);
    let lock = match entry {
        Some(entry) => config_lock(&paths.guest_conf(&entry.node, entry.kind, vmid))?,
        None => None,
    };
    Ok(PveFacts {
        node: node_name(paths)?,
        owner: entry.map(|entry| entry.node.clone()),
        kind: entry.map(|entry| entry.kind),
        lock,
    })
}

/// `lock:` of a configuration file; a file that has just moved has none.
fn config_lock(path: &Path) -> Result<Option<String>, PveError> {
    match read_limited(path, CONF_LIMIT_BYTES) {
        Ok(content) => {
            let conf = GuestConf::parse(&String::from_utf8_lossy(&content));
            Ok(conf.lock().map(str::to_owned))
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
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
