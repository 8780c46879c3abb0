//! The way to the server: where the primary guest is, and which certificate it has.

use std::time::Duration;

use phoenix_common::retry::Deadline;
use phoenix_common::spec::PortainerSpec;
use phoenix_common::vmid::Vmid;
use phoenix_common::wire::{Answer, RequestBody};

use super::credentials::SecretFiles;
use super::error::PortainerError;
use super::{Client, Session};
use crate::channel::{Channel, ChannelError};
use crate::context::Context;
use crate::https::{Fingerprint, Trust};

/// The server's plain HTTP.
pub const HTTP_PORT: u16 = 9000;
const QUESTION: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    #[error("guest {vmid} runs Portainer and has no network_config: nobody knows its address")]
    NoAddress { vmid: Vmid },
    #[error("the certificate of Portainer in guest {vmid}")]
    Guest {
        vmid: Vmid,
        source: Box<ChannelError>,
    },
    #[error("guest {vmid} answered another question than was asked")]
    OtherAnswer { vmid: Vmid },
    #[error("Portainer does not run in guest {vmid} yet")]
    NotRunning { vmid: Vmid },
    #[error("Portainer in guest {vmid} has made no certificate yet")]
    NoCertificate { vmid: Vmid },
    #[error(transparent)]
    Portainer(#[from] PortainerError),
}

impl ReachError {
    /// Whether it may pass by itself.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoAddress { .. } => false,
            Self::Guest { source, .. } => source.is_transient(),
            Self::OtherAnswer { .. } | Self::NotRunning { .. } | Self::NoCertificate { .. } => true,
            Self::Portainer(error) => error.is_transient(),
        }
    }
}

/// A session with the server in guest `vmid`, with the stored key.
///
/// # Errors
/// The guest cannot be asked, or there is nothing to reach yet.
pub async fn connect(context: &Context, vmid: Vmid) -> Result<Session, ReachError> {
    let guest = context.config.guests.get(&vmid);
    let network = guest.and_then(|guest| guest.network);
    let address = network
        .ok_or(ReachError::NoAddress { vmid })?
        .address
        .addr();
    let settings = &context.config.hypervisor.portainer;
    let (port, trust) = if settings.plain_http {
        (HTTP_PORT, Trust::PlainHttp)
    } else {
        let pem = certificate(context, vmid).await?;
        let pin = Fingerprint::of_pem(&pem).ok_or(ReachError::NoCertificate { vmid })?;
        (settings.https_port, Trust::Pinned(pin))
    };
    let client = Client::new(&address.to_string(), port, &trust)?;
    Ok(Session::open(client, &SecretFiles::new(&context.paths))?)
}

async fn certificate(context: &Context, vmid: Vmid) -> Result<String, ReachError> {
    let nothing = PortainerSpec {
        server: None,
        agent: None,
    };
    let question = RequestBody::Portainer(Box::new(nothing));
    let channel = Channel::to_vm(vmid, &context.paths);
    match channel.answer(question, Deadline::after(QUESTION)).await {
        Ok(Answer::Portainer(view)) => match (view.server, view.certificate) {
            (Some(server), Some(certificate)) if server.state == "running" => Ok(certificate),
            (Some(server), None) if server.state == "running" => {
                Err(ReachError::NoCertificate { vmid })
            }
            _ => Err(ReachError::NotRunning { vmid }),
        },
        Ok(_) => Err(ReachError::OtherAnswer { vmid }),
        Err(source) => Err(ReachError::Guest {
            vmid,
            source: Box::new(source),
        }),
    }
}
