//! What a guest and a stack shall be: the desired state that the hypervisor sends to the guest agent.

mod file;
mod guest;
mod portainer;
mod stack;
mod volume;

pub use file::{FileContent, FileOwner, FileSpec};
pub use guest::{BaseSetupSpec, DockerSpec, GpuSpec, GuestSpec, UnattendedUpgradesSpec};
pub use portainer::{PortainerAgentSpec, PortainerServerSpec, PortainerSpec};
pub use stack::{
    Compat, ComposeText, DroppedKeys, OnFailure, PlacementSpec, RegistryLogin, ResolveImage,
    Rotate, StackFile, StackSpec,
};
pub use volume::{VolumeSpec, mount_point_mistake, overlaps};
