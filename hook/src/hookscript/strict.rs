//! `pre_start: strict`: the operator's choice that a guest with a wrong configuration does not start.

use std::path::Path;
use std::time::Duration;

use phoenix_common::config::{self, ConfigError, ConfigErrors, Rule, Scope};
use phoenix_common::vmid::Vmid;

use super::settings::Settings;
use super::within;
use crate::event::{Class, Event, Trigger};
use crate::paths::Paths;

/// The configuration may lie on shared storage; a mount that hangs refuses no start.
const VALIDATE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why this start is refused; `None` for everything but a real start of a guest whose configuration is wrong,
/// under `pre_start: strict`. What cannot be read refuses nothing.
pub(super) fn refusal(paths: &Paths, event: &Event) -> Option<String> {
    if event.trigger != Trigger::PreStart || event.class() != Class::Announced {
        return None;
    }
    let strict = Settings::read(paths).pre_start;
    if strict.as_deref() != Some("strict") {
        return None;
    }
    let (folder, vmid) = (paths.config_dir().to_owned(), event.vmid);
    let mistakes = within(VALIDATE_TIMEOUT, move || mistakes(&folder, vmid));
    mistakes.flatten().map(|mistakes| mistakes.to_string())
}

/// What is wrong for this guest. A folder or file that is missing or cannot be read is not, and neither is anything
/// for a guest that the list of guests surely does not have.
fn mistakes(folder: &Path, vmid: Vmid) -> Option<ConfigErrors> {
    let mut outcome = config::read_and_check(folder);
    outcome
        .errors
        .retain(|mistake| mistake.rule != Rule::FileUnreadable);
    let configured = outcome.config.guests.contains_key(&vmid);
    let may_be_configured = configured || outcome.errors.iter().any(|error| may_hide(error, vmid));
    if !may_be_configured {
        return None;
    }
    let config = outcome.config;
    let errors = outcome.errors.into_iter();
    let fatal: Vec<ConfigError> = errors
        .filter(|error| error.touches(&config, vmid))
        .collect();
    (!fatal.is_empty()).then_some(ConfigErrors(fatal))
}

/// Whether the guest's entry may be the one that could not be understood.
fn may_hide(mistake: &ConfigError, vmid: Vmid) -> bool {
    let in_list = mistake.origin.file.ends_with(config::GUESTS_FILE);
    match &mistake.scope {
        Scope::Guests { vmids, .. } => vmids.is_empty() || vmids.contains(&vmid),
        Scope::Whole => in_list,
        Scope::Stack(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(guests: Option<&str>, stacks: Option<&str>, vmid: u32) -> bool {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            (config::GUESTS_FILE, guests),
            ("phoenix_stacks_config.json", stacks),
        ] {
            if let Some(text) = text {
                std::fs::write(folder.path().join(name), text).unwrap();
            }
        }
        mistakes(folder.path(), Vmid::new(vmid).unwrap()).is_some()
    }

    #[test]
    fn only_a_mistake_in_what_is_written_refuses() {
        let right = "[{\"vmid\": 1002, \"name\": \"web\"}]";
        let wrong = "[{\"vmid\": 1001, \"nam\": \"x\"}, {\"vmid\": 1002, \"name\": \"web\"}]";
        assert!(!refused(Some(right), None, 1002), "nothing is wrong");
        assert!(!refused(None, None, 1002), "the folder is empty");
        assert!(!refused(None, Some("{"), 1002), "no list of guests");
        assert!(!refused(Some(right), Some("{"), 1003), "not configured");
        assert!(refused(Some(right), Some("{"), 1002));
        assert!(refused(Some("[{"), None, 1002), "perhaps configured");
        assert!(refused(Some(wrong), None, 1001));
        assert!(!refused(Some(wrong), None, 1002), "another guest's");
        assert!(!refused(Some(wrong), None, 1003), "not configured");
    }

    #[test]
    fn a_folder_that_is_not_there_refuses_nothing() {
        let vmid = Vmid::new(1002).unwrap();
        assert!(mistakes(Path::new("/nonexistent"), vmid).is_none());
    }
}
