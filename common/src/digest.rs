//! SHA-256 as the lower-case hex text that `sha256sum` prints.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The digest of `bytes`, 64 hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    #[test]
    fn equals_sha256sum() {
        assert_eq!(
            super::sha256_hex(b"phoenix\n"),
            "614438bbf74b0228582d8134b10e9d54aab79512368c4798725d86f4a4b6c180"
        );
    }
}
