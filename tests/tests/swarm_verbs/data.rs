//! Where the data of stacks lies: volumes, and folders of nodes.

use super::Case;

/// Binds a folder that is nowhere.
pub(crate) const BOUND: &str = "services:
  web:
    image: 192.168.77.254:5000/phoenix-demo/web:1
    volumes: [\"/srv/bound:/data\"]
    stop_grace_period: 1s
    deploy:
      placement:
        constraints: [\"node.platform.os == linux\"]
";

/// The node that ran the task has a volume; the other one gets one by hand that looks alike.
pub(crate) fn volumes_go_when_they_are_to(case: &Case) {
    let list = |vmid| {
        let ls = "volume ls -q --filter label=com.docker.stack.namespace=dev2_shop";
        case.estate.0.guest(vmid).docker(ls).unwrap()
    };
    let count = || {
        let of = |vmid| list(vmid).split_whitespace().count();
        of(1001) + of(1002)
    };
    assert!(count() >= 1, "the stack left its volume");
    let guest = case.estate.0.guest(1002);
    let label = "--label com.docker.stack.namespace=dev2_shop";
    guest
        .docker(&format!("volume create {label} more"))
        .unwrap();
    guest.docker("volume create other").unwrap();
    let words = "swarm rm shop --env dev2 --volumes";
    case.phoenix(
        words,
        2,
        &["for good volumes", "more on guest 1002", "--yes"],
    );
    assert!(count() >= 2);
    let done = "nothing is left of it\n";
    let said = case.phoenix(
        &format!("{words} --yes"),
        0,
        &[done, "- volume more on guest 1002"],
    );
    assert!(said.contains("- volume dev2_shop_data on guest"), "{said}");
    assert_eq!(count(), 0);
    guest.docker("volume rm other").unwrap();
}

pub(crate) fn binds_are_made_or_missed(case: &Case) {
    let before = case.estate.docker_writes();
    for guest in [1001, 1002] {
        let wanted = format!(
            "service web binds /srv/bound, which is not there on node vm{guest} (guest {guest})"
        );
        case.phoenix("swarm deploy bound --env dev3", 5, &[&wanted]);
    }
    assert_eq!(case.estate.docker_writes(), before);
    let compose = BOUND.replace("node.platform.os == linux", "node.hostname == vm1002");
    let file = "/etc/phoenix/stacks/bound/docker-compose.yml";
    case.estate.0.node().write(file, compose, 0o644).unwrap();
    let wanted = "create folder /srv/bound on guest 1002";
    case.phoenix("swarm deploy bound --env dev3", 0, &[wanted]);
    let stat = case
        .estate
        .0
        .guest(1002)
        .sh("stat -c '%a %U' /srv/bound")
        .unwrap();
    assert_eq!(stat, "755 root");
    let wanted = "runs as declared, nothing to do";
    case.phoenix("swarm deploy bound --env dev3", 0, &[wanted]);
    case.phoenix("swarm rm bound --env dev3 --yes", 0, &["removed"]);
}
