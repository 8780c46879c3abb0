//! The lab as the doubles see it, without guests: a socket that keeps their power states.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use phoenix_tests::lab::control::{Power, QemuStatus, Reply, Request};

/// Power states by vmid.
pub(crate) type States = Arc<Mutex<BTreeMap<String, QemuStatus>>>;

/// Answers at `socket` until the test ends.
pub(crate) fn serve(socket: &Path) -> States {
    let states = States::default();
    let listener = UnixListener::bind(socket).unwrap();
    let shared = Arc::clone(&states);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream, &shared);
        }
    });
    states
}

fn answer(mut stream: UnixStream, states: &States) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let request: Request = serde_json::from_str(&line)?;
    let reply = act(request, &mut states.lock().unwrap());
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
        Request::Kill { machine } | Request::PowerButton { machine } => {
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
        Request::Up | Request::Down | Request::Define { .. } => Reply::Done,
    }
}
