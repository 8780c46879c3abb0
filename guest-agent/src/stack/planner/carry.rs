//! What a service's new spec takes from the one that runs.

use serde_json::{Value, json};

use super::Policy;
use crate::stack::live::{Live, LiveObject};
use crate::stack::operation::ObjectKind;
use crate::stack::spec::{IMAGE_LABEL, ServiceMode, ServiceSpec};
use crate::stack::text::image;

/// Ids of the configs and secrets that exist; the others get theirs when they are created.
pub fn fill_ids(spec: &mut ServiceSpec, live: &Live) {
    let container = &mut spec.task_template.container_spec;
    for (kind, references) in [
        (ObjectKind::Secret, &mut container.secrets),
        (ObjectKind::Config, &mut container.configs),
    ] {
        for reference in references {
            if let Some(object) = live.objects(kind).get(&reference.name) {
                reference.id.clone_from(&object.id);
            }
        }
    }
    if let Some(credential) = &mut container.privileges.credential_spec
        && let Some(object) = live.configs.get(&credential.config)
    {
        credential.config.clone_from(&object.id);
    }
}

/// What a deploy must not undo: forced updates, the digest an unchanged image text was resolved to
/// (unless it was resolved anew), and a scale set by hand where the file names none.
pub(super) fn carry_over(spec: &mut ServiceSpec, existing: &LiveObject, policy: &Policy) {
    let old = &existing.spec;
    let task = &mut spec.task_template;
    task.force_update = old
        .pointer("/TaskTemplate/ForceUpdate")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let same_text = existing.label(IMAGE_LABEL) == spec.labels.get(IMAGE_LABEL).map(String::as_str);
    let resolved_anew = task.container_spec.image.contains('@') && !policy.like_docker;
    if same_text
        && !resolved_anew
        && let Some(image) = old
            .pointer("/TaskTemplate/ContainerSpec/Image")
            .and_then(Value::as_str)
        && !(policy.mends_image && is_other_image(image, &task.container_spec.image))
    {
        image.clone_into(&mut task.container_spec.image);
        if !policy.like_docker {
            let platforms = old
                .pointer("/TaskTemplate/Placement/Platforms")
                .and_then(Value::as_array);
            task.placement.platforms = platforms.cloned().unwrap_or_default();
        }
    }
    if let ServiceMode::Replicated { replicas } = &mut spec.mode
        && replicas.is_none()
        && !policy.like_docker
    {
        *replicas = old
            .pointer("/Mode/Replicated/Replicas")
            .and_then(Value::as_u64);
    }
}

/// Whether name or tag differ; the digest is what the tag was resolved to.
fn is_other_image(stored: &str, wanted: &str) -> bool {
    let named = |text: &str| {
        let reference = image::parse(text)?;
        Some((reference.familiar, reference.tag))
    };
    match (named(stored), named(wanted)) {
        (Some(stored), Some(wanted)) => stored != wanted,
        _ => false,
    }
}

/// The spec with network names in place of ids.
pub(super) fn named_networks(mut spec: Value, live: &Live) -> Value {
    let networks = spec
        .pointer_mut("/TaskTemplate/Networks")
        .and_then(Value::as_array_mut);
    for network in networks.into_iter().flatten() {
        if let Some(target) = network.get("Target").and_then(Value::as_str) {
            network["Target"] = json!(live.network_name(target));
        }
    }
    spec
}
