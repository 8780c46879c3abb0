//! The compose file format 3.0 to 3.13: keys, types and formats, as docker/cli's JSON schemas have them.

mod check;
mod deploy;
mod file;
mod service;
mod shape;
mod suggest;
mod version;

use phoenix_common::spec::Compat;

use super::fault::Problem;
use super::notice::Notices;
use super::yaml::Node;

pub use shape::Version;
pub use version::{forbidden, of as version_of};

/// All mistakes in keys and types of a file whose variables are substituted.
pub fn check(root: &Node, version: Version, compat: Compat, notices: &mut Notices) -> Vec<Problem> {
    let mut check = check::Check {
        version,
        compat,
        problems: Vec::new(),
        notices,
    };
    check.node(root, &file::FILE, "");
    check.problems
}
