//! Base setup and Docker by the real binary in a guest that is a folder with programs of its own.

#![cfg(test)]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::{Value, json};
use support::fake_engine::{FakeEngine, Says};
use support::guest::Guest;

const DPKG_QUERY: &str =
    r#"while read name; do printf 'installed\t%s\t\n' "$name"; done < "$ROOT/installed""#;
/// Installs what stands after `--`.
const APT_GET: &str = r#"case "$*" in *update) exit 0;; esac
while [ "$1" != -- ]; do shift; done; shift
for name; do echo "$name" >> "$ROOT/installed"; done
[ -e "$ROOT/usr/share/zoneinfo/UTC" ] || { mkdir -p "$ROOT/usr/share/zoneinfo/Europe"
  touch "$ROOT/usr/share/zoneinfo/UTC" "$ROOT/usr/share/zoneinfo/Europe/Berlin"; }"#;
const USERADD: &str = r#"for name; do :; done
echo "$name:x:$(id -u):$(id -g)::/home/$name:/bin/bash" >> "$ROOT/etc/passwd"; mkdir -p "$ROOT/home/$name""#;
const SYSTEMCTL: &str = r#"state=$(cat "$ROOT/enabled" 2>/dev/null || echo disabled)
case "$1" in
show) printf 'Id=docker.socket\nLoadState=loaded\nUnitFileState=%s\n\n' "$state"
      printf 'Id=docker.service\nLoadState=loaded\nUnitFileState=%s\n' "$state";;
enable) echo enabled > "$ROOT/enabled";;
esac"#;

fn guest() -> Guest {
    let guest = Guest::new();
    guest.write("installed", "base-files\n");
    guest.write("etc/passwd", "root:x:0:0::/root:/bin/bash\n");
    guest.write("etc/group", "root:x:0:\n");
    for (name, script) in [
        ("dpkg-query", DPKG_QUERY),
        ("apt-get", APT_GET),
        ("apt-cache", "echo '  Candidate: 26.1'"),
        ("useradd", USERADD),
        ("systemctl", SYSTEMCTL),
    ] {
        guest.program(name, script);
    }
    guest
}

fn spec() -> Value {
    json!({"base_setup": {"username": "phoenix", "ssh_authorized_keys": ["ssh-ed25519 AAAA me"],
        "packages": ["curl", "base-files"], "timezone": "Europe/Berlin"}})
}

fn writes(guest: &Guest) -> Vec<String> {
    let reads = ["dpkg-query ", "systemctl show", "apt-cache "];
    guest
        .calls()
        .into_iter()
        .filter(|call| !reads.iter().any(|read| call.starts_with(read)))
        .collect()
}

/// Every file below `folder` but jobs and the log of calls, with what a write would move.
fn snapshot(folder: &Path, into: &mut BTreeMap<String, (u64, i64, i64)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        let name = path.display().to_string();
        if name.ends_with("/calls") || name.ends_with("/run") {
            continue;
        }
        into.insert(
            name,
            (metadata.ino(), metadata.ctime(), metadata.ctime_nsec()),
        );
        if metadata.is_dir() {
            snapshot(&path, into);
        }
    }
}

fn files(guest: &Guest) -> BTreeMap<String, (u64, i64, i64)> {
    let mut files = BTreeMap::new();
    snapshot(guest.root(), &mut files);
    files
}

#[test]
fn the_plan_is_what_is_done_and_a_second_run_writes_nothing() {
    let guest = guest();
    let plan = guest.ask(&json!({"plan_guest": spec()}))["ok"]["plan_guest"].clone();
    assert_eq!(writes(&guest), [""; 0], "a plan changes nothing");
    let subjects: Vec<&str> = plan
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["subject"].as_str().unwrap())
        .collect();
    let wanted = [
        "package curl",
        "package tzdata",
        "user phoenix",
        "authorized_keys of phoenix",
        "time zone",
    ];
    assert_eq!(subjects, wanted);
    let state = guest.work("first", &json!({"apply_guest": spec()}));
    assert_eq!(state["succeeded"]["changes"], plan, "{state}");
    assert_eq!(
        guest.read("home/phoenix/.ssh/authorized_keys"),
        "ssh-ed25519 AAAA me\n"
    );
    assert!(
        writes(&guest)
            .iter()
            .any(|call| call.ends_with("-- curl tzdata"))
    );
    let (calls, before) = (writes(&guest), files(&guest));
    let again = guest.work("second", &json!({"apply_guest": spec()}));
    assert_eq!(again, json!({"succeeded": {"changes": [], "warnings": []}}));
    assert_eq!(writes(&guest), calls);
    assert_eq!(files(&guest), before);
}

#[test]
fn apt_is_not_believed() {
    let guest = guest();
    guest.program("apt-get", "exit 0");
    let state = guest.work(
        "apply",
        &json!({"apply_guest": {"base_setup": {"packages": ["curl"]}}}),
    );
    let failure = &state["failed"]["messages"][0];
    assert!(
        failure
            .as_str()
            .unwrap()
            .contains("still not so: package curl"),
        "{state}"
    );
}

#[test]
fn a_mirror_that_is_down_is_named() {
    let guest = guest();
    let script =
        "case \"$*\" in *update) echo 'E: Failed to fetch http://deb/ Connection refused' >&2;;
        *) echo 'E: Package docker.io has no installation candidate' >&2;; esac; exit 100";
    guest.program("apt-get", script);
    let state = guest.work("apply", &json!({"apply_guest": {"docker": {}}}));
    assert_eq!(state["failed"]["kind"], "retryable", "{state}");
    let messages = state["failed"]["messages"].to_string();
    assert!(messages.contains("Connection refused"), "{messages}");
    assert!(messages.contains("no installation candidate"), "{messages}");
}

#[test]
fn an_engine_of_no_package_is_an_engine() {
    let guest = guest();
    let _engine = guest.engine(|_| Says::error(404, "nothing else is asked"));
    let plan = guest.ask(&json!({"plan_guest": {"docker": {}}}));
    assert_eq!(plan, json!({"ok": {"plan_guest": []}}));
}

#[test]
fn a_cut_off_dpkg_is_configured_first() {
    let guest = guest();
    let script = format!(
        "[ -e \"$ROOT/configured\" ] || case \"$*\" in *install*) echo \"E: dpkg was interrupted, you must \
         manually run 'dpkg --configure -a' to correct the problem.\" >&2; exit 100;; esac\n{APT_GET}"
    );
    guest.program("apt-get", &script);
    guest.program("dpkg", "touch \"$ROOT/configured\"");
    let state = guest.work(
        "apply",
        &json!({"apply_guest": {"base_setup": {"packages": ["curl"]}}}),
    );
    assert!(state["succeeded"].is_object(), "{state}");
    assert!(
        writes(&guest)
            .iter()
            .any(|call| call.starts_with("dpkg --force-confdef"))
    );
}

#[test]
fn docker_is_installed_enabled_and_asked() {
    let guest = guest();
    std::fs::create_dir_all(guest.path("run/systemd")).unwrap();
    let units = guest.path("run/systemd/system");
    let socket = guest.path("engine.sock");
    let engine = FakeEngine::start(&socket, |_| Says::error(404, "nothing else is asked"));
    // The engine appears with the package, and the units' folder, as jobs run without systemd-run here.
    let appear = format!(
        "mkdir -p {} \"$ROOT/var/run\"; ln -sf {} \"$ROOT/var/run/docker.sock\"",
        units.display(),
        socket.display()
    );
    guest.program("apt-get", &format!("{APT_GET}\n{appear}"));
    let state = guest.work("first", &json!({"apply_guest": {"docker": {}}}));
    assert!(state["succeeded"].is_object(), "{state}");
    let calls = writes(&guest);
    let install = calls
        .iter()
        .find(|call| call.contains(" install "))
        .unwrap();
    assert!(
        install.ends_with("-- docker.io ca-certificates docker-cli"),
        "{install}"
    );
    assert!(install.contains("DPkg::Lock::Timeout=300") && install.contains("--force-confold"));
    assert_eq!(
        calls.last().unwrap(),
        "systemctl enable docker.socket docker.service"
    );
    assert_eq!(engine.writes(), [""; 0]);
    std::fs::remove_dir(units).unwrap();
    let again = guest.work("second", &json!({"apply_guest": {"docker": {}}}));
    assert_eq!(again, json!({"succeeded": {"changes": [], "warnings": []}}));
    assert_eq!(writes(&guest), calls);
}

#[test]
fn cloud_init_is_awaited_and_the_guest_looked_at_again() {
    let guest = guest();
    guest.write("usr/bin/cloud-init", "");
    guest.write("run/cloud-init/enabled", "");
    let work = json!({"apply_guest": {"base_setup": {"packages": ["curl"]}}});
    guest.start_job("apply", &work);
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(guest.job_status("apply")["state"], "running");
    assert_eq!(writes(&guest), [""; 0]);
    // cloud-init installs it and ends.
    guest.write("installed", "curl\n");
    guest.write("run/cloud-init/result.json", r#"{"v1": {"errors": []}}"#);
    let status = loop {
        let status = guest.job_status("apply");
        if status["state"] != "running" {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!(
        status["state"]["succeeded"]["changes"],
        json!([]),
        "{status}"
    );
    assert_eq!(writes(&guest), [""; 0]);
}

#[test]
fn words_that_are_options_or_paths_reach_no_program() {
    let guest = guest();
    for base_setup in [
        json!({"packages": ["--purge"]}),
        json!({"username": "-m"}),
        json!({"timezone": "../../etc/shadow"}),
        json!({"locale": "x y"}),
        json!({"ssh_authorized_keys": ["ssh-rsa A"]}),
        json!({"username": "me", "ssh_authorized_keys": ["a\nb"]}),
    ] {
        let outcome = guest.ask(&json!({"plan_guest": {"base_setup": base_setup}}));
        assert_eq!(outcome["err"]["kind"], "input", "{outcome}");
    }
    assert_eq!(guest.calls(), [""; 0]);
}

#[test]
fn a_cloud_init_that_died_holds_nothing_up() {
    let guest = guest();
    guest.write("usr/bin/cloud-init", "");
    guest.write("run/cloud-init/enabled", "");
    std::fs::create_dir_all(guest.path("run/systemd/system")).unwrap();
    guest.program(
        "systemctl",
        "printf 'ActiveState=failed\\nSubState=failed\\n'",
    );
    let facts = guest.ask(&json!("facts"));
    assert_eq!(facts["ok"]["facts"]["cloud_init"], "failed", "{facts}");
}
