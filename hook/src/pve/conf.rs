//! A guest's configuration file, as far as Phoenix reads it.
//!
//! Grammar (`QemuServer.pm`, `parse_vm_config`; `LXC/Config.pm`): lines `key: value`; `#` lines are the
//! description, percent-encoded; the first `[section]` ends the current configuration. `[PENDING]` holds what counts
//! from the next start on, `[special:cloudinit]` the values that the guest's cloud-init drive was made with.

use std::collections::{BTreeMap, BTreeSet};

use super::percent;

/// The configuration: key to value, as written, and what is pending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestConf {
    current: BTreeMap<String, String>,
    pending: BTreeMap<String, String>,
    pending_delete: BTreeSet<String>,
    cloud_init: BTreeMap<String, String>,
    description: String,
}

enum Section {
    Current,
    Pending,
    CloudInit,
    Other,
}

impl GuestConf {
    /// Never fails: a line that is no `key: value` is passed over, as Proxmox does with a warning.
    pub fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        let mut section = Section::Current;
        let mut description = Vec::new();
        for line in text.lines() {
            if line.starts_with('[') {
                section = match line.trim_end() {
                    "[PENDING]" | "[pve:pending]" => Section::Pending,
                    "[special:cloudinit]" => Section::CloudInit,
                    _ => Section::Other,
                };
            } else if let Some(comment) = line.strip_prefix('#') {
                if matches!(section, Section::Current) {
                    description.push(percent::decode(comment));
                }
            } else if let Some((key, value)) = key_and_value(line) {
                conf.insert(&section, key, value);
            }
        }
        conf.description = description.join("\n");
        conf
    }

    fn insert(&mut self, section: &Section, key: &str, value: &str) {
        let values = match section {
            Section::Current => &mut self.current,
            Section::Pending if key == "delete" => {
                let keys = value.split(',').map(|key| key.trim_start_matches('!'));
                self.pending_delete.extend(keys.map(str::to_owned));
                return;
            }
            Section::Pending => &mut self.pending,
            Section::CloudInit => &mut self.cloud_init,
            Section::Other => return,
        };
        values.insert(key.to_owned(), value.to_owned());
    }

    /// A configuration out of parts, for those who ask Proxmox's API instead of reading the file.
    pub fn of_parts(
        current: BTreeMap<String, String>,
        pending: BTreeMap<String, String>,
        pending_delete: BTreeSet<String>,
    ) -> Self {
        let mut conf = Self {
            current,
            pending,
            pending_delete,
            ..Self::default()
        };
        conf.description = conf.current.remove("description").unwrap_or_default();
        conf
    }

    /// What counts for the running guest.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.current.get(key).map(String::as_str)
    }

    /// What counts after the next start: the pending value, else the current one.
    pub fn wanted(&self, key: &str) -> Option<&str> {
        if let Some(value) = self.pending.get(key) {
            return Some(value);
        }
        if self.pending_delete.contains(key) {
            return None;
        }
        self.get(key)
    }

    /// What the guest's cloud-init drive says of a key, where it is another value than the configuration's.
    pub fn on_cloud_init_drive(&self, key: &str) -> Option<&str> {
        self.cloud_init.get(key).map(String::as_str)
    }

    /// Whether a key has a value that waits for the guest's next start.
    pub fn is_pending(&self, key: &str) -> bool {
        self.wanted(key) != self.get(key)
    }

    /// The keys for which [`Self::is_pending`], in order.
    pub fn pending_keys(&self) -> Vec<&str> {
        let keys: BTreeSet<&str> = (self.pending.keys())
            .chain(&self.pending_delete)
            .map(String::as_str)
            .collect();
        keys.into_iter()
            .filter(|key| self.is_pending(key))
            .collect()
    }

    /// With other current values, as a configuration would look after they were set on a stopped guest.
    #[must_use]
    pub fn with<'pair>(
        mut self,
        values: impl IntoIterator<Item = (&'pair str, &'pair str)>,
    ) -> Self {
        for (key, value) in values {
            if key == "description" {
                value.clone_into(&mut self.description);
            } else {
                self.current.insert(key.to_owned(), value.to_owned());
            }
        }
        self
    }

    /// Without these keys.
    #[must_use]
    pub fn without(mut self, keys: &[&str]) -> Self {
        for key in keys {
            self.current.remove(*key);
        }
        self
    }

    /// All current keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.current.iter();
        pairs.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The notes that the web interface shows; lines end with `\n`.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// `lock: backup|migrate|…`: what Proxmox is doing with the guest.
    pub fn lock(&self) -> Option<&str> {
        self.get("lock")
    }

    /// Whether the VM has a guest agent device: `agent: 1`, `agent: enabled=1,…`
    /// (`QemuServer/Agent.pm`).
    pub fn agent_enabled(&self) -> bool {
        self.get("agent").is_some_and(is_enabled)
    }

    /// Whether it has one after its next start.
    pub fn agent_wanted(&self) -> bool {
        self.wanted("agent").is_some_and(is_enabled)
    }
}

fn is_enabled(agent: &str) -> bool {
    agent.split(',').any(|part| {
        let flag = part.strip_prefix("enabled=").unwrap_or(part);
        matches!(flag.trim(), "1" | "yes" | "on" | "true")
    })
}

fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    is_key(key).then_some((key, value.trim()))
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
    fn only_the_current_section_counts_now() {
        let conf = GuestConf::parse(
            "# notes: here\n#50%25 a%3A b\nagent: enabled=1,fstrim_cloned_disks=1\nname: web\ncores: 1\nlock: backup\nonboot: 1\n\n[PENDING]\nagent: 0\ncores: 4\ndelete: !onboot,tags\n[special:cloudinit]\nciuser: old\n[snap]\n#no\nlock: rollback\n",
        );
        assert_eq!(conf.lock(), Some("backup"));
        assert_eq!(conf.get("name"), Some("web"));
        assert_eq!((conf.agent_enabled(), conf.agent_wanted()), (true, false));
        assert_eq!(
            (conf.get("cores"), conf.wanted("cores")),
            (Some("1"), Some("4"))
        );
        assert_eq!(
            (conf.wanted("onboot"), conf.is_pending("name")),
            (None, false)
        );
        assert!(conf.is_pending("onboot") && conf.is_pending("cores"));
        assert_eq!(conf.on_cloud_init_drive("ciuser"), Some("old"));
        assert_eq!(conf.description(), " notes: here\n50% a: b");
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
        fn no_text_panics(text in "(lock|agent|#|\\[|:| |1|enabled=|\n|%|\\[PENDING\\]|\\PC){0,60}") {
            let conf = GuestConf::parse(&text);
            let _ = (conf.lock(), conf.agent_enabled(), conf.description());
        }

        #[test]
        fn what_stands_behind_a_section_never_counts(before in "[a-z]{1,8}", after in "[a-z]{1,8}") {
            let conf = GuestConf::parse(&format!("name: {before}\n[{after}]\nname: {after}\nlock: x\n"));
            prop_assert_eq!(conf.get("name"), Some(before.as_str()));
            prop_assert_eq!(conf.lock(), None);
        }
    }
}
