//! Which content an image's tag stands for now: asked from the registry through the engine, so that all
//! nodes run the same.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use phoenix_common::spec::ResolveImage;
use phoenix_common::untrusted::Untrusted;
use serde_json::{Value, json};

use super::convert::Desired;
use super::live::Live;
use super::registry::{HEADER, Logins};
use super::spec::{IMAGE_LABEL, ServiceSpec};
use super::text::image;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// How long a registry may take.
const REGISTRY_DEADLINE: Duration = Duration::from_secs(15);

/// Puts digests into the services whose images are to be resolved; returns warnings for those that
/// could not be: they go with their tag, as with the docker CLI.
pub async fn resolve(
    engine: &Engine,
    desired: &mut Desired,
    live: &Live,
    (when, logins): (ResolveImage, Logins<'_>),
) -> Vec<String> {
    let wanted: BTreeSet<String> = desired
        .services
        .values()
        .filter(|spec| is_wanted(spec, live, when))
        .map(|spec| spec.task_template.container_spec.image.clone())
        .collect();
    let Ok(engine) = engine.with_call_deadline(REGISTRY_DEADLINE) else {
        return Vec::new();
    };
    let lookups = wanted.iter().map(|name| look_up(&engine, name, logins));
    let mut warnings = Vec::new();
    for (name, result) in wanted.iter().zip(join_all(lookups).await) {
        match result {
            Ok(Some(resolved)) => {
                let services = desired.services.values_mut();
                services
                    .filter(|spec| spec.task_template.container_spec.image == *name)
                    .filter(|spec| is_wanted(spec, live, when))
                    .for_each(|spec| put(spec, &resolved));
            }
            Ok(None) => {}
            Err(error) => warnings.push(format!(
                "image {} could not be resolved to a digest, nodes may run different versions: {error}",
                Untrusted(name)
            )),
        }
    }
    warnings
}

/// Whether the policy asks for it. An image that is a digest already is not looked up.
fn is_wanted(spec: &ServiceSpec, live: &Live, when: ResolveImage) -> bool {
    let named = image::parse(&spec.task_template.container_spec.image);
    if named.is_none_or(|reference| reference.digest.is_some()) {
        return false;
    }
    match when {
        ResolveImage::Never => false,
        ResolveImage::Always => true,
        ResolveImage::Changed => live.services.get(&spec.name).is_none_or(|service| {
            service.label(IMAGE_LABEL) != spec.labels.get(IMAGE_LABEL).map(String::as_str)
        }),
    }
}

struct Resolved {
    image: String,
    platforms: Vec<Value>,
}

async fn look_up(
    engine: &Engine,
    name: &str,
    logins: Logins<'_>,
) -> Result<Option<Resolved>, EngineError> {
    let login = logins.header(name);
    let headers: Vec<(&str, &str)> = login.iter().map(|login| (HEADER, login.as_str())).collect();
    let path = format!("/distribution/{name}/json");
    let answer = engine.get_with(&path, &headers).await?;
    let Some(digest) = answer.pointer("/Descriptor/digest").and_then(Value::as_str) else {
        return Ok(None);
    };
    let platforms = answer.get("Platforms").and_then(Value::as_array);
    Ok(Some(Resolved {
        image: format!("{name}@{digest}"),
        platforms: platforms.into_iter().flatten().filter_map(platform).fold(
            Vec::new(),
            |mut distinct, platform| {
                if !distinct.contains(&platform) {
                    distinct.push(platform);
                }
                distinct
            },
        ),
    }))
}

/// In the words of a service spec. `arm` says too little to schedule by (swarmkit 2294).
fn platform(answer: &Value) -> Option<Value> {
    let part = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let (architecture, os) = (part("architecture"), part("os"));
    if architecture == "unknown" || os == "unknown" {
        return None;
    }
    let mut platform = json!({"OS": os});
    if !architecture.eq_ignore_ascii_case("arm") {
        platform["Architecture"] = json!(architecture);
    }
    Some(platform)
}

fn put(spec: &mut ServiceSpec, resolved: &Resolved) {
    let task = &mut spec.task_template;
    task.container_spec.image.clone_from(&resolved.image);
    task.placement.platforms.clone_from(&resolved.platforms);
}
