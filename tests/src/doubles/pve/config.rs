//! A guest's configuration file: a current section, `[PENDING]`, `[special:cloudinit]` and snapshots.

use std::collections::BTreeMap;
use std::fmt;

use phoenix_common::digest::sha256_hex;

const PENDING: &str = "[PENDING]";
const CLOUD_INIT: &str = "[special:cloudinit]";

/// The file in parts; keys are kept in order of their names, as Proxmox writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Config {
    /// `#` lines at the top, percent-encoded as in the file.
    pub(super) description: Vec<String>,
    pub(super) current: BTreeMap<String, String>,
    pub(super) pending: BTreeMap<String, String>,
    /// What a running guest's cloud-init image holds that differs from the current section.
    pub(super) cloud_init: BTreeMap<String, String>,
    /// Other sections, verbatim.
    pub(super) sections: Vec<String>,
}

impl Config {
    pub(super) fn parse(text: &str) -> Self {
        let mut config = Self::default();
        let mut section = String::new();
        for line in text.lines() {
            if line.starts_with('[') {
                line.clone_into(&mut section);
                if section != PENDING && section != CLOUD_INIT {
                    config.sections.push(format!("{line}\n"));
                }
            } else if section.is_empty() || section == PENDING || section == CLOUD_INIT {
                config.line(line, &section);
            } else if let Some(last) = config.sections.last_mut() {
                last.push_str(line);
                last.push('\n');
            }
        }
        config
    }

    fn line(&mut self, line: &str, section: &str) {
        if let Some(comment) = line.strip_prefix('#') {
            self.description.push(comment.to_owned());
        } else if let Some((key, value)) = line.split_once(':') {
            let keys = match section {
                PENDING => &mut self.pending,
                CLOUD_INIT => &mut self.cloud_init,
                _ => &mut self.current,
            };
            keys.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.current.get(key).map(String::as_str)
    }

    /// Current values with the pending ones over them: what `qm config` shows.
    pub(super) fn wanted(&self) -> BTreeMap<String, String> {
        let mut wanted = self.current.clone();
        for (key, value) in &self.pending {
            if key == "delete" {
                for gone in value.split(',') {
                    wanted.remove(gone.trim_start_matches('!'));
                }
            } else {
                wanted.insert(key.clone(), value.clone());
            }
        }
        wanted
    }

    /// Pending becomes current, as at the next start.
    pub(super) fn apply_pending(&mut self) {
        self.current = self.wanted();
        self.pending.clear();
    }

    /// The digest the API shows; pmxcfs has SHA-1, which here is another hash of the same length.
    pub(super) fn digest(&self) -> String {
        sha256_hex(self.to_string().as_bytes())[..40].to_owned()
    }
}

impl fmt::Display for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.description {
            writeln!(formatter, "#{line}")?;
        }
        for (key, value) in &self.current {
            writeln!(formatter, "{key}: {value}")?;
        }
        for (name, keys) in [(PENDING, &self.pending), (CLOUD_INIT, &self.cloud_init)] {
            if !keys.is_empty() {
                writeln!(formatter, "\n{name}")?;
            }
            for (key, value) in keys {
                writeln!(formatter, "{key}: {value}")?;
            }
        }
        for section in &self.sections {
            write!(formatter, "\n{}", section.trim_end_matches('\n'))?;
            writeln!(formatter)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_survive_and_pending_is_what_is_wanted() {
        let text = "#note\ncores: 1\nmemory: 512\nname: a\n\n[PENDING]\ncores: 4\ndelete: name\n\n\
            [special:cloudinit]\nname: old\n\n[s1]\ncores: 1\n";
        let mut config = Config::parse(text);
        assert_eq!(config.to_string(), text);
        assert_eq!(config.get("cores"), Some("1"));
        config.apply_pending();
        assert_eq!(
            config.to_string(),
            "#note\ncores: 4\nmemory: 512\n\n[special:cloudinit]\nname: old\n\n[s1]\ncores: 1\n"
        );
    }
}
