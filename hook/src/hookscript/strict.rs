//! `pre_start: strict`: the operator's choice that a guest with a wrong configuration does not start.

use std::time::Duration;

use phoenix_common::config;
use phoenix_common::fs::read_limited;
use serde::Deserialize;

use super::within;
use crate::event::{Class, Event, Trigger};
use crate::paths::Paths;

/// The settings file lies on the local disk.
const SETTINGS_TIMEOUT: Duration = Duration::from_millis(200);
/// The configuration may lie on shared storage; a mount that hangs refuses no start.
const VALIDATE_TIMEOUT: Duration = Duration::from_secs(2);
const SETTINGS_LIMIT_BYTES: u64 = 1 << 20;

/// The one setting that is read here; the rest of the file is the worker's.
#[derive(Deserialize)]
struct Settings {
    pre_start: Option<String>,
}

/// Why this start is refused; `None` for everything but a real start of a guest whose configuration is wrong,
/// under `pre_start: strict`. What cannot be read refuses nothing.
pub(super) fn refusal(paths: &Paths, event: &Event) -> Option<String> {
    if event.trigger != Trigger::PreStart || event.class() != Class::Announced {
        return None;
    }
    let settings = paths.local_settings();
    let strict = within(SETTINGS_TIMEOUT, move || {
        let text = read_limited(&settings, SETTINGS_LIMIT_BYTES).ok()?;
        serde_json::from_slice::<Settings>(&text).ok()?.pre_start
    });
    if strict.flatten().as_deref() != Some("strict") {
        return None;
    }
    let (folder, vmid) = (paths.config_dir().to_owned(), event.vmid);
    let mistakes = within(VALIDATE_TIMEOUT, move || {
        config::load_for(&folder, vmid).err()
    });
    mistakes.flatten().map(|mistakes| mistakes.to_string())
}
