//! `[address:][published:]target[/protocol]`, ranges included, as docker/go-connections reads it.

use std::net::IpAddr;

/// One target port and what it is published on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortMapping {
    pub protocol: String,
    pub target: u16,
    /// `None`: any free port. A range with several ports stands for one target only.
    pub published: Option<(u16, u16)>,
    /// Without brackets; empty if none was given.
    pub address: String,
}

/// The mappings of one entry, in the order of the target ports' text.
pub fn parse(text: &str) -> Option<Vec<PortMapping>> {
    let (address, host, container) = split(text);
    let address = address_of(address)?;
    let (container, protocol) = protocol_of(container);
    let protocol = protocol.to_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return None;
    }
    let (first, last) = range(container)?;
    let host = if host.is_empty() {
        None
    } else {
        Some(range(host)?)
    };
    if let Some((host_first, host_last)) = host
        && last - first != host_last - host_first
        && first != last
    {
        return None;
    }
    let mut mappings: Vec<PortMapping> = (first..=last)
        .map(|target| PortMapping {
            protocol: protocol.clone(),
            target,
            published: host.map(|(host_first, host_last)| {
                if first == last {
                    (host_first, host_last)
                } else {
                    let port = host_first + (target - first);
                    (port, port)
                }
            }),
            address: address.clone(),
        })
        .collect();
    mappings.sort_by_key(|mapping| mapping.target.to_string());
    Some(mappings)
}

fn split(text: &str) -> (&str, &str, &str) {
    let Some((before, container)) = text.rsplit_once(':') else {
        return ("", "", text);
    };
    match before.rsplit_once(':') {
        Some((address, host)) => (address, host, container),
        None => ("", before, container),
    }
}

fn address_of(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => text,
    };
    bare.parse::<IpAddr>().ok().map(|_| bare.to_owned())
}

fn protocol_of(text: &str) -> (&str, &str) {
    let mut parts = text.split('/');
    let port = parts.next().unwrap_or_default();
    match parts.next() {
        _ if port.is_empty() => ("", ""),
        None | Some("") => (port, "tcp"),
        Some(protocol) => (port, protocol),
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let port = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let mut parts = text.split('-');
    let first = port(parts.next()?)?;
    match parts.next() {
        None => Some((first, first)),
        Some(last) => port(last)
            .filter(|last| *last >= first)
            .map(|last| (first, last)),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn shown(text: &str) -> Option<Vec<String>> {
        Some(
            parse(text)?
                .iter()
                .map(|port| format!("{:?}->{}/{}", port.published, port.target, port.protocol))
                .collect(),
        )
    }

    #[test]
    fn forms() {
        for (text, wanted) in [
            ("80", vec!["None->80/tcp"]),
            ("8080:80", vec!["Some((8080, 8080))->80/tcp"]),
            ("53:53/UDP", vec!["Some((53, 53))->53/udp"]),
            ("9000-9002:90", vec!["Some((9000, 9002))->90/tcp"]),
            (
                "3000-3001:4000-4001",
                vec![
                    "Some((3000, 3000))->4000/tcp",
                    "Some((3001, 3001))->4001/tcp",
                ],
            ),
            ("127.0.0.1:80:80", vec!["Some((80, 80))->80/tcp"]),
            ("[::1]:80:80", vec!["Some((80, 80))->80/tcp"]),
            ("127.0.0.1::80", vec!["None->80/tcp"]),
            ("9-11", vec!["None->10/tcp", "None->11/tcp", "None->9/tcp"]),
        ] {
            assert_eq!(
                shown(text),
                Some(wanted.into_iter().map(str::to_owned).collect()),
                "{text}"
            );
        }
        for text in [
            "",
            "a",
            "80/x",
            "70000",
            "3000-3002:4000-4001",
            "90-80",
            "300.0.0.1:1:1",
            "1:",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
