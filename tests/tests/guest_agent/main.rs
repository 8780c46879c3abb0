//! The guest agent in real guests, over the real QEMU guest agent.

mod base_setup;
mod docker;
mod jobs;
mod stack;
mod swarm;

use phoenix_tests::agent::{ask, end, facts, lab, nothing_done, start, up, work};
use phoenix_tests::lab::Suite::{Bookworm, Trixie};
use serde_json::json;

#[test]
fn facts_are_the_guests() {
    let Some(lab) = lab(&[(1001, Bookworm), (1002, Trixie)]) else {
        return;
    };
    for (vmid, version, api) in [(1001, "12", "1.41"), (1002, "13", "1.45")] {
        let guest = lab.guest(vmid);
        guest.wait_docker().unwrap();
        let facts = facts(&guest);
        let boot_id = guest.read("/proc/sys/kernel/random/boot_id").unwrap();
        assert_eq!(facts["boot_id"], boot_id.trim());
        assert_eq!(facts["hostname"], guest.hostname());
        assert_eq!(
            (&facts["os_id"], &facts["os_version"]),
            (&json!("debian"), &json!(version))
        );
        // Docker's bridge is no address of the guest.
        assert_eq!(
            facts["addresses"],
            json!([format!("{}/24", guest.address())])
        );
        let docker = &facts["docker"]["known"]["running"];
        assert_eq!(
            (&docker["api_version"], &docker["swarm"]),
            (&json!(api), &json!("inactive"))
        );
    }
}
