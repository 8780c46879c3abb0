//! A guest's configuration file, as far as Phoenix reads it.
//!
//! Grammar (`QemuServer.pm`, `parse_vm_config`; `LXC/Config.pm`): lines `key: value`; `#` lines are the
//! description; the first `[section]` ends the current configuration (snapshots, pending changes follow).

use std::collections::BTreeMap;

/// The current section: key to value, as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestConf(BTreeMap<String, String>);

impl GuestConf {
    /// Never fails: a line that is no `key: value` is passed over, as Proxmox does with a warning.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().take_while(|line| !line.starts_with('['));
        let pairs = lines.filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            is_key(key).then(|| (key.to_owned(), value.trim().to_owned()))
        });
        Self(pairs.collect())
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// `lock: backup|migrate|…`: what Proxmox is doing with the guest.
    pub fn lock(&self) -> Option<&str> {
        self.get("lock")
    }

    /// Whether the VM has a guest agent device: `agent: 1`, `agent: enabled=1,…`
    /// (`QemuServer/Agent.pm`).
    pub fn agent_enabled(&self) -> bool {
        let Some(value) = self.get("agent") else {
            return false;
        };
        value.split(',').any(|part| {
            let flag = part.strip_prefix("enabled=").unwrap_or(part);
            matches!(flag.trim(), "1" | "yes" | "on" | "true")
        })
    }
}

fn is_key(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_lowercase())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_current_section_counts() {
        let conf = GuestConf::parse(
            "# notes: here\nagent: enabled=1,fstrim_cloned_disks=1\nname: web\nlock: backup\n\n[PENDING]\nagent: 0\n[snap]\nlock: rollback\n",
        );
        assert_eq!(conf.lock(), Some("backup"));
        assert_eq!(conf.get("name"), Some("web"));
        assert!(conf.agent_enabled());
    }

    #[test]
    fn the_agent_is_off_unless_switched_on() {
        for (text, wanted) in [
            ("", false),
            ("agent: 0\n", false),
            ("agent: 1\n", true),
            ("agent: 1,type=isa\n", true),
            ("agent: freeze-fs=1\n", false),
        ] {
            assert_eq!(GuestConf::parse(text).agent_enabled(), wanted, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(lock|agent|#|\\[|:| |1|enabled=|\n|\\PC){0,60}") {
            let conf = GuestConf::parse(&text);
            let _ = (conf.lock(), conf.agent_enabled());
        }

        #[test]
        fn what_stands_behind_a_section_never_counts(before in "[a-z]{1,8}", after in "[a-z]{1,8}") {
            let conf = GuestConf::parse(&format!("name: {before}\n[{after}]\nname: {after}\nlock: x\n"));
            prop_assert_eq!(conf.get("name"), Some(before.as_str()));
            prop_assert_eq!(conf.lock(), None);
        }
    }
}
