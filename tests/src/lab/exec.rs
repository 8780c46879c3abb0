//! Runs programs inside a machine of the lab by entering its namespaces (not through its agent).

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::control::{Bytes, Output, Program};
use super::error::LabError;
use super::run::Run;

/// A running machine, by its pid 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside(pub(super) u32);

const ENVIRONMENT: [(&str, &str); 7] = [
    (
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ),
    ("HOME", "/root"),
    ("USER", "root"),
    ("LOGNAME", "root"),
    ("LANG", "C.UTF-8"),
    ("SHELL", "/bin/bash"),
    ("TERM", "xterm"),
];

/// Into every namespace, and without the capabilities that the machine itself has not: the host's
/// clock and modules are not a guest's.
fn enter(target: &str) -> [&str; 18] {
    [
        "nsenter",
        "-t",
        target,
        "-m",
        "-p",
        "-u",
        "-i",
        "-n",
        "-C",
        "-r",
        "-w",
        "--",
        "setpriv",
        "--bounding-set",
        "-sys_time,-sys_module",
        "--inh-caps",
        "-sys_time,-sys_module",
        "--",
    ]
}

impl Inside {
    /// `argv` as a root login in the machine would run it. It stays in the caller's cgroup, outside
    /// the machine's limits.
    pub(super) fn run<S: Into<OsString>>(self, argv: impl IntoIterator<Item = S>) -> Run {
        let target = self.0.to_string();
        let words = enter(&target).map(OsString::from).into_iter();
        Run::new(words.chain(argv.into_iter().map(Into::into))).only_environment(&ENVIRONMENT)
    }

    /// As [`Self::run`], on the caller's own terminal; its exit code.
    pub(super) fn interactive(self, argv: &[String]) -> std::io::Result<i32> {
        let target = self.0.to_string();
        let term = std::env::var("TERM").unwrap_or_else(|_| "xterm".into());
        let words = enter(&target);
        let status = Command::new(words[0])
            .args(&words[1..])
            .args(argv)
            .env_clear()
            .envs(ENVIRONMENT)
            .env("TERM", term)
            .status()?;
        Ok(status.code().unwrap_or(1))
    }

    /// Runs a program with nothing but what it is given, and waits until both its streams are closed.
    pub(super) fn output(self, program: &Program) -> Result<Output, LabError> {
        let failed = |source| LabError::Spawn {
            command: program.argv.join(" "),
            source,
        };
        let target = self.0.to_string();
        let words = enter(&target);
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .args(["env", "-i"])
            .args(
                program
                    .environment
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            )
            .args(["/bin/sh", "-c", "cd \"$0\" 2>/dev/null; exec \"$@\""])
            .arg(&program.folder)
            .args(&program.argv)
            .env_clear()
            .envs(ENVIRONMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let stdin = child.stdin.take();
        let input = program.stdin.0.clone();
        std::thread::spawn(move || {
            // A program that does not read its input is no error of ours.
            let _ = stdin.map(|mut pipe| pipe.write_all(&input));
        });
        let ended = child.wait_with_output().map_err(failed)?;
        let signal = ended.status.signal().map(|signal| 128 + signal);
        let code = ended.status.code().or(signal).unwrap_or(255);
        Ok(Output {
            code: u8::try_from(code).unwrap_or(255),
            stdout: Bytes(ended.stdout),
            stderr: Bytes(ended.stderr),
        })
    }

    /// Where a file of the machine lies for the host.
    pub(super) fn path(self, inside: &str) -> PathBuf {
        let relative = inside.trim_start_matches('/');
        Path::new(&format!("/proc/{}/root", self.0)).join(relative)
    }

    /// Writes a file in the machine, with its folders.
    pub(super) fn write(self, inside: &str, content: &[u8], mode: u32) -> Result<(), LabError> {
        let path = self.path(inside);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(LabError::path("create", folder))?;
        }
        // Not over a program that runs.
        let _ = fs::remove_file(&path);
        fs::write(&path, content).map_err(LabError::path("write", &path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .map_err(LabError::path("change", &path))
    }
}
