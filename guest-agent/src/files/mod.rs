//! Files from the hypervisor on the guest's volumes.
//!
//! Invariant: no path leaves its volume. Every step below a mount point is opened beneath it and through no link
//! (openat2), since whoever can write to the share can put links there.

mod beneath;
pub mod error;
pub mod execute;
pub mod observe;
pub mod observed;
mod placed;
pub mod plan;
