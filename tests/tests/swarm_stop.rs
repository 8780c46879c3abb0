//! A Swarm node is drained before its guest is stopped, and takes tasks again when the guest runs.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test program: its panic is its report, and it prints a comparison"
)]

use std::ops::Deref;
use std::time::Duration;

use phoenix_tests::lab::{Load, Nginx, Report};
use phoenix_tests::trio::{IMAGE, LIMIT, Trio};
use serde_json::{Value, json};

/// Answers after 0.3 s with the host's name, and ends what it has begun on SIGTERM.
const SERVE: &str = r"mkdir -p /www/cgi-bin; printf '#!/bin/sh\nsleep 0.3\necho\nhostname\n' >/www/cgi-bin/slow
chmod 755 /www/cgi-bin/slow; httpd -f -p 80 -h /www & trap 'kill $!; sleep 1; exit 0' TERM; wait $!";

struct Case(Trio);

impl Deref for Case {
    type Target = Trio;

    fn deref(&self) -> &Trio {
        &self.0
    }
}

impl Case {
    /// Availability and mark of a guest's node.
    fn node_state(&self, vmid: u32) -> String {
        let format = "{{.Spec.Availability}} {{index .Spec.Labels \"phoenix.drained\"}}";
        let said = self.manager(&format!("docker node inspect vm{vmid} --format '{format}'"));
        said.trim().to_owned()
    }

    fn replicas_are_up(&self) {
        self.until("two replicas", || {
            self.manager("docker service ls --format '{{.Replicas}}' --filter name=web")
                .starts_with("2/2")
        });
    }

    fn qm(&self, words: &str) -> String {
        let ran = self.0.0.0.node().qm(words).unwrap();
        assert!(ran.success(), "qm {words}: {}{}", ran.stdout, ran.stderr);
        ran.stdout + &ran.stderr
    }

    /// What the load saw while guest 1002 was stopped, and what the stop's task said.
    fn stop_under_load(&self) -> (Report, String) {
        let url = format!("{}/cgi-bin/slow", Nginx::address());
        let load = Load::start(&self.0.0.0, &url, 4).unwrap();
        std::thread::sleep(Duration::from_secs(2));
        let said = self.qm("stop 1002");
        std::thread::sleep(Duration::from_secs(7));
        (load.stop(), said)
    }

    fn comes_back(&self, vmid: u32) {
        self.0.0.start(vmid).unwrap();
        self.converges();
    }
}

#[test]
fn a_stop_moves_the_tasks_first_and_a_start_brings_them_back() {
    let Some(case) = Trio::for_test().unwrap().map(Case) else {
        return;
    };
    case.manager(&format!(
        "docker service create --quiet --detach --name web --replicas 2 --replicas-max-per-node 1 \
         --constraint node.role==worker --endpoint-mode dnsrr --stop-grace-period 10s --hostname '{{{{.Node.Hostname}}}}' \
         --publish mode=host,target=80,published=8090 192.168.77.254:5000/{IMAGE} /bin/sh -c \"$(cat <<'END'\n{SERVE}\nEND\n)\""
    ));
    case.replicas_are_up();
    no_request_fails(&case);
    the_operators_drain_stays(&case);
    a_stop_that_does_not_come_about_is_undone(&case);
    the_nodes_own_end_drains(&case);
}

fn no_request_fails(case: &Case) {
    let nginx = Nginx::start(&case.0.0.0, &["192.168.77.12:8090", "192.168.77.13:8090"]);
    let _nginx = nginx.unwrap();
    let (drained, said) = case.stop_under_load();
    assert!(said.contains("node vm1002 drained, 1 tasks"), "{said}");
    assert_eq!(case.node_state(1002), "drain active");
    case.comes_back(1002);
    assert_eq!(case.node_state(1002), "active");
    case.replicas_are_up();

    let settings = "/etc/phoenix/phoenix_hypervisor_config.json";
    case.write(settings, &json!({"drain_seconds": 0})).unwrap();
    let (undrained, said) = case.stop_under_load();
    assert!(!said.contains("drained"), "{said}");
    case.write(settings, &json!({})).unwrap();
    case.comes_back(1002);

    println!("stop with Phoenix's drain:    {drained}");
    println!("the same stop without it:     {undrained}");
    assert!(
        drained.failures.is_empty(),
        "{drained}: {:?}",
        drained.failures
    );
    for from in ["vm1002", "vm1003"] {
        assert!(drained.answers[from] > 5, "{drained}");
    }
}

fn the_operators_drain_stays(case: &Case) {
    case.manager("docker node update --availability drain vm1003");
    let said = case.qm("stop 1003");
    assert!(said.contains("its node is drained already"), "{said}");
    case.comes_back(1003);
    assert_eq!(case.node_state(1003), "drain");
    case.manager("docker node update --availability active vm1003");
    case.replicas_are_up();
}

/// Proxmox gives up; after 15 minutes the worker does something about it. The event is made as old as this machine.
fn a_stop_that_does_not_come_about_is_undone(case: &Case) {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let is_young = uptime.split('.').next().unwrap().parse::<u64>().unwrap() < 15 * 60;
    let guest = case.0.0.0.guest(1002);
    guest
        .sh("systemctl mask --runtime poweroff.target")
        .unwrap();
    let node = case.0.0.0.node();
    let ran = node.qm("shutdown 1002 --timeout 3").unwrap();
    let said = ran.stdout + &ran.stderr;
    assert!(ran.code != 0 && said.contains("vm1002 drained"), "{said}");
    assert_eq!(case.node_state(1002), "drain active");
    // Another guest's run does not undo it.
    node.sh("phoenix run 1001 post-start").unwrap();
    assert_eq!(case.node_state(1002), "drain active");
    let older =
        "systemctl stop phoenix-worker.path phoenix-worker.service; cd /var/lib/phoenix/work
        ls | grep -q -- -1002-pre-stop- || { ls; exit 1; }
        sed -i 's/\"boottime_ns\": *[0-9]*/\"boottime_ns\": 1/' *-1002-pre-stop-*
        systemctl start phoenix-worker.path phoenix-worker.service";
    if is_young {
        println!(
            "this machine was booted less than 15 minutes ago: by hand instead of by the worker"
        );
        node.sh("phoenix run 1002 post-start").unwrap();
    } else {
        node.sh(older).unwrap();
    }
    case.until("the node takes tasks again", || {
        case.node_state(1002) == "active"
    });
    guest
        .sh("systemctl unmask --runtime poweroff.target")
        .unwrap();
    case.replicas_are_up();
}

/// `pve-guests.service` is stopped, as when the node shuts down: guest 1003 runs on another one.
fn the_nodes_own_end_drains(case: &Case) {
    let node = case.0.0.0.node();
    let list = node.read("/etc/pve/.vmlist").unwrap();
    let mut list: Value = serde_json::from_str(&list).unwrap();
    list["ids"]["1003"]["node"] = json!("pve2");
    node.sh("mkdir -p /etc/pve/nodes/pve2/qemu-server
        mv /etc/pve/nodes/pve1/qemu-server/1003.conf /etc/pve/nodes/pve2/qemu-server/")
        .unwrap();
    case.write("/etc/pve/.vmlist", &list).unwrap();
    let unit = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n\
        ExecStop=/usr/sbin/pvesh create /nodes/localhost/stopall\n";
    let place = "/etc/systemd/system/pve-guests.service";
    node.write(place, unit, 0o644).unwrap();
    // Only the tasks from here on are of interest.
    node.sh("touch /root/before").unwrap();
    let said = node
        .command(&[
            "sh",
            "-c",
            "systemctl daemon-reload; systemctl start pve-guests; systemctl stop pve-guests
            find /var/log/pve/tasks -type f -newer /root/before -exec grep -h '^phoenix: .*pre-stop: ' {} + || true",
        ])
        .unwrap()
        .deadline(LIMIT)
        .ok()
        .unwrap()
        .stdout;
    assert!(said.contains("node vm1002 drained"), "{said}");
    assert!(said.contains("0 of 1 managers are left"), "{said}");
    assert!(!node.qm("status 1002").unwrap().stdout.contains("running"));
}
