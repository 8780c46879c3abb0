//! Whether a secret holds the content that is wanted. The engine never tells a content, yet it compares
//! before it looks at versions: an update with a version that no secret has is always refused, for another
//! content as "only updates to Labels are allowed", for the same one as "update out of sequence". So nothing
//! is ever written (swarmkit, `manager/controlapi/secret.go`; the same on 20.10 and 26.1).

use std::collections::BTreeSet;

use serde_json::json;

use super::convert::Desired;
use super::live::Live;
use super::names::Namespace;
use super::planner::CONTENT_LABEL;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// A version index that nothing has: they start at 1.
const NO_VERSION: u64 = 0;

/// The names of the stack's secrets that carry no label with their content and hold what `desired` wants.
pub(super) async fn same_secrets(
    engine: &Engine,
    namespace: &Namespace,
    desired: &Desired,
    live: &Live,
) -> Result<BTreeSet<String>, EngineError> {
    let mut same = BTreeSet::new();
    for spec in desired
        .secrets
        .values()
        .filter(|spec| spec.driver.is_none())
    {
        let existing = live.secrets.get(&spec.name);
        let untold = existing.filter(|secret| {
            secret.is_of(namespace.name()) && secret.label(CONTENT_LABEL).is_none()
        });
        let Some(existing) = untold else { continue };
        let path = format!("/secrets/{}/update?version={NO_VERSION}", existing.id);
        match engine.post(&path, &json!(spec), &[]).await {
            Err(error) if error.is_out_of_sequence() => {
                same.insert(spec.name.clone());
            }
            // Other content, or gone meanwhile.
            Ok(_) => {}
            Err(error) if error.status().is_some() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(same)
}
