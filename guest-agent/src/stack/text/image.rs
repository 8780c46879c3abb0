//! Image references, by the grammar of distribution/reference.

/// A reference in its parts. `familiar` is the name people write: without `docker.io/library/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    /// The server: `docker.io` where none is named.
    pub registry: String,
    pub familiar: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
}

const NAME_LIMIT: usize = 255;

impl ImageReference {
    /// `name:tag` with `latest` where neither tag nor digest was given.
    pub fn with_tag(&self) -> String {
        match (&self.tag, &self.digest) {
            (None, None) => format!("{}:latest", self.familiar),
            (tag, digest) => {
                let tag = tag
                    .as_ref()
                    .map(|tag| format!(":{tag}"))
                    .unwrap_or_default();
                let digest = digest
                    .as_ref()
                    .map(|digest| format!("@{digest}"))
                    .unwrap_or_default();
                format!("{}{tag}{digest}", self.familiar)
            }
        }
    }
}

/// Whether the Docker CLI takes `text` for an image: a reference, a digest or a bare image id.
pub fn is_valid(text: &str) -> bool {
    is_bare_id(text) || is_known_digest(text) || parse(text).is_some()
}

/// The parts of a named reference.
pub fn parse(text: &str) -> Option<ImageReference> {
    if is_bare_id(text) {
        return None;
    }
    let (domain, remainder) = split_domain(text);
    let (name, digest) = match remainder.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (remainder.as_str(), None),
    };
    let (path, tag) = match name.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (name, None),
    };
    let valid = is_domain(&domain)
        && path.len() <= NAME_LIMIT
        && path.split('/').all(is_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_known_digest);
    if !valid {
        return None;
    }
    let familiar = match (domain.as_str(), path.strip_prefix("library/")) {
        ("docker.io", Some(short)) if !short.contains('/') => short.to_owned(),
        ("docker.io", _) => path.to_owned(),
        _ => format!("{domain}/{path}"),
    };
    Some(ImageReference {
        registry: domain,
        familiar,
        tag: tag.map(str::to_owned),
        digest: digest.map(str::to_owned),
    })
}

fn split_domain(text: &str) -> (String, String) {
    let Some((first, rest)) = text.split_once('/') else {
        return ("docker.io".to_owned(), format!("library/{text}"));
    };
    let is_host = first == "localhost"
        || first == "index.docker.io"
        || first.contains(['.', ':'])
        || first.chars().any(char::is_uppercase);
    let (domain, remainder) = match first {
        "index.docker.io" => ("docker.io", rest),
        _ if is_host => (first, rest),
        _ => ("docker.io", text),
    };
    if domain == "docker.io" && !remainder.contains('/') {
        return (domain.to_owned(), format!("library/{remainder}"));
    }
    (domain.to_owned(), remainder.to_owned())
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) => {
                let hex = |letter: char| letter.is_ascii_hexdigit() || letter == ':';
                if address.is_empty() || !address.chars().all(hex) {
                    return false;
                }
                ("x", port)
            }
            None => return false,
        },
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port_fits = match port.strip_prefix(':') {
        Some(port) => !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    let label = |label: &str| {
        let inner = label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    port_fits && host.split('.').all(label)
}

/// `[a-z0-9]+` parts joined by `.`, `_`, `__` or dashes.
fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes.first().zip(bytes.last());
    if !ends.is_some_and(|(first, last)| alphanumeric(*first) && alphanumeric(*last)) {
        return false;
    }
    text.split(|letter: char| letter.is_ascii() && alphanumeric(letter as u8))
        .filter(|separator| !separator.is_empty())
        .all(|separator| {
            matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = text.bytes();
    bytes.next().is_some_and(word)
        && text.len() <= 128
        && bytes.all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_bare_id(text: &str) -> bool {
    is_lower_hex(text, 64)
}

fn is_known_digest(text: &str) -> bool {
    match text.split_once(':') {
        Some(("sha256", hex)) => is_lower_hex(hex, 64),
        Some(("sha384", hex)) => is_lower_hex(hex, 96),
        Some(("sha512", hex)) => is_lower_hex(hex, 128),
        _ => false,
    }
}

fn is_lower_hex(text: &str, length: usize) -> bool {
    text.len() == length
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn familiar_names() {
        for (text, wanted) in [
            ("nginx", Some("nginx:latest")),
            ("docker.io/library/nginx", Some("nginx:latest")),
            (
                "docker.io/portainer/agent:2.39.6",
                Some("portainer/agent:2.39.6"),
            ),
            (
                "registry.example:5000/a/b",
                Some("registry.example:5000/a/b:latest"),
            ),
            ("localhost/a", Some("localhost/a:latest")),
            ("Host/a", Some("Host/a:latest")),
            ("[::1]:5000/a:1", Some("[::1]:5000/a:1")),
            ("library/Busybox", None),
            ("a__b", Some("a__b:latest")),
            ("a___b", None),
            ("a..b", None),
            ("", None),
            (":1", None),
            ("a:", None),
            ("-a", None),
            ("a/", None),
        ] {
            let parsed = parse(text).map(|reference| reference.with_tag());
            assert_eq!(parsed.as_deref(), wanted, "{text}");
        }
    }
}
