//! Images that have to be here before something that works is stopped.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use phoenix_common::wire::{Change, ChangeVerb, PullImages, WorkReport};

use super::error::InstanceError;
use crate::docker::engine::{Engine, percent_encode};
use crate::docker::error::EngineError;
use crate::progress::ProgressLog;
use crate::stack::interpolate::{self, Environment};
use crate::stack::notice::Notices;
use crate::stack::text::image;
use crate::stack::yaml;

const PULL_DEADLINE: Duration = Duration::from_mins(15);

/// Pulls the images of a compose file that are not here.
///
/// # Errors
/// The file cannot be read, or the first image that cannot be had.
pub async fn pull_images(
    engine: &Engine,
    wanted: &PullImages,
    progress: &mut ProgressLog,
) -> Result<WorkReport, InstanceError> {
    let mut report = WorkReport::default();
    for image in images(wanted)? {
        if ensure(engine, &image, progress).await? {
            report.changes.push(Change {
                verb: ChangeVerb::Create,
                subject: format!("image {image}"),
                fields: Vec::new(),
            });
        }
    }
    Ok(report)
}

fn images(wanted: &PullImages) -> Result<BTreeSet<String>, InstanceError> {
    let failed = |source| InstanceError::Compose { source };
    let name: Arc<str> = Arc::from(wanted.compose.path.as_str());
    let mut root =
        yaml::read(&name, &wanted.compose.text).map_err(|problem| failed(problem.into()))?;
    let environment = Environment::new(wanted.variables.clone());
    let problems = interpolate::interpolate(&mut root, &environment, &mut Notices::default());
    if !problems.is_empty() {
        return Err(failed(crate::stack::fault::Problems(problems)));
    }
    let services = root.as_map().and_then(|root| root.section("services"));
    let entries = services.map_or(&[][..], |services| &services.entries);
    let images = entries.iter().filter_map(|service| {
        let service = service.node.as_map()?;
        // What is built there is in no registry.
        if service.get("build").is_some() {
            return None;
        }
        service.get("image")?.value.to_text()
    });
    Ok(images.filter(|image| !image.is_empty()).collect())
}

/// Pulls `name` unless it is here; whether it was pulled.
pub(super) async fn ensure(
    engine: &Engine,
    name: &str,
    progress: &mut ProgressLog,
) -> Result<bool, InstanceError> {
    let reference = image::parse(name).map_or_else(|| name.to_owned(), |image| image.with_tag());
    match engine
        .get(&format!("/images/{}/json", percent_encode(&reference)))
        .await
    {
        Ok(_) => return Ok(false),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    progress.step(&format!("image {reference}"), "is pulled");
    let pulled = tokio::time::timeout(PULL_DEADLINE, pull(engine, &reference)).await;
    pulled.unwrap_or(Err(InstanceError::PullDeadline {
        image: reference,
        seconds: PULL_DEADLINE.as_secs(),
    }))?;
    Ok(true)
}

async fn pull(engine: &Engine, image: &str) -> Result<(), InstanceError> {
    let options = CreateImageOptionsBuilder::default()
        .from_image(image)
        .build();
    // The head of the answer comes when the registry has answered.
    let slow = engine.with_call_deadline(Duration::from_mins(2))?;
    let mut lines = std::pin::pin!(slow.docker().create_image(Some(options), None, None));
    while let Some(line) = lines.next().await {
        let line = line.map_err(|error| InstanceError::Pull {
            image: image.to_owned(),
            source: EngineError::from_bollard("POST /images/create", error),
        })?;
        if let Some(detail) = line.error_detail {
            return Err(InstanceError::PullEnded {
                image: image.to_owned(),
                message: detail.message.unwrap_or_default(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use phoenix_common::secret::Secret;
    use phoenix_common::spec::ComposeText;

    use super::*;

    #[test]
    fn images_of_a_file_with_its_variables() {
        let text = "services:\n  a: {image: '${R:-}x:${V}'}\n  b: {image: y}\n  c: {build: ., image: z}\n  d: {image: y}\n";
        let wanted = PullImages {
            compose: ComposeText {
                path: "f".into(),
                text: text.into(),
            },
            variables: [("V".to_owned(), Secret::new("2"))].into(),
        };
        let images: Vec<String> = images(&wanted).unwrap().into_iter().collect();
        assert_eq!(images, ["x:2", "y"]);
    }
}
