//! Makes a Swarm with this guest as its first manager.

use std::time::Duration;

use bollard::models::SwarmInitRequest;
use phoenix_common::wire::{Change, ChangeVerb, SwarmInit, WorkReport};

use super::decide::{self, Step};
use super::error::SwarmError;
use super::{leave, state};
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::facts::addresses;
use crate::progress::ProgressLog;

/// Where every member listens: Docker's own port for the control plane, on all addresses.
pub(super) const LISTEN_ADDRESS: &str = "0.0.0.0:2377";
/// Prefix of each overlay network cut from the pool; Docker's own default.
const SUBNET_BITS: u32 = 24;

/// Makes the Swarm unless this guest is a manager already.
///
/// # Errors
/// The guest is in a Swarm as something else, or the request is wrong: the engine would take an address
/// that is not the guest's, and then nobody could ever join.
pub async fn run(
    engine: &Engine,
    request: &SwarmInit,
    progress: &mut ProgressLog,
) -> Result<WorkReport, SwarmError> {
    if request.default_address_pool.is_empty() {
        return Err(SwarmError::NoAddressPool);
    }
    check_address(&request.advertise_address)?;
    match decide::init(&state::settled(engine).await?)? {
        Step::Nothing => {
            progress.step("swarm", "this guest is a manager already");
            return Ok(WorkReport::default());
        }
        Step::LeaveThenEnter => leave::force(engine, progress).await?,
        Step::Enter => {}
    }
    progress.step(
        "swarm",
        &format!("init, advertised as {}", request.advertise_address),
    );
    let body = SwarmInitRequest {
        listen_addr: Some(LISTEN_ADDRESS.to_owned()),
        advertise_addr: Some(request.advertise_address.clone()),
        default_addr_pool: Some(request.default_address_pool.clone()),
        subnet_size: Some(SUBNET_BITS),
        ..SwarmInitRequest::default()
    };
    let slow = engine.with_call_deadline(Duration::from_mins(1))?;
    slow.docker()
        .init_swarm(body)
        .await
        .map_err(|error| EngineError::from_bollard("POST /swarm/init", error))?;
    state::joined(engine, Duration::from_secs(30)).await?;
    progress.step("swarm", "this guest is its first manager");
    Ok(WorkReport {
        changes: vec![Change {
            verb: ChangeVerb::Create,
            subject: "swarm".to_owned(),
            fields: Vec::new(),
        }],
        warnings: Vec::new(),
    })
}

/// An address to advertise must be one of this guest's.
pub(super) fn check_address(address: &str) -> Result<(), SwarmError> {
    if addresses::is_local(address) {
        return Ok(());
    }
    Err(SwarmError::AddressNotLocal {
        address: address.chars().take(64).collect(),
        own: addresses::local(),
    })
}
