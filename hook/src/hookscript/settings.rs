//! The few settings that the hook form itself reads, from the local settings file; the rest is the worker's.

use std::time::Duration;

use phoenix_common::fs::read_limited;
use serde_json::Value;

use super::within;
use crate::paths::Paths;

/// The settings file lies on the local disk.
const TIMEOUT: Duration = Duration::from_millis(200);
const LIMIT_BYTES: u64 = 1 << 20;

/// `None`: not set, or not readable.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) pre_start: Option<String>,
    pub(super) drain_seconds: Option<u64>,
}

impl Settings {
    pub(super) fn read(paths: &Paths) -> Self {
        let path = paths.local_settings();
        let text = within(TIMEOUT, move || read_limited(&path, LIMIT_BYTES).ok());
        Self::parse(&text.flatten().unwrap_or_default())
    }

    /// One wrong value does not hide the others.
    fn parse(text: &[u8]) -> Self {
        let settings: Value = serde_json::from_slice(text).unwrap_or_default();
        let pre_start = settings.get("pre_start").and_then(Value::as_str);
        Self {
            pre_start: pre_start.map(str::to_owned),
            drain_seconds: settings.get("drain_seconds").and_then(Value::as_u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_value_counts_as_none() {
        let read = Settings::parse(br#"{"pre_start": "strict", "drain_seconds": "long", "x": 1}"#);
        assert_eq!(read.pre_start.as_deref(), Some("strict"));
        assert_eq!(read.drain_seconds, None);
        let read = Settings::parse(br#"{"pre_start": 1, "drain_seconds": 7}"#);
        assert_eq!((read.pre_start, read.drain_seconds), (None, Some(7)));
        assert_eq!(Settings::parse(b"{"), Settings::default());
    }
}
