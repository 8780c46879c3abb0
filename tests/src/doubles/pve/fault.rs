//! What a test may let go wrong on the node: a file each in `/run/lab-pve`, read when it matters.

use std::fs;
use std::path::PathBuf;

use super::node::Node;

/// A fault of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The copy of a clone fails at this percentage; Proxmox removes what it had made.
    CloneFails { percent: u8 },
    /// The clone's process dies at this percentage: `lock: clone` and a torn guest stay.
    CloneDies { percent: u8 },
    /// How long a clone takes for each tenth of its copy.
    SlowClone { step_millis: u64 },
    /// The cluster has no quorum: `/etc/pve` cannot be written, nothing starts.
    NoQuorum,
    /// Another node of the cluster does not answer.
    NodeGone { node: String },
}

/// The folder of the switches, from the node's root.
const FOLDER: &str = "/run/lab-pve";

impl Fault {
    /// The file that switches it on (from the node's root), and what stands in it.
    pub fn switch(&self) -> (String, String) {
        let (name, content) = match self {
            Self::CloneFails { percent } => ("clone-fails".to_owned(), percent.to_string()),
            Self::CloneDies { percent } => ("clone-dies".to_owned(), percent.to_string()),
            Self::SlowClone { step_millis } => ("slow-clone".to_owned(), step_millis.to_string()),
            Self::NoQuorum => ("no-quorum".to_owned(), String::new()),
            Self::NodeGone { node } => (format!("gone-{node}"), String::new()),
        };
        (format!("{FOLDER}/{name}"), content)
    }
}

/// The number in a switch that is on.
pub(super) fn number(node: &Node, name: &str) -> Option<u64> {
    fs::read_to_string(place(node, name))
        .ok()?
        .trim()
        .parse()
        .ok()
}

pub(super) fn is_on(node: &Node, name: &str) -> bool {
    place(node, name).exists()
}

fn place(node: &Node, name: &str) -> PathBuf {
    node.below(FOLDER).join(name)
}
