//! What a guest and a stack shall be: the desired state that the hypervisor sends to the guest agent.

mod guest;
mod portainer;
mod stack;

pub use guest::{BaseSetupSpec, DockerSpec, GuestSpec};
pub use portainer::{PortainerAgentSpec, PortainerServerSpec, PortainerSpec};
pub use stack::{
    Compat, ComposeText, OnFailure, PlacementSpec, ResolveImage, Rotate, StackFile, StackSpec,
};
