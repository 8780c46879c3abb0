//! The relay behaves like QEMU's chardev in front of a guest's agent.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

use std::thread::sleep;
use std::time::{Duration, Instant};

use phoenix_tests::lab::Suite::Bookworm;
use phoenix_tests::lab::{Guest, Lab, LabSpec, QgaConnection};
use serde_json::{Value, json};

fn connect(guest: &Guest, seconds: u64) -> QgaConnection {
    QgaConnection::connect(&guest.qga_socket(), Duration::from_secs(seconds)).unwrap()
}

#[test]
fn one_client_at_a_time_over_one_channel() {
    let spec = LabSpec::new().guest(1001, Bookworm);
    let Some(lab) = Lab::for_test(&spec) else {
        return;
    };
    let guest = lab.guest(1001);
    the_second_client_waits(&guest);
    a_stale_reply_reaches_the_next_client(&guest);
    half_a_request_spoils_the_next_clients(&guest);
    requests_wait_for_an_agent_that_is_away(&guest);
    the_connection_ends_with_qemu(&guest);
}

fn the_second_client_waits(guest: &Guest) {
    let mut first = connect(guest, 5);
    first.sync().unwrap();
    let mut second = connect(guest, 1);
    second.send(b"{\"execute\":\"guest-ping\"}\n").unwrap();
    let asked = Instant::now();
    assert!(second.read_until(b'\n').is_err(), "served beside the first");
    assert!(asked.elapsed() >= Duration::from_millis(900));
    first.sync().unwrap();
    drop(first);
    // What it sent while it waited is answered now.
    assert_eq!(second.read_until(b'\n').unwrap(), br#"{"return": {}}"#);
}

fn a_stale_reply_reaches_the_next_client(guest: &Guest) {
    let mut first = connect(guest, 5);
    first.sync().unwrap();
    let long = json!({"execute": "guest-info"});
    first.send(format!("{long}\n").as_bytes()).unwrap();
    drop(first);
    let mut second = connect(guest, 5);
    let line = second.read_until(b'\n').unwrap();
    assert!(
        line.starts_with(br#"{"return": {"version""#),
        "the other's answer comes first"
    );
    second.sync().unwrap();
    assert_eq!(second.ask("guest-ping", &Value::Null).unwrap(), json!({}));
}

fn half_a_request_spoils_the_next_clients(guest: &Guest) {
    let mut first = connect(guest, 5);
    first.sync().unwrap();
    first.send(b"{\"execute\":\"guest-").unwrap();
    drop(first);
    let mut second = connect(guest, 5);
    let spoiled = second.ask("guest-ping", &Value::Null).unwrap_err();
    assert!(
        spoiled.to_string().contains("JSON parse error"),
        "{spoiled}"
    );
    second.sync().unwrap();
    assert_eq!(second.ask("guest-ping", &Value::Null).unwrap(), json!({}));
}

fn requests_wait_for_an_agent_that_is_away(guest: &Guest) {
    let mut open = connect(guest, 10);
    open.sync().unwrap();
    guest.sh("systemctl stop qemu-guest-agent").unwrap();
    open.send(b"{\"execute\":\"guest-ping\"}\n").unwrap();
    sleep(Duration::from_millis(300));
    guest.sh("systemctl start qemu-guest-agent").unwrap();
    // The host's connection outlived the agent, and the request waited in it.
    assert_eq!(open.read_until(b'\n').unwrap(), br#"{"return": {}}"#);
    drop(open);

    guest.sh("systemctl stop qemu-guest-agent").unwrap();
    let mut leaving = connect(guest, 1);
    leaving.send(b"{\"execute\":\"guest-info\"}\n").unwrap();
    let silent = leaving.read_until(b'\n');
    assert!(silent.is_err(), "nobody is there to answer");
    drop(leaving);
    sleep(Duration::from_millis(100));
    guest.sh("systemctl start qemu-guest-agent").unwrap();
    // A request of one who has left is not answered to the next.
    let mut next = connect(guest, 10);
    assert_eq!(next.ask("guest-ping", &Value::Null).unwrap(), json!({}));
}

#[test]
fn agents_can_be_forbidding_and_hostile() {
    let spec = LabSpec::new().guest(1001, Bookworm);
    let Some(lab) = Lab::for_test(&spec) else {
        return;
    };
    let guest = lab.guest(1001);
    guest.block_agent_commands("guest-exec").unwrap();
    let blocked = guest.qga().unwrap();
    let seconds = Duration::from_secs(5);
    let refusal = { blocked }.exec(&["/bin/true"], seconds).unwrap_err();
    assert!(refusal.to_string().contains("disabled"), "{refusal}");
    guest.block_agent_commands("").unwrap();
    assert!(
        guest
            .qga()
            .unwrap()
            .exec(&["/bin/true"], seconds)
            .unwrap()
            .success()
    );

    let hostile = guest.answer_as_agent(vec![b'x'; 1 << 20]).unwrap();
    let mut open = connect(&guest, 2);
    open.send(b"{\"execute\":\"guest-ping\"}\n").unwrap();
    // A megabyte without a line end.
    assert!(open.read_until(b'\n').is_err());
    drop((open, hostile));
    guest.wait_agent().unwrap();
}

fn the_connection_ends_with_qemu(guest: &Guest) {
    let mut open = connect(guest, 10);
    open.sync().unwrap();
    guest.kill().unwrap();
    let asked = Instant::now();
    assert!(open.read_until(b'\n').is_err());
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "at once, not by a time-out"
    );
    assert!(!guest.qga_socket().exists());
}
