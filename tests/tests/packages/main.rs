//! Both Debian packages, installed for real: the hypervisor's on the node, the guests' in a guest.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test program: its panic is its report"
)]

mod archive;
mod fence;
mod life;
mod queue;

use phoenix_tests::lab::{Guest, Lab, LabSpec, NodeSpec};

use archive::Archive;

/// A lab with a node and nothing of Phoenix on it; `None` where no lab can be.
fn bare_node() -> Option<(Lab, Guest)> {
    let lab = Lab::for_test(&LabSpec::new().node(NodeSpec::new()))?;
    let node = lab.machine("pve1").unwrap();
    node.wait_running().unwrap();
    node.sh("mkdir -p /var/lib/vz/snippets").unwrap();
    Some((lab, node))
}

/// Copies the package there and installs it; what dpkg and the maintainer scripts said.
fn install(machine: &Guest, archive: &Archive) -> String {
    machine
        .write("/root/package.deb", archive.bytes(), 0o644)
        .unwrap();
    machine.sh("dpkg --install /root/package.deb 2>&1").unwrap()
}
