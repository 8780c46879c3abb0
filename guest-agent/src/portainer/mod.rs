//! Portainer's own containers, in a guest outside a Swarm: server and agent, each kept as its spec says.

mod apply;
mod desired;
mod error;
mod found;
mod images;
mod observe;
mod orphans;
mod plan;
mod replace;

use phoenix_common::spec::PortainerSpec;
use phoenix_common::wire::PortainerView;

pub use apply::apply;
pub use error::InstanceError;
pub use images::pull_images;
pub use orphans::remove_orphans;

use crate::docker::engine::Engine;
use crate::paths::Paths;

/// Portainer as it is, and what [`apply`] would change.
///
/// # Errors
/// Docker cannot be asked, or the certificate not be read.
pub async fn view(
    paths: &Paths,
    engine: &Engine,
    spec: &PortainerSpec,
) -> Result<PortainerView, InstanceError> {
    let wanted = desired::containers(spec, &paths.portainer_password());
    let seen = observe::observe(paths, engine).await?;
    let steps = plan::plan(&wanted, &seen, spec);
    Ok(PortainerView {
        changes: steps.iter().map(plan::Step::change).collect(),
        certificate: seen.certificate,
        server: seen.server.map(found::FoundContainer::shown),
        agent: seen.agent.map(found::FoundContainer::shown),
    })
}
