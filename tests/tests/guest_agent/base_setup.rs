//! Base setup by the guest's own programs.

use phoenix_tests::lab::Suite::{Bookworm, Trixie};
use serde_json::json;

use super::{lab, nothing_done, work};

/// A flat repository in the guest with two small packages; the second takes three seconds to install.
const REPOSITORY: &str = r#"set -e
mkdir -p /srv/repo && cd /srv/repo && : > Packages
for name in phoenix-probe phoenix-slow; do
  mkdir -p "/tmp/$name/DEBIAN"
  printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' \
    "$name" > "/tmp/$name/DEBIAN/control"
  if [ "$name" = phoenix-slow ]; then
    printf '#!/bin/sh\nsleep 3\n' > "/tmp/$name/DEBIAN/postinst"; chmod 755 "/tmp/$name/DEBIAN/postinst"
  fi
  dpkg-deb -b "/tmp/$name" "$name.deb" > /dev/null
  cat "/tmp/$name/DEBIAN/control" >> Packages
  printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' "$name" "$(stat -c %s "$name.deb")" \
    "$(sha256sum "$name.deb" | cut -d' ' -f1)" >> Packages
done
echo 'deb [trusted=yes] file:/srv/repo ./' > /etc/apt/sources.list"#;

#[test]
fn base_setup_by_real_apt_and_useradd() {
    let Some(lab) = lab(&[(1001, Bookworm), (1002, Trixie)]) else {
        return;
    };
    let spec = json!({"apply_guest": {"base_setup": {"username": "phoenix", "timezone": "Europe/Berlin",
        "ssh_authorized_keys": ["ssh-ed25519 AAAA me"], "packages": ["phoenix-probe", "bash"]},
        "docker": {}}});
    for vmid in [1001, 1002] {
        let guest = lab.guest(vmid);
        guest.wait_docker().unwrap();
        guest.sh(REPOSITORY).unwrap();
        // Another dpkg is at work.
        guest.sh("setsid dpkg -i /srv/repo/phoenix-slow.deb > /dev/null 2>&1 < /dev/null & sleep 0.5").unwrap();
        let state = work(&guest, "apply", &spec);
        assert_eq!(
            state["succeeded"]["changes"].as_array().unwrap().len(),
            4,
            "{state}"
        );
        let seen = guest
            .sh("dpkg-query -W -f '${Status} ' phoenix-probe phoenix-slow; stat -c '%U %a' \
                 ~phoenix/.ssh ~phoenix/.ssh/authorized_keys; readlink /etc/localtime; touch /run/mark")
            .unwrap();
        assert_eq!(
            seen,
            "install ok installed install ok installed phoenix 700\nphoenix 600\n\
             /usr/share/zoneinfo/Europe/Berlin"
        );
        assert_eq!(work(&guest, "again", &spec), nothing_done());
        let newer = guest
            .sh(
                "find / -xdev -newer /run/mark -not -path '/run/*' -not -path '/var/log/*' \
                 -not -path '/proc/*' -not -path '/sys/*' -not -path '/dev/*' -type f",
            )
            .unwrap();
        assert_eq!(newer, "", "a second run writes no file");
        assert_eq!(guest.docker_writes(), [""; 0]);
    }
}

#[test]
fn a_mirror_that_is_down_is_said() {
    let Some(lab) = lab(&[(1001, Bookworm)]) else {
        return;
    };
    let guest = lab.guest(1001);
    guest
        .sh("echo 'deb http://192.168.77.99/debian bookworm main' > /etc/apt/sources.list")
        .unwrap();
    let state = work(
        &guest,
        "apply",
        &json!({"apply_guest": {"base_setup": {"packages": ["phoenix-probe"]}}}),
    );
    assert_eq!(state["failed"]["kind"], "retryable", "{state}");
    let messages = state["failed"]["messages"].to_string();
    assert!(messages.contains("update failed"), "{messages}");
}
