//! The name of a task: `UPID:node:pid:pstart:starttime:type:id:user:` (`PVE/UPID.pm`).

use std::fmt;
use std::str::FromStr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upid {
    text: String,
    /// The node it runs on: only that one knows its state.
    pub node: String,
    /// `qmclone`, `qmstart`, `resize`, …
    pub kind: String,
    /// The guest it works on; for a clone the one that is cloned.
    pub id: String,
}

#[derive(Debug, thiserror::Error)]
#[error("no UPID of a task")]
pub struct UpidError;

impl FromStr for Upid {
    type Err = UpidError;

    fn from_str(text: &str) -> Result<Self, UpidError> {
        let parts: Vec<&str> = text.split(':').collect();
        let ["UPID", node, pid, pstart, start, kind, id, user, ..] = parts.as_slice() else {
            return Err(UpidError);
        };
        let is_hex = |part: &&str| {
            (8..=16).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_hexdigit())
        };
        let is_plain = |text: &str| {
            !text.is_empty()
                && (text.bytes()).all(|byte| {
                    byte.is_ascii_graphic() && !matches!(byte, b'/' | b'?' | b'#' | b'%')
                })
        };
        if ![pid, pstart, start].into_iter().all(is_hex) || !is_plain(text) || user.is_empty() {
            return Err(UpidError);
        }
        Ok(Self {
            text: text.to_owned(),
            node: (*node).to_owned(),
            kind: (*kind).to_owned(),
            id: (*id).to_owned(),
        })
    }
}

impl fmt::Display for Upid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn recorded_names_are_read() {
        let text = "UPID:pvetest:00002AF1:000EBFD9:6B01282D:qmclone:900:root@pam!t1:";
        let upid: Upid = text.parse().unwrap();
        assert_eq!(
            (upid.node.as_str(), upid.kind.as_str(), upid.id.as_str()),
            ("pvetest", "qmclone", "900")
        );
        assert_eq!(upid.to_string(), text);
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_name() {
        for text in [
            "",
            "UPID:a:1:2:3:qmclone:900:root@pam:",
            "UPID:../x:00002AF1:000EBFD9:6B01282D:qmclone:900:root@pam:",
            "UPID:a:00002AF1:000EBFD9:6B01282D:qmclone:9 00:root@pam:",
        ] {
            assert!(text.parse::<Upid>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(UPID|:|00002AF1|a|%|/|\\PC){0,20}") {
            let _ = text.parse::<Upid>();
        }
    }
}
