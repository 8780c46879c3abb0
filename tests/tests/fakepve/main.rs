//! fakepve with its corrections: held to the recordings of a real server's REST answers, and the faults that
//! tests of the client switch on.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program: its panic is its report"
)]

mod http;
mod recorded;

use phoenix_tests::fakepve::FakePve;
use serde_json::{Value, json};

use http::{Answer, Http};

fn server() -> Option<(FakePve, Http)> {
    let pve = FakePve::for_test()?;
    pve.add_template(9000).unwrap();
    pve.add_token("root@pam!t1", "TOKEN", &[]).unwrap();
    let http = Http::of(&pve);
    Some((pve, http))
}

fn upid(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["data"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn clones_tell_how_far_they_are_and_may_fail() {
    let Some((pve, http)) = server() else { return };
    let body = "newid=1001&name=web&full=1";
    let clone = http.api("POST", "/nodes/pve1/qemu/9000/clone", body).await;
    let (exit, log) = http.ended(&upid(&clone)).await;
    assert_eq!(exit, "OK");
    assert!(
        log.contains(&"transferred 2.0 GiB of 2.0 GiB (100.00%)".to_owned()),
        "{log:?}"
    );
    assert_eq!(log.last().unwrap(), "TASK OK");
    let config = pve.guest(1001).unwrap()["config"].clone();
    assert_eq!(
        config["ide2"],
        "local:1001/vm-1001-cloudinit.qcow2,media=cdrom,size=4M"
    );

    pve.ask("clone", &json!({"seconds": 1, "fails_at": 40}))
        .unwrap();
    let clone = http
        .api("POST", "/nodes/pve1/qemu/9000/clone", "newid=1002&full=1")
        .await;
    let upid = upid(&clone);
    assert_eq!(pve.guest(1002).unwrap()["lock"], "clone", "while it runs");
    let (exit, log) = http.ended(&upid).await;
    assert_eq!(exit, "clone failed: copy failed: got signal 9");
    assert_eq!(
        log[log.len() - 2..],
        [String::new(), format!("TASK ERROR: {exit}")]
    );
    assert_eq!(pve.guest(1002).unwrap(), Value::Null);
}

#[tokio::test]
async fn disks_only_grow() {
    let Some((pve, http)) = server() else { return };
    let resize = async |size: &str| {
        let body = format!("disk=scsi0&size={size}");
        let answer = http.api("PUT", "/nodes/pve1/qemu/9000/resize", &body).await;
        http.ended(&upid(&answer)).await
    };
    assert_eq!(
        resize("4G").await,
        ("OK".into(), vec!["Image resized.".into(), "TASK OK".into()])
    );
    assert_eq!(resize("%2B512M").await.0, "OK");
    assert_eq!(resize("1G").await.0, "shrinking disks is not supported");
    let config = pve.guest(9000).unwrap()["config"].clone();
    assert_eq!(
        config["scsi0"],
        "local:9000/base-9000-disk-0.qcow2,size=4608M"
    );
}

#[tokio::test]
async fn quorum_locks_and_lost_nodes_are_refusals() {
    let Some((pve, http)) = server() else { return };
    pve.ask("quorum", &json!({"quorate": false})).unwrap();
    let answer = http
        .api("POST", "/nodes/pve1/qemu/9000/clone", "newid=1001")
        .await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.body["message"], "cluster not ready - no quorum?\n");
    pve.ask("quorum", &json!({"quorate": true})).unwrap();

    pve.ask("hold-lock", &json!({"vmid": 9000, "seconds": 30}))
        .unwrap();
    let answer = http
        .api("PUT", "/nodes/pve1/qemu/9000/config", "cores=2")
        .await;
    let wrong = "can't lock file '/var/lock/qemu-server/lock-9000.conf' - got timeout\n";
    assert_eq!(
        (answer.status, &answer.body["message"]),
        (500, &json!(wrong))
    );
    pve.ask("release-lock", &json!({"vmid": 9000})).unwrap();

    pve.ask("add-node", &json!({"name": "pve2", "online": false}))
        .unwrap();
    assert_eq!(http.api("GET", "/nodes/pve2/qemu", "").await.status, 595);
    assert!(pve.ask("quorum", &json!({"nonsense": 1})).is_err());
}
