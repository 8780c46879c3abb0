//! The stack engine: does what `docker stack deploy` and `docker stack rm` do, with a plan first,
//! writes only where something differs, and a truthful end.
//!
//! Stages, each in its own module: [`yaml`] → [`interpolate`] → [`schema`] → [`load`] (→ [`model`]) →
//! [`merge`] → [`convert`] (→ [`spec`]) → [`preflight`].

pub mod compose;
pub mod convert;
pub mod diff;
pub mod fault;
pub mod files;
pub mod interpolate;
pub mod live;
pub mod load;
pub mod merge;
pub mod model;
pub mod names;
pub mod notice;
pub mod operation;
pub mod plan;
pub mod preflight;
pub mod schema;
pub mod spec;
pub mod text;
pub mod yaml;
