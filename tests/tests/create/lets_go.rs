//! `phoenix lets-go`: all guests, in boot order.

use crate::estate::{declared_keys, wanted};
use crate::node::Node;

#[test]
fn all_guests_are_made_in_boot_order_and_then_there_is_nothing_to_do() {
    let node = Node::new();
    let before = node.kept();
    let planned = node.phoenix("lets-go --dry-run");
    assert_eq!(planned.exit, Some(3), "{planned:?}");
    let asked = node.phoenix("LetsGo --machine-only");
    assert_eq!(asked.exit, Some(2), "{asked:?}");
    assert!(node.kept() == before, "something was written");
    let went = node.phoenix("LetsGo --machine-only --yes");
    assert_eq!(went.exit, Some(0), "{went:?}");
    let at = |words: &str| went.stderr.find(words).unwrap();
    assert!(at("start_vm: start 1001") < at("ensure_vm_defined: clone 9000 as 1002"));
    for vmid in [1001, 1002] {
        assert_eq!(declared_keys(&node.config(vmid)), wanted(vmid));
        assert!(node.runs(vmid));
    }
    node.settle();
    let before = node.kept();
    let again = node.phoenix("lets-go --machine-only");
    assert_eq!(again.exit, Some(0), "{again:?}");
    assert!(node.kept() == before, "the second run wrote something");
}

/// One guest cannot be made: the other one is, and the exit code tells it.
#[test]
fn one_that_fails_stops_no_other() {
    let node = Node::new();
    let half = "lock: create\nname: theirs\nscsi0: local:1001/vm-1001-disk-0.qcow2,size=8G\n";
    node.pve.add_guest(1001, half).unwrap();
    let went = node.phoenix("lets-go --machine-only --yes");
    assert_eq!(went.exit, Some(5), "{went:?}");
    assert!(
        went.stdout.contains("to go on: phoenix lets-go"),
        "{went:?}"
    );
    assert!(node.runs(1002));
}
