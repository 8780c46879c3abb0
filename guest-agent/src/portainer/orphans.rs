//! Containers of a compose project whose service is no longer in its file. Servers up to 2.39 leave them.

use phoenix_common::wire::{Change, ChangeVerb, RemoveOrphans, WorkReport};
use serde_json::{Value, json};

use super::error::InstanceError;
use super::replace::remove;
use crate::docker::engine::{Engine, percent_encode};
use crate::progress::ProgressLog;

/// Removes them; volumes and networks stay.
///
/// # Errors
/// Docker does not do what it is asked.
pub async fn remove_orphans(
    engine: &Engine,
    project: &RemoveOrphans,
    progress: &mut ProgressLog,
) -> Result<WorkReport, InstanceError> {
    let label = format!("com.docker.compose.project={}", project.project);
    let filters = json!({"label": [label]}).to_string();
    let path = format!(
        "/containers/json?all=1&filters={}",
        percent_encode(&filters)
    );
    let list = engine.get(&path).await?;
    let mut report = WorkReport::default();
    for container in list.as_array().into_iter().flatten() {
        let text = |pointer| container.pointer(pointer).and_then(Value::as_str);
        let service = text("/Labels/com.docker.compose.service");
        let (Some(service), Some(id)) = (service, text("/Id")) else {
            continue;
        };
        if project.services.iter().any(|known| known == service) {
            continue;
        }
        let subject = format!("container of service {service}, which the file no longer has");
        progress.step(&project.project, &format!("removes a {subject}"));
        remove(engine, &percent_encode(id)).await?;
        report.changes.push(Change {
            verb: ChangeVerb::Remove,
            subject,
            fields: Vec::new(),
        });
    }
    Ok(report)
}
