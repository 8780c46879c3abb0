//! Percent-encoding, as Proxmox wants it in form bodies, in `sshkeys`, and writes it into descriptions.

use std::fmt::Write;

/// Encodes every byte but letters, digits and `-._~` (RFC 3986, unreserved). Proxmox cuts a form's values at a raw
/// `=` and takes a raw `+` for a blank.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The text behind an encoded one; a `%` that begins no byte stays, and what is no UTF-8 is replaced.
pub fn decode(encoded: &str) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        if let (b'%', Some((byte, behind))) = (first, two_digits(behind)) {
            bytes.push(byte);
            rest = behind;
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn two_digits(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, behind) = text.split_at_checked(2)?;
    let digits = std::str::from_utf8(digits).ok()?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    Some((u8::from_str_radix(digits, 16).ok()?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_recorded() {
        assert_eq!(
            encode("ip=10.99.0.5/24,gw=10.99.0.1"),
            "ip%3D10.99.0.5%2F24%2Cgw%3D10.99.0.1"
        );
        assert_eq!(
            decode("line2%3A 50%25 %C3%BCmlaut 1%"),
            "line2: 50% ümlaut 1%"
        );
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in "\\PC{0,40}") {
            prop_assert_eq!(decode(&encode(&text)), text);
        }
    }
}
