//! `stack deploy|plan|status|rm`: the stack engine by hand, without a hypervisor or a manifest.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use phoenix_common::spec::{Compat, DroppedKeys, OnFailure, ResolveImage, Rotate};
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::{AgentFailure, FailureKind, Progress, WorkReport};

use super::stack_input::{self, InputError};
use super::stack_show as show;
use crate::docker::engine::Engine;
use crate::failure::Failure;
use crate::paths::Paths;
use crate::stack::{self, StackError};

/// Something was tried and failed.
const FAILED: u8 = 1;
/// The command line or a file is wrong.
const USAGE: u8 = 2;
/// `plan` found changes.
const CHANGES_PLANNED: u8 = 3;
/// Not so far before the deadline.
const DEADLINE_PASSED: u8 = 4;
/// Refused, since it would do harm.
const REFUSED: u8 = 5;

#[derive(Debug, Subcommand)]
pub(super) enum StackVerb {
    /// Make the Swarm run what the compose files say, and wait until it does.
    Deploy {
        #[command(flatten)]
        files: Files,
        /// What becomes of the stack when the deploy fails half-way.
        #[arg(long, value_enum, default_value = "none")]
        on_failure: OnFailureWord,
        /// Seconds to wait for the services; 0 only looks at them once.
        #[arg(long, default_value_t = 300)]
        wait: u32,
    },
    /// Show what `deploy` would change; ends with 3 if that is anything.
    Plan {
        #[command(flatten)]
        files: Files,
    },
    /// Show the services of a stack; ends with 1 if one does not run as it should.
    Status {
        /// The stack.
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Remove all of a stack but its volumes, and wait until it is gone.
    Rm {
        /// The stack.
        name: String,
        /// Remove its volumes on this node, too, data and all.
        #[arg(long)]
        volumes: bool,
        /// Seconds to wait.
        #[arg(long, default_value_t = 120)]
        wait: u32,
        #[arg(long)]
        json: bool,
    },
}

/// What a stack is made of.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// A compose file, `-` for stdin; later ones are laid over earlier ones.
    #[arg(
        short = 'c',
        long = "compose-file",
        required = true,
        value_name = "FILE"
    )]
    pub(super) compose: Vec<PathBuf>,
    /// The stack.
    pub(super) name: String,
    /// A file of `NAME=value` lines; variables of the process win over it.
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Vec<PathBuf>,
    /// When tags of images are resolved to digests.
    #[arg(long, value_enum, default_value = "always")]
    pub(super) resolve_image: ResolveImageWord,
    /// Whether to take exactly what docker takes, or more.
    #[arg(long, value_enum, default_value = "extended")]
    pub(super) compat: CompatWord,
    /// Whether changed configs and secrets get names of their own, or keep docker's plain ones.
    #[arg(long, value_enum, default_value = "on")]
    pub(super) rotate: RotateWord,
    /// What becomes of keys that harden or open a container and have no effect in a stack.
    #[arg(long, value_enum, default_value = "warning")]
    pub(super) dropped_keys: DroppedKeysWord,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum OnFailureWord {
    None,
    RollbackStack,
}

impl From<OnFailureWord> for OnFailure {
    fn from(word: OnFailureWord) -> Self {
        match word {
            OnFailureWord::None => Self::None,
            OnFailureWord::RollbackStack => Self::RollbackStack,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ResolveImageWord {
    Always,
    Changed,
    Never,
}

impl From<ResolveImageWord> for ResolveImage {
    fn from(word: ResolveImageWord) -> Self {
        match word {
            ResolveImageWord::Always => Self::Always,
            ResolveImageWord::Changed => Self::Changed,
            ResolveImageWord::Never => Self::Never,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum CompatWord {
    Docker,
    Extended,
}

impl From<CompatWord> for Compat {
    fn from(word: CompatWord) -> Self {
        match word {
            CompatWord::Docker => Self::Docker,
            CompatWord::Extended => Self::Extended,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RotateWord {
    On,
    Off,
}

impl From<RotateWord> for Rotate {
    fn from(word: RotateWord) -> Self {
        match word {
            RotateWord::On => Self::On,
            RotateWord::Off => Self::Off,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum DroppedKeysWord {
    Warning,
    Error,
}

impl From<DroppedKeysWord> for DroppedKeys {
    fn from(word: DroppedKeysWord) -> Self {
        match word {
            DroppedKeysWord::Warning => Self::Warning,
            DroppedKeysWord::Error => Self::Error,
        }
    }
}

/// Why a verb ended early, with its exit code.
struct Ended {
    code: u8,
    failure: AgentFailure,
}

impl From<StackError> for Ended {
    fn from(error: StackError) -> Self {
        let code = match &error {
            StackError::Input { .. } => USAGE,
            StackError::WaitEnded { .. }
            | StackError::DependencyEnded { .. }
            | StackError::NotRemoved { .. }
            | StackError::Contended { .. } => DEADLINE_PASSED,
            _ if error.kind() == FailureKind::Refused => REFUSED,
            _ => FAILED,
        };
        Self {
            code,
            failure: error.into_failure(),
        }
    }
}

impl From<InputError> for Ended {
    fn from(error: InputError) -> Self {
        Self {
            code: USAGE,
            failure: crate::failure::failure(FailureKind::Input, &error),
        }
    }
}

/// Does what the command line says; messages on stderr, results on stdout.
pub(super) async fn run(paths: &Paths, verb: StackVerb) -> ExitCode {
    let json = match &verb {
        StackVerb::Deploy { files, .. } | StackVerb::Plan { files } => files.json,
        StackVerb::Status { json, .. } | StackVerb::Rm { json, .. } => *json,
    };
    let code = done(paths, verb, json).await.unwrap_or_else(|ended| {
        show::failure(&ended.failure, json);
        ended.code
    });
    ExitCode::from(code)
}

async fn done(paths: &Paths, verb: StackVerb, json: bool) -> Result<u8, Ended> {
    match verb {
        StackVerb::Deploy {
            files,
            on_failure,
            wait,
        } => {
            let mut local = stack_input::read(paths, &files)?;
            local.spec.on_failure = on_failure.into();
            local.spec.wait_seconds = wait;
            let engine = engine(paths).await?;
            let report = stack::deploy_local(&engine, &local, &mut say).await?;
            show::report(&report, json);
            Ok(0)
        }
        StackVerb::Plan { files } => {
            let local = stack_input::read(paths, &files)?;
            let plan = stack::plan_local(&engine(paths).await?, &local).await?;
            show::plan(&plan, json);
            Ok(if plan.changes.is_empty() {
                0
            } else {
                CHANGES_PLANNED
            })
        }
        StackVerb::Status { name, json } => {
            let status = stack::status(&engine(paths).await?, &name).await?;
            let runs = !status.services.is_empty()
                && (status.services.iter())
                    .all(|service| service.running >= service.desired && service.error.is_empty());
            show::status(&name, &status, json);
            Ok(if runs { 0 } else { FAILED })
        }
        StackVerb::Rm {
            name,
            volumes,
            wait,
            json,
        } => {
            let engine = engine(paths).await?;
            let mut report = stack::remove(&engine, &name, wait, &mut say).await?;
            if volumes {
                let more = remove_volumes(&engine, &name, wait).await?;
                report.changes.extend(more.changes);
                report.warnings.extend(more.warnings);
            }
            show::report(&report, json);
            Ok(0)
        }
    }
}

/// The volumes of this node; the engines of others cannot be reached from here.
async fn remove_volumes(engine: &Engine, name: &str, wait: u32) -> Result<WorkReport, StackError> {
    let mut report = stack::remove_volumes(engine, name, wait, &mut say).await?;
    let others = stack::volumes::other_nodes(engine, name).await?;
    if !others.is_empty() {
        report.warnings.push(format!(
            "volumes on {} are not looked for; there: docker volume rm $(docker volume ls -q --filter label=com.docker.stack.namespace={name})",
            others.join(", ")
        ));
    }
    Ok(report)
}

fn say(progress: Progress) {
    let Progress { step, message } = progress;
    show::line(&format!("{}: {}", Untrusted(&step), Untrusted(&message)));
}

/// The engine that `DOCKER_HOST` names (`unix://` only), else this machine's.
async fn engine(paths: &Paths) -> Result<Engine, Ended> {
    let named = std::env::var("DOCKER_HOST").unwrap_or_default();
    let socket = match named.strip_prefix("unix://") {
        Some(path) => PathBuf::from(path),
        None if named.is_empty() => paths.docker_socket(),
        None => return Err(InputError::DockerHost { named }.into()),
    };
    Engine::connect(&socket).await.map_err(|error| Ended {
        code: FAILED,
        failure: error.into_failure(),
    })
}
