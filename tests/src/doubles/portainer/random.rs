//! Ids and tokens.

/// `bytes` random bytes as hexadecimal digits.
pub(super) fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    // Without randomness ids are alike, and the tests that compare them say so.
    let _ = getrandom::fill(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}
