//! The infrastructure layer of this guest: base setup and Docker, made as the spec says.

pub mod action;
pub mod apply;
mod apt;
mod authorized_keys;
pub mod check;
mod docker_service;
pub mod error;
mod execute;
mod files;
mod locale;
pub mod observe;
pub mod observed;
pub mod plan;
mod timezone;
mod unattended;
