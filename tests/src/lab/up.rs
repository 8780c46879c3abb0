//! Bringing a lab up, finding one that is up, and taking one down.

use std::fs;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use phoenix_common::digest::sha256_hex;
use phoenix_common::retry::Deadline;

use super::control::{Request, ask};
use super::error::LabError;
use super::layout::Layout;
use super::machine::tear_down;
use super::portainer_image::Part;
use super::portainer_tools::portainer_tools;
use super::process::Process;
use super::serve::Record;
use super::spec::LabSpec;
use super::{host, kernel, pve_files, registry, run, tree};

/// Folders are only there with a lab in them; one without a record is being made or was left.
pub fn list() -> Vec<(String, bool)> {
    let Ok(entries) = fs::read_dir(Layout::all()) else {
        return Vec::new();
    };
    let mut labs: Vec<(String, bool)> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|id| Layout::of(&id).ok())
        .map(|layout| {
            let alive = process(&layout).is_some();
            (layout.id().to_owned(), alive)
        })
        .collect();
    labs.sort();
    labs
}

/// Builds what is missing in the cache for `spec`.
///
/// # Errors
/// As [`tree::tree`].
pub fn fill_cache(spec: &LabSpec) -> Result<(), LabError> {
    for machine in spec.machines() {
        tree::tree(machine.suite)?;
    }
    if !spec.images.is_empty() {
        tree::tree(super::suite::Suite::of_this_machine())?;
        registry::registry_program()?;
        if spec
            .images
            .iter()
            .any(|name| Part::of(name) == Some(Part::Server))
        {
            portainer_tools()?;
        }
    }
    Ok(())
}

/// Makes the lab's folder and starts its process; with `owned` the lab ends with the caller.
pub(super) fn start(layout: &Layout, spec: &LabSpec, owned: bool) -> Result<Child, LabError> {
    host::check()?;
    fill_cache(spec)?;
    if let Some(process) = process(layout) {
        return Err(LabError::AlreadyUp {
            id: layout.id().to_owned(),
            pid: process.pid,
        });
    }
    // A lab of that name whose process has died.
    remove(layout)?;
    let control = layout.control_folder();
    fs::create_dir_all(&control).map_err(LabError::path("create", &control))?;
    // After the folder is there: the last lab that goes looks for others.
    kernel::prepare()?;
    pve_files::create(layout, spec)?;
    let record = Record {
        spec: spec.clone(),
        process: None,
    };
    phoenix_common::fs::write_json(&layout.record(), &record)?;
    let mut child = spawn(layout, owned)?;
    match wait_up(layout, &mut child) {
        Ok(()) => Ok(child),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            remove(layout)?;
            Err(error)
        }
    }
}

fn spawn(layout: &Layout, owned: bool) -> Result<Child, LabError> {
    let program = program("lab")?;
    let log_path = layout.log();
    let log = fs::File::create(&log_path).map_err(LabError::path("create", &log_path))?;
    let errors = log.try_clone().map_err(LabError::path("open", &log_path))?;
    let mut command = Command::new(&program);
    command.args(["serve", layout.id()]);
    if owned {
        command.arg("--owned").stdin(Stdio::piped());
    } else {
        command.stdin(Stdio::null());
    }
    command
        .stdout(log)
        .stderr(errors)
        .current_dir("/")
        .process_group(0)
        .spawn()
        .map_err(|source| LabError::Spawn {
            command: program.display().to_string(),
            source,
        })
}

fn wait_up(layout: &Layout, child: &mut Child) -> Result<(), LabError> {
    let deadline = Deadline::after(Duration::from_secs(20));
    // The file is there a moment before anybody listens.
    while UnixStream::connect(layout.control()).is_err() {
        let ended = matches!(child.try_wait(), Ok(Some(_)));
        if ended || deadline.has_passed() {
            let log = fs::read_to_string(layout.log()).unwrap_or_default();
            return Err(LabError::Control(format!("did not start: {}", log.trim())));
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    ask(&layout.control(), &Request::Up, Duration::from_mins(2)).map(drop)
}

/// Ends a lab, whatever state it is in, and waits until nothing of it is left.
///
/// # Errors
/// Something could not be removed.
pub fn down(layout: &Layout) -> Result<(), LabError> {
    if let Some(process) = process(layout) {
        let told = ask(&layout.control(), &Request::Down, Duration::from_secs(10));
        if told.is_err() {
            process.kill()?;
        }
        let deadline = Deadline::after(Duration::from_mins(1));
        while process.is_alive() {
            if deadline.has_passed() {
                process.kill()?;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    remove(layout)
}

/// Cleans up after a process that is gone; nothing to do when it did so itself.
fn remove(layout: &Layout) -> Result<(), LabError> {
    if !layout.folder().exists() {
        return kernel::restore();
    }
    let spec = record(layout).map(|record| record.spec).unwrap_or_default();
    tear_down(layout, spec.machines())?;
    kernel::restore()
}

pub(super) fn record(layout: &Layout) -> Option<Record> {
    phoenix_common::fs::read_json(&layout.record()).ok()
}

pub(super) fn process(layout: &Layout) -> Option<Process> {
    record(layout)?.process.filter(|process| process.is_alive())
}

/// Waits for an owned lab's process after its stdin was closed.
pub(super) fn wait_end(mut child: Child) {
    drop(child.stdin.take());
    let _ = run::wait(&mut child, Duration::from_mins(1));
}

/// A program of this workspace: in `PHOENIX_BIN_DIR`, else where cargo put it.
///
/// # Errors
/// It is in neither.
pub fn program(name: &str) -> Result<PathBuf, LabError> {
    let own = std::env::current_exe().map_err(LabError::path("find", "/proc/self/exe".as_ref()))?;
    let folders = [
        std::env::var_os("PHOENIX_BIN_DIR").map(PathBuf::from),
        own.parent().map(PathBuf::from),
        own.parent()
            .and_then(|deps| deps.parent())
            .map(PathBuf::from),
    ];
    let mut places = folders
        .into_iter()
        .flatten()
        .map(|folder| folder.join(name));
    places.find(|place| place.is_file()).ok_or_else(|| {
        LabError::Control(format!(
            "no program {name}: build it, or set PHOENIX_BIN_DIR"
        ))
    })
}

/// An id no other lab has: from the process, a counter and the time.
pub(super) fn fresh_id() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let time = std::time::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .as_nanos();
    let seed = format!("{} {count} {time}", std::process::id());
    sha256_hex(seed.as_bytes())[..8].to_owned()
}
