//! The lines that go over the socket: requests, the synchronisation mark, replies. Pure.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Flushes the agent's parser when sent, marks the synchronisation's reply when received.
pub(super) const MARK: u8 = 0xff;
/// Longest line looked at while waiting for the mark.
const SYNC_LINE_LIMIT_BYTES: usize = 256;

/// A command, its argument type and the most bytes its reply may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct CommandSpec {
    pub(super) name: &'static str,
    pub(super) reply_limit_bytes: usize,
}

#[derive(Serialize)]
struct RequestLine<'request, A> {
    execute: &'request str,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'request A>,
    id: &'request str,
}

#[derive(Deserialize)]
struct Envelope {
    id: Option<Value>,
    error: Option<ErrorBody>,
}

#[derive(Deserialize)]
struct ErrorBody {
    class: String,
    desc: String,
}

#[derive(Deserialize)]
struct Returned<T> {
    #[serde(rename = "return")]
    value: T,
}

/// What one line is for the command that waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply<T> {
    Value(T),
    Error {
        class: String,
        desc: String,
    },
    /// The reply to somebody else's command.
    Foreign,
}

/// `guest-sync-delimited` behind a mark, which ends whatever half request a client left behind.
pub(super) fn sync_line(id: u64) -> Vec<u8> {
    let mut line = vec![MARK];
    line.extend_from_slice(
        format!("{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{id}}}}}\n")
            .as_bytes(),
    );
    line
}

/// One command. `id` comes back in the reply of agents that know it.
pub(super) fn request_line<A: Serialize>(
    execute: &str,
    arguments: Option<&A>,
    id: &str,
) -> Result<Vec<u8>, serde_json::Error> {
    let request = RequestLine {
        execute,
        arguments,
        id,
    };
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    Ok(line)
}

/// Reads one reply line, strictly.
///
/// # Errors
/// Anything but an object with `return` of the wanted type or `error`.
pub(super) fn parse_reply<T: DeserializeOwned>(
    line: &[u8],
    id: &str,
) -> Result<Reply<T>, serde_json::Error> {
    let envelope: Envelope = serde_json::from_slice(line)?;
    if envelope.id.is_some_and(|echoed| echoed != id) {
        return Ok(Reply::Foreign);
    }
    if let Some(ErrorBody { class, desc }) = envelope.error {
        return Ok(Reply::Error { class, desc });
    }
    let returned: Returned<T> = serde_json::from_slice(line)?;
    Ok(Reply::Value(returned.value))
}

/// Looks for the marked reply of one synchronisation in a stream that may begin with the rest of
/// anybody's replies.
#[derive(Debug)]
pub(super) struct SyncScanner {
    wanted_id: u64,
    /// The line since the last mark; `None` before a mark or when the line got too long.
    line: Option<Vec<u8>>,
}

impl SyncScanner {
    pub(super) fn new(wanted_id: u64) -> Self {
        Self {
            wanted_id,
            line: None,
        }
    }

    /// Takes the next bytes; the number of bytes up to and with the wanted reply once it is complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, &byte) in bytes.iter().enumerate() {
            if byte == MARK {
                self.line = Some(Vec::new());
                continue;
            }
            let Some(line) = &mut self.line else { continue };
            if byte != b'\n' {
                line.push(byte);
                if line.len() > SYNC_LINE_LIMIT_BYTES {
                    self.line = None;
                }
                continue;
            }
            let complete = self.line.take().unwrap_or_default();
            if serde_json::from_slice::<Returned<u64>>(&complete)
                .is_ok_and(|reply| reply.value == self.wanted_id)
            {
                return Some(index + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stale_replies_before_the_mark_are_skipped() {
        let mut scanner = SyncScanner::new(7);
        let stale =
            b"rest\"}}\n{\"return\": {}}\n\xff{\"return\": 6}\n\xff\xff{\"return\": 7}\nnext";
        assert_eq!(scanner.feed(stale), Some(stale.len() - 4));
    }

    #[test]
    fn a_reply_without_mark_is_no_synchronisation() {
        assert_eq!(SyncScanner::new(7).feed(b"{\"return\": 7}\n"), None);
    }

    #[test]
    fn a_reply_in_pieces_is_found() {
        let mut scanner = SyncScanner::new(7);
        let found: Vec<Option<usize>> = b"\xff{\"return\": 7}\n"
            .iter()
            .map(|byte| scanner.feed(&[*byte]))
            .collect();
        assert_eq!(found.iter().flatten().count(), 1);
        assert_eq!(found.last(), Some(&Some(1)));
    }

    #[test]
    fn replies_are_told_apart() {
        let value = parse_reply::<u64>(b"{\"return\": 3, \"id\": \"a\"}", "a");
        assert_eq!(value.unwrap(), Reply::Value(3));
        let without_id = parse_reply::<u64>(b"{\"return\": 3}", "a");
        assert_eq!(without_id.unwrap(), Reply::Value(3));
        let foreign = parse_reply::<u64>(b"{\"return\": {}, \"id\": \"b\"}", "a");
        assert_eq!(foreign.unwrap(), Reply::Foreign);
        let error = parse_reply::<u64>(b"{\"error\": {\"class\": \"C\", \"desc\": \"d\"}}", "a");
        assert!(matches!(error.unwrap(), Reply::Error { .. }));
        for bad in [&b"{}"[..], b"[]", b"{\"return\": \"3\"}", b"\x80"] {
            assert!(parse_reply::<u64>(bad, "a").is_err());
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let mut line = b"{\"return\":".to_vec();
        line.extend(std::iter::repeat_n(b'[', 200_000));
        assert!(parse_reply::<u64>(&line, "a").is_err());
        let mut line = b"{\"id\":".to_vec();
        line.extend(std::iter::repeat_n(b'[', 200_000));
        assert!(parse_reply::<u64>(&line, "a").is_err());
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0_usize..400) {
            let mut scanner = SyncScanner::new(1);
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            let _ = scanner.feed(head);
            let _ = scanner.feed(tail);
            let _ = parse_reply::<Vec<u8>>(&bytes, "id");
        }

        #[test]
        fn any_split_finds_the_same_end(noise in "[ -~\n]{0,60}", cut in 0_usize..100) {
            let mut stream = noise.into_bytes();
            stream.extend_from_slice(b"\xff{\"return\": 42}\n");
            let cut = cut.min(stream.len());
            let mut scanner = SyncScanner::new(42);
            let (head, tail) = stream.split_at(cut);
            let end = scanner.feed(head).or_else(|| scanner.feed(tail).map(|end| end + cut));
            prop_assert_eq!(end, Some(stream.len()));
        }
    }
}
