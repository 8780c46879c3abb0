//! `multipart/form-data` (RFC 7578), which is how Portainer takes new environments.

use std::fmt::Write;

/// A body and its content type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub content_type: String,
    pub body: Vec<u8>,
}

/// A form of text fields. Names are ours; a value cannot end its part, since the boundary does not stand in it.
pub(super) fn encode(fields: &[(&str, &str)]) -> Form {
    let mut boundary = "phoenix".to_owned();
    while fields.iter().any(|(_, value)| value.contains(&boundary)) {
        boundary.push('x');
    }
    let mut body = String::new();
    for (name, value) in fields {
        // A String takes everything.
        let _ = write!(
            body,
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    let _ = write!(body, "--{boundary}--\r\n");
    Form {
        content_type: format!("multipart/form-data; boundary={boundary}"),
        body: body.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_the_form() {
        let form = encode(&[("Name", "a\r\n--phoenix--")]);
        assert_eq!(form.content_type, "multipart/form-data; boundary=phoenixx");
        let text = String::from_utf8(form.body).unwrap();
        assert!(text.starts_with(
            "--phoenixx\r\nContent-Disposition: form-data; name=\"Name\"\r\n\r\na\r\n"
        ));
        assert!(text.ends_with("\r\n--phoenixx--\r\n"));
    }
}
