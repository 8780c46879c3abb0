//! The stack engine: does what `docker stack deploy` and `docker stack rm` do, with a plan first,
//! writes only where something differs, and a truthful end.
//!
//! The pure half, stage by stage: [`yaml`] → [`interpolate`] → [`schema`] → [`load`] (→ [`model`]) →
//! [`merge`] → [`convert`] (→ [`spec`]) → [`preflight`] → [`planner`]. The live half reads
//! ([`snapshot`], [`tasks`]), writes ([`apply`]) and waits ([`converge`]).

pub mod apply;
pub mod bind_folders;
mod binds;
pub mod compose;
pub mod converge;
pub mod convert;
pub mod dependency;
pub mod deploy;
pub mod diff;
pub mod eligible;
pub mod error;
pub mod fault;
pub mod files;
pub mod health;
pub mod input;
pub mod interpolate;
pub mod live;
pub mod load;
pub mod masked;
pub mod merge;
pub mod model;
pub mod names;
pub mod notice;
pub mod operation;
pub mod order;
pub mod planner;
pub mod ports;
pub mod preflight;
pub mod registry;
pub mod remove;
pub mod resolve;
pub mod rollback;
pub mod schema;
mod secret_probe;
mod shown;
pub mod snapshot;
pub mod spec;
pub mod status;
pub mod tasks;
pub mod text;
pub mod volumes;
pub mod yaml;

pub use error::StackError;
pub use input::LocalStack;
pub use masked::{deploy, deploy_as_work, deploy_local, plan, plan_local};
pub use remove::remove;
pub use status::{all, status};
pub use volumes::{remove_volumes, volumes};
