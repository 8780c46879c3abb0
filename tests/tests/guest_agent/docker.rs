//! Docker installed, enabled and started.

use phoenix_tests::lab::Suite::{self, Bookworm, Trixie};
use phoenix_tests::lab::{GuestSpec, LabSpec};
use serde_json::json;

use super::{ask, facts, lab, nothing_done, up, work};

#[test]
fn docker_that_does_not_run_is_enabled_and_started() {
    for suite in Suite::ALL {
        let spec = LabSpec::new().guest_with(GuestSpec::new(1001, suite).without_docker());
        let Some(lab) = up(&spec) else { return };
        let guest = lab.guest(1001);
        // The lab masks Docker where it shall not run.
        let unmask = "systemctl unmask docker.socket docker.service containerd.service && \
                      systemctl disable docker.socket docker.service";
        guest.sh(unmask).unwrap();
        assert_eq!(facts(&guest)["docker"], json!({"known": "stopped"}));
        let docker = json!({"apply_guest": {"docker": {}}});
        let state = work(&guest, "apply", &docker);
        assert_eq!(
            state["succeeded"]["changes"][0]["subject"], "service docker",
            "{state}"
        );
        assert!(facts(&guest)["docker"]["known"]["running"].is_object());
        let enabled = guest
            .sh("systemctl is-enabled docker.socket docker.service")
            .unwrap();
        assert_eq!(enabled, "enabled\nenabled");
        assert_eq!(work(&guest, "again", &docker), nothing_done());
    }
}

/// Turns the guest's own Docker packages back into files of a flat repository and removes them.
const DOCKER_REPOSITORY: &str = r#"set -e
mkdir -p /srv/repo && cd /srv/repo && : > Packages
for name in docker.io docker-cli; do
  dpkg-query -s "$name" > /dev/null 2>&1 || continue
  root="/tmp/$name"; mkdir -p "$root/DEBIAN"
  dpkg -L "$name" | while read -r path; do
    # Documentation is left out of the lab's trees.
    if [ -d "$path" ]; then mkdir -p "$root$path"; elif [ -e "$path" ]; then cp -a "$path" "$root$path"; fi
  done
  dpkg-query -s "$name" | sed -e '/^Status:/d' -e '/^Conffiles:/,/^[^ ]/{/^Conffiles:/d;/^ /d}' \
    > "$root/DEBIAN/control"
  for script in preinst postinst prerm postrm conffiles; do
    [ ! -e "/var/lib/dpkg/info/$name.$script" ] || cp "/var/lib/dpkg/info/$name.$script" "$root/DEBIAN/$script"
  done
  dpkg-deb -Znone -b "$root" "$name.deb" > /dev/null
  cat "$root/DEBIAN/control" >> Packages
  printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' "$name" "$(stat -c %s "$name.deb")" \
    "$(sha256sum "$name.deb" | cut -d' ' -f1)" >> Packages
done
systemctl stop docker.service docker.socket
dpkg -r --force-depends docker.io docker-cli > /dev/null 2>&1 || true
[ ! -e /usr/sbin/dockerd ]"#;

#[test]
fn docker_is_installed_from_the_guests_own_mirror() {
    let Some(lab) = lab(&[(1001, Bookworm), (1002, Trixie)]) else {
        return;
    };
    let docker = json!({"apply_guest": {"docker": {}}});
    for vmid in [1001, 1002] {
        let guest = lab.guest(vmid);
        guest.wait_docker().unwrap();
        guest.sh(DOCKER_REPOSITORY).unwrap();
        // The mirror is down: nothing is half done.
        guest
            .sh("echo 'deb http://192.168.77.99/debian x main' > /etc/apt/sources.list")
            .unwrap();
        let state = work(&guest, "down", &docker);
        assert_eq!(state["failed"]["kind"], "retryable", "{state}");
        guest
            .sh("echo 'deb [trusted=yes] file:/srv/repo ./' > /etc/apt/sources.list")
            .unwrap();
        let plan = ask(&guest, &json!({"plan_guest": {"docker": {}}}))["ok"]["plan_guest"].take();
        assert_eq!(plan[0]["subject"], "package docker.io", "{plan}");
        let state = work(&guest, "install", &docker);
        assert_eq!(state["succeeded"]["changes"], plan, "{state}");
        let seen = facts(&guest);
        assert!(seen["docker"]["known"]["running"].is_object(), "{seen}");
        let enabled = guest
            .sh("systemctl is-enabled docker.socket docker.service")
            .unwrap();
        assert_eq!(enabled, "enabled\nenabled");
        guest.sh("docker version > /dev/null").unwrap();
        assert_eq!(work(&guest, "again", &docker), nothing_done());
    }
}
