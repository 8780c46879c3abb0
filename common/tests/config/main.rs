//! The configuration, from files to the typed estate.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod agreement;
mod broken;
mod documents;
mod samples;
mod schemas;
mod scope;
