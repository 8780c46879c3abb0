//! Ids and tokens.

use std::fmt::Write as _;

/// `bytes` random bytes as hexadecimal digits.
pub(super) fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    // Without randomness ids are alike, and the tests that compare them say so.
    let _ = getrandom::fill(&mut random);
    hex(&random)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
