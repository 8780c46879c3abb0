//! What `phoenix-hook` and `phoenix-guest-agent` share.
//!
//! Floor 0 (pure): [`vmid`], [`secret`], [`untrusted`], [`observed`], [`digest`], [`spec`], [`wire`].
//! Floor 1 (effects): [`command`], [`fs`], [`retry`], [`log`], `qga` (a feature: the hypervisor's side only).

pub mod command;
#[cfg(feature = "config")]
pub mod config;
pub mod digest;
pub mod fail_point;
pub mod fs;
pub mod log;
pub mod observed;
#[cfg(feature = "qga")]
pub mod qga;
pub mod retry;
pub mod secret;
pub mod spec;
pub mod untrusted;
pub mod vmid;
pub mod wire;
