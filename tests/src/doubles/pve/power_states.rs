//! The lab as the doubles see it, without guests: a socket that keeps their power states, and what becomes
//! of each start.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::lab::control::{Power, QemuStatus, Reply, Request};

/// Power states by vmid; those that are not in it are off.
#[derive(Debug, Clone, Default)]
pub struct PowerStates(Arc<Mutex<BTreeMap<String, QemuStatus>>>);

impl PowerStates {
    /// Answers at `socket` until the process ends.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn serve(socket: &Path) -> std::io::Result<Self> {
        let states = Self::default();
        let listener = UnixListener::bind(socket)?;
        let shared = states.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &shared);
            }
        });
        Ok(states)
    }

    pub fn get(&self, vmid: u32) -> Option<QemuStatus> {
        self.locked().get(&vmid.to_string()).copied()
    }

    /// None: off.
    pub fn set(&self, vmid: u32, status: Option<QemuStatus>) {
        let mut states = self.locked();
        match status {
            Some(status) => drop(states.insert(vmid.to_string(), status)),
            None => drop(states.remove(&vmid.to_string())),
        }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, QemuStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(mut stream: UnixStream, states: &PowerStates) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let request: Request = serde_json::from_str(&line)?;
    let reply = act(request, &mut states.locked());
    writeln!(stream, "{}", serde_json::to_string(&reply)?)
}

fn act(request: Request, states: &mut BTreeMap<String, QemuStatus>) -> Reply {
    let power = |status: Option<&QemuStatus>| Reply::Power {
        power: Power {
            running: status.is_some(),
            status: status.copied().unwrap_or_default(),
            init: None,
            boots: 0,
        },
    };
    match request {
        Request::Status { machine } | Request::AwaitOff { machine, .. } => {
            power(states.get(&machine))
        }
        Request::Start { machine, status } => {
            states.insert(machine, status);
            Reply::Done
        }
        Request::Kill { machine }
        | Request::PowerButton { machine }
        | Request::Forget { machine } => {
            states.remove(&machine);
            Reply::Done
        }
        Request::Pause { machine } => {
            states.insert(machine, QemuStatus::Paused);
            Reply::Done
        }
        Request::Continue { machine } | Request::Reset { machine } => {
            states.insert(machine, QemuStatus::Running);
            Reply::Done
        }
        Request::Run { .. } => Reply::Failed {
            wrong: "nothing runs in it".to_owned(),
        },
        Request::Up | Request::Down | Request::Define { .. } | Request::Obey { .. } => Reply::Done,
    }
}
