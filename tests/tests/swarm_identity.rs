//! Members whose state went back, was copied, or ran out: noticed, and brought back without a trace of the old.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use phoenix_tests::trio::Trio;

/// Everything of the Swarm on a guest's disk, as a snapshot has it.
const SWARM: &str = "/var/lib/docker/swarm";

/// Each guest has exactly one entry, ready, with its label: no phantom, nothing missing.
const WHOLE: [&str; 3] = [
    "vm1001 ready 1001",
    "vm1002 ready 1002",
    "vm1003 ready 1003",
];

fn nodes(trio: &Trio) -> Vec<String> {
    let format =
        "{{.Description.Hostname}} {{.Status.State}} {{index .Spec.Labels \"phoenix.vmid\"}}";
    let script = format!("docker node inspect $(docker node ls -q) --format '{format}'");
    let mut nodes: Vec<String> = trio.manager(&script).lines().map(str::to_owned).collect();
    nodes.sort();
    nodes
}

fn node_id(trio: &Trio, vmid: u32) -> String {
    let guest = trio.0.0.guest(vmid);
    let said = guest.docker("info --format {{.Swarm.NodeID}}").unwrap();
    said.trim().to_owned()
}

/// `phoenix run` until the Swarm is whole: an entry is found down only some seconds after its node has left.
fn heals(trio: &Trio, vmid: u32, reason: &str) {
    let ran = trio.0.phoenix(&format!("run {vmid} post-start")).unwrap();
    let said = ran.stdout + &ran.stderr;
    assert!(
        ran.code == 0 && said.contains(reason),
        "no {reason:?} in {said}"
    );
    trio.until(&format!("whole after: {reason}"), || {
        nodes(trio) == WHOLE || {
            trio.0.phoenix(&format!("run {vmid} post-start")).unwrap();
            false
        }
    });
    let ran = trio.0.phoenix(&format!("run {vmid} post-start")).unwrap();
    assert!(ran.stdout.contains("nothing written"), "{}", ran.stdout);
}

fn sh(trio: &Trio, vmid: u32, script: &str) {
    trio.0.0.guest(vmid).sh(script).unwrap();
}

/// What a rollback to a snapshot without memory does: the disk is the old one, and everything starts.
fn put_back(trio: &Trio, vmid: u32, snapshot: &str) {
    let script = format!(
        "systemctl stop docker.socket docker.service; rm -rf {SWARM}; cp -a {snapshot} {SWARM}; systemctl start docker.socket docker.service"
    );
    sh(trio, vmid, &script);
}

#[test]
fn a_membership_that_is_not_what_it_says_is_healed() {
    let Some(trio) = Trio::for_test().unwrap() else {
        return;
    };
    // Only what is tried here shall act.
    trio.0
        .0
        .node()
        .sh("systemctl stop phoenix-worker.path")
        .unwrap();
    removed_by_force(&trio);
    rolled_back(&trio);
    copied(&trio);
    run_out(&trio);
    the_managers_disk_went_back(&trio);
    the_manager_was_rebuilt(&trio);
}

/// The engine goes on saying that it is a member; once restarted it says `pending` for ever.
fn removed_by_force(trio: &Trio) {
    const FORGOTTEN: &str = "the cluster does not know its node any more";
    trio.manager(&format!("docker node rm --force {}", node_id(trio, 1002)));
    heals(trio, 1002, FORGOTTEN);
    trio.manager(&format!("docker node rm --force {}", node_id(trio, 1002)));
    sh(trio, 1002, "systemctl restart docker.service");
    heals(trio, 1002, FORGOTTEN);
}

fn rolled_back(trio: &Trio) {
    sh(trio, 1002, &format!("cp -a {SWARM} /root/snapshot"));
    let before = node_id(trio, 1002);
    sh(trio, 1002, "docker swarm leave");
    heals(trio, 1002, "join Swarm default as worker");
    assert_ne!(node_id(trio, 1002), before);
    put_back(trio, 1002, "/root/snapshot");
    heals(trio, 1002, "the cluster does not know its node any more");
    assert_ne!(node_id(trio, 1002), before);
}

/// Guest 1003 gets a copy of 1002's disk, as a clone does.
fn copied(trio: &Trio) {
    let original = node_id(trio, 1002);
    let archive = trio.0.0.guest(1002).path("/root/clone.tar").unwrap();
    sh(trio, 1002, &format!("tar -cf /root/clone.tar -C {SWARM} ."));
    let archive = std::fs::read(archive).unwrap();
    trio.0
        .0
        .guest(1003)
        .write("/root/clone.tar", archive, 0o600)
        .unwrap();
    sh(
        trio,
        1003,
        "mkdir /root/clone; tar -xf /root/clone.tar -C /root/clone",
    );
    put_back(trio, 1003, "/root/clone");
    heals(trio, 1003, "its disk is a copy of guest 1002's");
    assert_eq!(node_id(trio, 1002), original);
    assert_ne!(node_id(trio, 1003), original);
}

/// A certificate of the node's own name that was valid last year.
fn run_out(trio: &Trio) {
    let script = format!(
        "set -e; systemctl stop docker.socket docker.service; cd {SWARM}/certificates
        subject=\"$(openssl x509 -in swarm-node.crt -noout -subject -nameopt compat | sed 's/^subject= *//')\"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout swarm-node.key \
            -subj \"$subject\" -not_before 20250101000000Z -not_after 20250201000000Z -out swarm-node.crt
        systemctl start docker.socket docker.service"
    );
    sh(trio, 1002, &script);
    heals(trio, 1002, "its certificate is no longer valid");
}

/// The cluster itself is an older one: a worker that joined since is not in it.
fn the_managers_disk_went_back(trio: &Trio) {
    sh(trio, 1003, "docker swarm leave");
    trio.manager(&format!(
        "until docker node ls | grep -q Down; do sleep 0.3; done; docker node rm vm1003
        systemctl stop docker.socket docker.service; cp -a {SWARM} /root/snapshot; systemctl start docker.socket docker.service"
    ));
    heals(trio, 1003, "join Swarm default as worker");
    put_back(trio, 1001, "/root/snapshot");
    let ran = trio.0.phoenix("run 1001 post-start").unwrap();
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    heals(trio, 1003, "the cluster does not know its node any more");
}

fn the_manager_was_rebuilt(trio: &Trio) {
    sh(trio, 1001, "docker swarm leave --force");
    let ran = trio.0.phoenix("run 1001 post-start").unwrap();
    assert!(
        ran.stdout.contains("converged"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let gone = "the cluster does not know its node any more";
    let ran = trio.0.phoenix("run 1002 post-start").unwrap();
    assert!(ran.stderr.contains(gone), "{}{}", ran.stdout, ran.stderr);
    heals(trio, 1003, gone);
}
