//! Plan and deploy against a live engine.

use std::path::Path;
use std::time::Duration;

use phoenix_common::retry::Backoff;
use phoenix_common::spec::{Compat, OnFailure, StackSpec};
use phoenix_common::untrusted::Untrusted;
use phoenix_common::wire::{BindSource, Progress, StackPlan, WorkReport};

use super::apply::{Applied, Writer};
use super::compose::Outcome;
use super::diff::{Keeps, Mask};
use super::error::{Refusals, StackError};
use super::input::LocalStack;
use super::live::Live;
use super::names::Namespace;
use super::planner::{Planned, Policy};
use super::registry::Logins;
use super::{binds, converge, input, planner, resolve, rollback, snapshot, status};
use crate::docker::engine::Engine;

/// How often a plan is made anew because others wrote in between.
const ROUNDS: usize = 5;

/// What [`deploy`] would change. Reads only.
///
/// # Errors
/// What would stop a deploy before its first write.
pub async fn plan(engine: &Engine, spec: &StackSpec) -> Result<StackPlan, StackError> {
    let run = Run::new(engine, spec, input::outcome(spec)?, input::mask(spec));
    run.plan().await
}

/// [`plan`] for files of this machine.
///
/// # Errors
/// As [`plan`].
pub async fn plan_local(engine: &Engine, local: &LocalStack) -> Result<StackPlan, StackError> {
    Run::local(engine, local)?.plan().await
}

/// Makes the engine hold and run what `spec` says, and waits until it does.
///
/// # Errors
/// A mistake in the input, found before the first write; a refusal of the engine; services that do
/// not come up in time. What was written stays, and the next deploy goes on from there, unless the
/// spec asks for [`OnFailure::RollbackStack`].
pub async fn deploy(
    engine: &Engine,
    spec: &StackSpec,
    progress: &mut dyn FnMut(Progress),
) -> Result<WorkReport, StackError> {
    let run = Run::new(engine, spec, input::outcome(spec)?, input::mask(spec));
    run.deploy(progress).await
}

/// [`deploy`] for files of this machine.
///
/// # Errors
/// As [`deploy`].
pub async fn deploy_local(
    engine: &Engine,
    local: &LocalStack,
    progress: &mut dyn FnMut(Progress),
) -> Result<WorkReport, StackError> {
    Run::local(engine, local)?.deploy(progress).await
}

/// The input of one call, through the pure stages.
struct Run<'run> {
    engine: &'run Engine,
    spec: &'run StackSpec,
    namespace: Namespace,
    outcome: Outcome,
    policy: Policy,
    /// For a deploy by hand: where this node's file system starts.
    root: Option<&'run Path>,
}

impl<'run> Run<'run> {
    fn new(engine: &'run Engine, spec: &'run StackSpec, outcome: Outcome, mask: Mask) -> Self {
        let version = engine.api_version();
        Self {
            engine,
            spec,
            namespace: Namespace::new(&spec.namespace),
            outcome,
            root: None,
            policy: Policy {
                like_docker: false,
                prune: spec.compat == Compat::Extended,
                rotate: spec.rotate,
                mends_image: spec.compat == Compat::Extended,
                keeps: Keeps::of_api(version.major, version.minor),
                mask,
            },
        }
    }

    fn local(engine: &'run Engine, local: &'run LocalStack) -> Result<Self, StackError> {
        let outcome = input::local_outcome(local)?;
        Ok(Self {
            root: Some(&local.root),
            ..Self::new(engine, &local.spec, outcome, local.mask())
        })
    }

    async fn binds(&self) -> Result<Vec<BindSource>, StackError> {
        let of = (self.spec.compat, self.namespace.name());
        binds::sources(self.engine, &self.outcome.stack, of).await
    }

    /// Folders that a deploy by hand makes.
    async fn folders(&self, sources: &[BindSource]) -> Result<Vec<String>, StackError> {
        match self.root {
            Some(root) => {
                binds::to_make_here(self.engine, root, (sources, self.namespace.name())).await
            }
            None => Ok(Vec::new()),
        }
    }

    async fn plan(&self) -> Result<StackPlan, StackError> {
        snapshot::check_manager(self.engine, &self.namespace).await?;
        let binds = self.binds().await?;
        let folders = self.folders(&binds).await?;
        let (planned, _, warnings) = self.look().await?;
        let steps = planned.steps.into_iter().chain(planned.cleanup);
        let mut changes: Vec<_> = binds::changes(&folders).collect();
        changes.extend(steps.map(|step| step.change));
        let not_running = if changes.is_empty() {
            status::not_running(self.engine, self.namespace.name()).await?
        } else {
            Vec::new()
        };
        Ok(StackPlan {
            changes,
            warnings,
            not_running,
            binds,
        })
    }

    async fn deploy(&self, progress: &mut dyn FnMut(Progress)) -> Result<WorkReport, StackError> {
        let spec = self.spec;
        snapshot::check_manager(self.engine, &self.namespace).await?;
        let mut made = Vec::new();
        if let Some(root) = self.root {
            let folders = self.folders(&self.binds().await?).await?;
            // A refusal of the engine comes before the first write of any kind.
            if !folders.is_empty() {
                self.look().await?;
            }
            made = binds::make(root, &folders, self.namespace.name(), progress)?;
        }
        let mut writer = Writer::new(self.engine, progress, (&self.namespace, spec.wait_seconds));
        writer.changes = made;
        writer.logins = Logins(&spec.registries);
        let mut before = None;
        let Err(failure) = self.rounds(&mut writer, &mut before).await else {
            return Ok(WorkReport {
                changes: writer.changes,
                warnings: writer.warnings,
            });
        };
        match before {
            Some(before) if spec.on_failure == OnFailure::RollbackStack && writer.has_touched() => {
                Err(rollback::roll_back(&mut writer, &before, (spec.wait_seconds, failure)).await)
            }
            _ => Err(failure),
        }
    }

    /// Plans and writes until nothing is left to do, then waits; `before` becomes what was there first.
    async fn rounds(
        &self,
        writer: &mut Writer<'_>,
        before: &mut Option<Live>,
    ) -> Result<(), StackError> {
        let mut pauses = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
        let mut last = String::new();
        for _ in 0..ROUNDS {
            let (planned, mut live, warnings) = self.look().await?;
            before.get_or_insert_with(|| live.clone());
            writer.warnings = warnings;
            if let Applied::Again { subject } = writer.apply(planned.steps, &mut live).await? {
                last = subject;
                tokio::time::sleep(pauses.next().unwrap_or_default()).await;
                continue;
            }
            converge::wait(writer, self.spec.wait_seconds).await?;
            writer.clean_up(planned.cleanup).await;
            return Ok(());
        }
        Err(StackError::Contended {
            stack: self.spec.namespace.clone(),
            rounds: ROUNDS,
            last,
        })
    }

    /// Reads the engine and plans.
    async fn look(&self) -> Result<(Planned, Live, Vec<String>), StackError> {
        let mut desired = self.outcome.desired.clone();
        let live = snapshot::read(self.engine, &self.namespace, &desired).await?;
        let how = (self.spec.resolve_image, Logins(&self.spec.registries));
        let unresolved = resolve::resolve(self.engine, &mut desired, &live, how).await;
        let planned = planner::plan(&self.namespace, &desired, &live, &self.policy);
        let planned = planned.map_err(|refusals| StackError::Refused {
            stack: self.spec.namespace.clone(),
            source: Refusals(refusals),
        })?;
        let mut warnings: Vec<String> = self
            .outcome
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect();
        warnings.extend(planned.warnings.iter().cloned());
        warnings.extend(unresolved.iter().map(|text| Untrusted(text).to_string()));
        Ok((planned, live, warnings))
    }
}
