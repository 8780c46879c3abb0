//! Does one action.

use std::time::Duration;

use phoenix_common::retry::Deadline;
use phoenix_common::wire::CloudInit;

use super::action::GuestAction;
use super::error::GuestError;
use super::{apt, authorized_keys, docker_service, files, locale, observe, timezone, unattended};
use crate::facts::cloud_init;
use crate::files as placing;
use crate::gpu;
use crate::gpu::plan::OfferGpus;
use crate::paths::Paths;
use crate::program;
use crate::progress::ProgressLog;
use crate::volumes;

/// How long cloud-init may take; its default upgrades all packages.
const CLOUD_INIT_DEADLINE: Duration = Duration::from_mins(15);

/// Does it, and says so.
pub(super) async fn execute(
    paths: &Paths,
    action: &GuestAction,
    progress: &mut ProgressLog,
) -> Result<(), GuestError> {
    match action {
        GuestAction::AwaitCloudInit => {
            progress.step("cloud-init", "waiting for its end");
            await_cloud_init(paths).await
        }
        GuestAction::CreateUser { name } => {
            progress.step("base_setup", &format!("creating user {name}"));
            create_user(paths, name).await
        }
        GuestAction::AuthorizeKeys { user, lines } => {
            progress.step("base_setup", &format!("authorized_keys of {user}"));
            match observe::user_without_keys(paths, user)? {
                Some(user) => authorized_keys::add(paths, &user, lines),
                None => Err(GuestError::UserNotCreated(user.clone())),
            }
        }
        GuestAction::InstallPackages { packages } => {
            progress.step("base_setup", &format!("installing {}", packages.join(" ")));
            install(paths, packages).await
        }
        GuestAction::SetTimezone { name, .. } => {
            progress.step("base_setup", &format!("time zone {name}"));
            timezone::set(paths, name)
        }
        GuestAction::MakeLocale { name } => {
            progress.step("base_setup", &format!("making locale {name}"));
            locale::make(paths, name).await
        }
        GuestAction::SetDefaultLocale { name, .. } => {
            progress.step("base_setup", &format!("default locale {name}"));
            locale::set_default(paths, name)
        }
        GuestAction::SetUnattendedUpgrades { text, shown } => {
            progress.step("base_setup", &format!("unattended upgrades {shown}"));
            Ok(files::replace(&paths.at(unattended::FILE), text)?)
        }
        GuestAction::Volume(action) => {
            Ok(volumes::execute::execute(paths, action, progress).await?)
        }
        GuestAction::PlaceFile(action) => {
            Ok(placing::execute::execute(paths, action, progress).await?)
        }
        GuestAction::OfferGpus(action) => offer_gpus(paths, action, progress).await,
        GuestAction::InstallDocker => {
            progress.step("docker", "installing docker.io");
            docker_service::install(paths).await
        }
        GuestAction::StartDocker { .. } => {
            progress.step("docker", "enabling and starting");
            docker_service::start(paths).await?;
            progress.step("docker", "answers");
            Ok(())
        }
    }
}

async fn offer_gpus(
    paths: &Paths,
    action: &OfferGpus,
    progress: &mut ProgressLog,
) -> Result<(), GuestError> {
    gpu::execute::execute(paths, action, progress).await?;
    if action.restart {
        docker_service::await_answer(paths).await?;
    }
    Ok(())
}

async fn install(paths: &Paths, packages: &[String]) -> Result<(), GuestError> {
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    let update = apt::update(paths).await;
    apt::install_after(update, paths, &packages).await
}

async fn create_user(paths: &Paths, name: &str) -> Result<(), GuestError> {
    let mut useradd = program::command(paths, "useradd")?.args(["-m", "-s", "/bin/bash"]);
    let groups = files::text(&paths.at("/etc/group"))?;
    if groups
        .lines()
        .any(|line| line.split(':').next() == Some(name))
    {
        // useradd would refuse to make the group anew.
        useradd = useradd.args(["-g", name]);
    }
    useradd.args(["--", name]).run().await?;
    Ok(())
}

async fn await_cloud_init(paths: &Paths) -> Result<(), GuestError> {
    let deadline = Deadline::after(CLOUD_INIT_DEADLINE);
    while cloud_init::state(paths).await == CloudInit::Running {
        if deadline.has_passed() {
            return Err(GuestError::CloudInit {
                minutes: CLOUD_INIT_DEADLINE.as_secs() / 60,
            });
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}
