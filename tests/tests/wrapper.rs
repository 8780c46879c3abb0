//! The file that Proxmox calls: runs the guest's former hookscript first, outlives the program.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

const WRAPPER: &str = include_str!("../../packaging/hook/usr/share/phoenix/phoenix-hook.sh");
const PROGRAM: &str = "/usr/bin/phoenix-hook";
/// Says how it was called, with what is on its stdin.
const SAYS: &str = "#!/bin/sh\necho \"NAME $* migrated=$PVE_MIGRATED_FROM stdin=$(cat)\"\n";

/// A snippets folder with the wrapper, and maybe the program it calls.
struct Snippets {
    folder: TempDir,
    /// One test at a time: a program started by another thread may hold a script open for writing for a
    /// moment, and then it cannot be run ("text file busy").
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Snippets {
    fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        assert!(WRAPPER.contains(PROGRAM));
        let text = WRAPPER.replace(PROGRAM, folder.path().join("program").to_str().unwrap());
        executable(&folder.path().join("phoenix-hook.sh"), &text);
        Self {
            folder,
            _alone: alone,
        }
    }

    fn with_program(self) -> Self {
        executable(&self.path("program"), &SAYS.replace("NAME", "phoenix"));
        self
    }

    /// Gives guest 1002 a former hookscript that ends with `code`.
    fn with_chain(self, code: u8) -> Self {
        let script = self.path("former script.sh");
        let says = SAYS.replace("NAME", "former");
        executable(&script, &format!("{says}exit {code}\n"));
        fs::create_dir(self.path("phoenix-hook.d")).unwrap();
        let line = format!("{}\n", script.display());
        fs::write(self.path("phoenix-hook.d/1002"), line).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn call(&self, vmid: &str, phase: &str) -> Output {
        Command::new(self.path("phoenix-hook.sh"))
            .args([vmid, phase])
            .env_clear()
            .env("PATH", "/sbin:/bin:/usr/sbin:/usr/bin")
            .env("PVE_MIGRATED_FROM", "pve2")
            .output()
            .unwrap()
    }
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

const PHOENIX_STARTS: &str = "phoenix 1002 pre-start migrated=pve2 stdin=\n";
const FORMER_STARTS: &str = "former 1002 pre-start migrated=pve2 stdin=\n";

#[test]
fn it_calls_the_program() {
    let output = Snippets::new().with_program().call("1002", "pre-start");
    assert_eq!(said(&output), PHOENIX_STARTS);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn without_the_program_a_guest_starts() {
    let output = Snippets::new().call("1002", "pre-start");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
}

#[test]
fn the_former_hookscript_runs_first() {
    let snippets = Snippets::new().with_program().with_chain(0);
    let output = snippets.call("1002", "pre-start");
    assert_eq!(said(&output), format!("{FORMER_STARTS}{PHOENIX_STARTS}"));
    let other = snippets.call("1003", "post-start");
    assert_eq!(
        said(&other),
        "phoenix 1003 post-start migrated=pve2 stdin=\n"
    );
}

#[test]
fn the_former_hookscript_may_refuse_a_start() {
    let output = Snippets::new()
        .with_program()
        .with_chain(7)
        .call("1002", "pre-start");
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(said(&output), FORMER_STARTS);
}

#[test]
fn its_failure_in_another_phase_is_said_and_passed_by() {
    let output = Snippets::new()
        .with_program()
        .with_chain(7)
        .call("1002", "post-stop");
    assert_eq!(output.status.code(), Some(0));
    assert!(said(&output).ends_with("phoenix 1002 post-stop migrated=pve2 stdin=\n"));
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(
        warning.contains("of guest 1002 ended with 7 in post-stop"),
        "{warning}"
    );
}

#[test]
fn the_former_hookscript_runs_without_the_program() {
    let snippets = Snippets::new().with_chain(3);
    assert_eq!(
        said(&snippets.call("1002", "post-start")),
        "former 1002 post-start migrated=pve2 stdin=\n"
    );
    assert_eq!(snippets.call("1002", "pre-start").status.code(), Some(3));
}

#[test]
fn a_former_hookscript_that_is_gone_stops_the_start_as_proxmox_would() {
    let snippets = Snippets::new().with_program().with_chain(0);
    fs::remove_file(snippets.path("former script.sh")).unwrap();
    assert_eq!(snippets.call("1002", "pre-start").status.code(), Some(127));
}
