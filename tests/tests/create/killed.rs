//! `create` is killed before and behind every step. The next run goes on and comes to the same end.

use crate::estate::{declared_keys, wanted};
use crate::node::Node;

const CREATE: &str = "create 1001 --machine-only --yes";

/// Clone, core keys, disk, cloud-init keys, start: each before and behind.
const BOUNDARIES: usize = 10;

#[test]
fn at_every_step_boundary_the_next_run_goes_on() {
    let node = Node::new();
    node.arm_fail_points();
    let mut clones = 0;
    for run in 0..=BOUNDARIES {
        let ended = node.phoenix(CREATE);
        node.settle();
        clones += ended.stderr.matches("100 %").count();
        if run < BOUNDARIES {
            assert_eq!(
                ended.exit, None,
                "run {run} was not killed; is phoenix-hook built with --features fail-points? {ended:?}"
            );
        } else {
            assert_eq!(ended.exit, Some(0), "{ended:?}");
        }
    }
    let points = node.disarm_fail_points();
    assert_eq!(points.len(), BOUNDARIES, "{points:?}");
    assert_eq!(clones, 1, "cloned more than once");
    assert_eq!(declared_keys(&node.config(1001)), wanted(1001));
    assert!(node.runs(1001));
    let again = node.phoenix(CREATE);
    assert!(again.stdout.contains("nothing written"), "{again:?}");
}
