//! Makes Portainer's containers as their spec says.

use phoenix_common::fs::write_atomic;
use phoenix_common::spec::PortainerSpec;
use phoenix_common::wire::WorkReport;

use super::desired::{self, Wanted};
use super::error::InstanceError;
use super::plan::{self, Step, label};
use super::{images, observe, replace};
use crate::docker::engine::Engine;
use crate::paths::Paths;
use crate::progress::ProgressLog;

/// Observes, plans and carries out. Nothing is done where all is as declared.
///
/// # Errors
/// The first step that fails; what was done before stays.
pub async fn apply(
    paths: &Paths,
    engine: &Engine,
    spec: &PortainerSpec,
    progress: &mut ProgressLog,
) -> Result<WorkReport, InstanceError> {
    let wanted = desired::containers(spec, &paths.portainer_password());
    let found = observe::observe(paths, engine).await?;
    let steps = plan::plan(&wanted, &found, spec);
    for step in &steps {
        execute(paths, engine, spec, step, progress).await?;
    }
    Ok(WorkReport {
        changes: steps.iter().map(Step::change).collect(),
        warnings: Vec::new(),
    })
}

async fn execute(
    paths: &Paths,
    engine: &Engine,
    spec: &PortainerSpec,
    step: &Step,
    progress: &mut ProgressLog,
) -> Result<(), InstanceError> {
    match step {
        Step::Remove { name } => Ok(replace::remove(engine, name).await?),
        Step::Start { name, .. } => {
            progress.step(label(name), "starts");
            Ok(replace::start(engine, name).await?)
        }
        Step::WritePassword => write_password(paths, spec),
        Step::Create(wanted) => {
            write_password(paths, spec)?;
            make(engine, wanted, progress).await
        }
        Step::Replace { with, .. } => make(engine, with, progress).await,
    }
}

async fn make(
    engine: &Engine,
    wanted: &Wanted,
    progress: &mut ProgressLog,
) -> Result<(), InstanceError> {
    // Before anything stops: a registry that is down costs nothing.
    images::ensure(engine, &wanted.image, progress).await?;
    progress.step(label(wanted.name), "is made from the image");
    replace::replace(engine, wanted).await
}

/// Without this file the server's container does not start again.
fn write_password(paths: &Paths, spec: &PortainerSpec) -> Result<(), InstanceError> {
    let Some(server) = &spec.server else {
        return Ok(());
    };
    let path = paths.portainer_password();
    if let Some(folder) = path.parent() {
        create_private(folder).map_err(|source| phoenix_common::fs::FileError::Write {
            path: folder.to_owned(),
            source,
        })?;
    }
    let content = format!("{}\n", server.admin_password.expose());
    Ok(write_atomic(&path, content.as_bytes(), 0o600)?)
}

fn create_private(folder: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)
}
