//! What a guest and a stack shall be: the desired state that the hypervisor sends to the guest agent.

mod guest;
mod stack;

pub use guest::{BaseSetupSpec, DockerSpec, GuestSpec};
pub use stack::{
    Compat, ComposeText, OnFailure, PlacementSpec, ResolveImage, Rotate, StackFile, StackSpec,
};
