//! Packages, by apt-get without questions.

use std::collections::BTreeSet;
use std::time::Duration;

use phoenix_common::command::{Command, CommandError};
use phoenix_common::log::Chain;
use phoenix_common::retry::{Backoff, Deadline};

use super::error::GuestError;
use crate::paths::Paths;
use crate::program;

/// How long one apt-get may take: slow mirrors and slow disks.
const DEADLINE: Duration = Duration::from_mins(30);
/// How long to wait for another apt.
const LOCK_DEADLINE: Duration = Duration::from_mins(5);

/// The names of installed packages, and of what they provide.
pub(super) async fn installed(paths: &Paths) -> Result<BTreeSet<String>, GuestError> {
    let output = program::command(paths, "dpkg-query")?
        .args([
            "-W",
            "-f",
            "${db:Status-Status}\\t${Package}\\t${Provides}\\n",
        ])
        .run()
        .await?;
    Ok(parse_installed(&String::from_utf8_lossy(&output.stdout)))
}

fn parse_installed(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("installed\t"))
        .filter_map(|line| line.split_once('\t'))
        .flat_map(|(package, provides)| {
            // `mail-transport-agent (= 1), x`
            let provided = provides
                .split(',')
                .filter_map(|one| one.split_whitespace().next());
            std::iter::once(package).chain(provided)
        })
        .map(str::to_owned)
        .collect()
}

/// Fetches the lists of packages. Its failure alone says little: an install may work with the old lists.
pub(super) async fn update(paths: &Paths) -> Result<(), GuestError> {
    let deadline = Deadline::after(LOCK_DEADLINE);
    let mut pauses = Backoff::new(Duration::from_secs(1), Duration::from_secs(10));
    loop {
        // DPkg::Lock::Timeout does not cover the lock of the lists.
        // Without the option a mirror that is down is only a warning.
        let update = apt_get(paths)?.args(["-o", "APT::Update::Error-Mode=any", "update"]);
        match update.run().await {
            Err(error) if is_locked(&error) && !deadline.has_passed() => {
                tokio::time::sleep(pauses.next().unwrap_or_default()).await;
            }
            result => return Ok(result.map(drop)?),
        }
    }
}

/// Installs `packages` with the lists that `update` has left. When both fail both are told: the lists alone
/// do not say what is wrong with a package.
pub(super) async fn install_after(
    update: Result<(), GuestError>,
    paths: &Paths,
    packages: &[&str],
) -> Result<(), GuestError> {
    if let Err(error) = &update {
        tracing::warn!("apt-get update failed: {}", Chain(error));
    }
    match (install(paths, packages).await, update) {
        (Err(install), Err(update)) => Err(GuestError::InstallWithoutLists {
            update: Box::new(update),
            install: Box::new(install),
        }),
        (result, _) => result,
    }
}

/// Installs `packages` with what they depend on.
async fn install(paths: &Paths, packages: &[&str]) -> Result<(), GuestError> {
    let result = run_install(paths, packages).await;
    match result {
        Err(GuestError::Command(error)) if says(&error, "dpkg --configure -a") => {
            // An earlier run was cut off.
            with_environment(program::command(paths, "dpkg")?)
                .args(["--force-confdef", "--force-confold", "--configure", "-a"])
                .run()
                .await?;
            run_install(paths, packages).await
        }
        result => result,
    }
}

/// Whether the lists have a package of that name that can be installed.
pub(super) async fn is_available(paths: &Paths, package: &str) -> Result<bool, GuestError> {
    let output = program::command(paths, "apt-cache")?
        .args(["policy", package])
        .run()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Candidate:"))
        .any(|candidate| candidate.trim() != "(none)"))
}

async fn run_install(paths: &Paths, packages: &[&str]) -> Result<(), GuestError> {
    apt_get(paths)?
        .args(["install", "--no-install-recommends", "--"])
        .args(packages)
        .run()
        .await?;
    Ok(())
}

fn apt_get(paths: &Paths) -> Result<Command, GuestError> {
    Ok(with_environment(program::command(paths, "apt-get")?)
        .args(["-y", "-q", "-o", "DPkg::Lock::Timeout=300"])
        .args([
            "-o",
            "Acquire::Retries=3",
            "-o",
            "Acquire::http::Timeout=30",
        ])
        .args(["-o", "Dpkg::Options::=--force-confdef"])
        .args(["-o", "Dpkg::Options::=--force-confold"]))
}

fn with_environment(command: Command) -> Command {
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("APT_LISTCHANGES_FRONTEND", "none")
        // needrestart would restart services, the QEMU guest agent among them.
        .env("NEEDRESTART_SUSPEND", "1")
        .deadline(DEADLINE)
}

/// Whether another apt or dpkg works: their words for the lists' lock and for dpkg's.
fn is_locked(error: &CommandError) -> bool {
    ["Could not get lock", "Unable to lock", "was locked by"]
        .iter()
        .any(|words| says(error, words))
}

fn says(error: &CommandError, words: &str) -> bool {
    matches!(error, CommandError::Failed { stderr, .. } if stderr.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_packages_are_not_installed_and_provided_ones_are() {
        let text = "installed\tcurl\t\nconfig-files\told\t\nhalf-configured\tbroken\t\n\
                    installed\tmawk\tawk\ninstalled\texim4\tmail-transport-agent (= 1), mta\n";
        let installed = parse_installed(text);
        let names: Vec<&str> = installed.iter().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "awk",
                "curl",
                "exim4",
                "mail-transport-agent",
                "mawk",
                "mta"
            ]
        );
    }

    #[test]
    fn a_lock_is_known_by_apts_own_words() {
        for (words, is_lock) in [
            (
                "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)",
                true,
            ),
            ("E: Unable to lock directory /var/lib/apt/lists/", true),
            (
                "dpkg: error: dpkg frontend lock was locked by another process with pid 7",
                true,
            ),
            (
                "E: Failed to fetch http://deb/pool/b/blockdev.deb  404  Not Found",
                false,
            ),
            (
                "E: Release file is not valid yet: check the clock, it may be locked up",
                false,
            ),
        ] {
            let error = CommandError::Failed {
                command: "apt-get update".to_owned(),
                status: "exit code 100".to_owned(),
                stderr: words.to_owned(),
            };
            assert_eq!(is_locked(&error), is_lock, "{words}");
        }
    }
}
