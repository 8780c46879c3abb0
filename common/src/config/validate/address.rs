//! Addresses, read strictly: some parsers take `010.0.0.1` for `10.0.0.1`, others for `8.0.0.1`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::error::{ConfigError, Rule};
use super::super::guest::Network;
use super::super::source::Place;

/// Why a text is no address; for the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressError {
    #[error("`{0}` is not an address (no leading zeros)")]
    Address(String),
    #[error("`{0}` is not a prefix length of this address")]
    Prefix(String),
    #[error("`{0}` has bits after its prefix: write {1}")]
    HostBits(String, IpNet),
    #[error("`{0}` is the network itself or its broadcast address, no guest's")]
    NotAHost(String),
    #[error("`{0}` cannot be a guest's address")]
    Special(String),
    #[error("gateway {gateway} is not in {network}")]
    Gateway { gateway: IpAddr, network: IpNet },
    #[error("gateway {0} is the guest's own address")]
    OwnGateway(IpAddr),
}

pub(super) fn error(place: &Place<'_>, error: &AddressError) -> ConfigError {
    place.error(Rule::Address, error.to_string())
}

pub(super) fn address(text: &str) -> Result<IpAddr, AddressError> {
    // The standard library refuses leading zeros.
    text.parse()
        .map_err(|_| AddressError::Address(text.to_owned()))
}

/// Address and prefix length; bits after the prefix may be set.
pub(super) fn interface(text: &str) -> Result<IpNet, AddressError> {
    let (host, prefix) = text.split_once('/').unwrap_or((text, ""));
    let host = address(host)?;
    let wrong = || AddressError::Prefix(prefix.to_owned());
    let length: u8 = prefix.parse().map_err(|_| wrong())?;
    if length.to_string() != prefix {
        return Err(wrong());
    }
    IpNet::new(host, length).map_err(|_| wrong())
}

/// A network: no bits after the prefix.
pub(super) fn network(text: &str) -> Result<IpNet, AddressError> {
    let network = interface(text)?;
    if network.addr() == network.network() {
        Ok(network)
    } else {
        Err(AddressError::HostBits(text.to_owned(), network.trunc()))
    }
}

/// A guest's own address with its gateway, and the key (`ip`, `gw`) that is wrong.
pub(super) fn of_guest(
    ip: &str,
    gateway: Option<&str>,
) -> Result<Network, (&'static str, AddressError)> {
    let of_ip = |error| ("ip", error);
    let of_gateway = |error| ("gw", error);
    let address = interface(ip).map_err(of_ip)?;
    let host = address.addr();
    let ends = [address.network(), address.broadcast()];
    let pair = address.prefix_len() + 1 >= address.max_prefix_len();
    if !pair && ends.contains(&host) {
        return Err(of_ip(AddressError::NotAHost(ip.to_owned())));
    }
    if host.is_loopback() || host.is_multicast() || host.is_unspecified() {
        return Err(of_ip(AddressError::Special(ip.to_owned())));
    }
    let gateway = match gateway {
        Some(text) => Some(self::address(text).map_err(of_gateway)?),
        None => None,
    };
    match gateway {
        Some(gateway) if gateway == host => Err(of_gateway(AddressError::OwnGateway(gateway))),
        Some(gateway) if !address.contains(&gateway) => {
            let network = address.trunc();
            Err(of_gateway(AddressError::Gateway { gateway, network }))
        }
        _ => Ok(Network { address, gateway }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn guests_addresses_are_read_strictly() {
        for (ip, gateway, wanted) in [
            ("10.0.0.102/24", Some("10.0.0.1"), ""),
            ("10.0.0.102/24", None, ""),
            ("fd00::12/64", Some("fd00::1"), ""),
            ("10.0.0.2/31", Some("10.0.0.3"), ""),
            (
                "010.0.0.102/24",
                None,
                "ip `010.0.0.102` is not an address (no leading zeros)",
            ),
            (
                "10.0.0.102/024",
                None,
                "ip `024` is not a prefix length of this address",
            ),
            (
                "10.0.0.102/33",
                None,
                "ip `33` is not a prefix length of this address",
            ),
            (
                "10.0.0.256/24",
                None,
                "ip `10.0.0.256` is not an address (no leading zeros)",
            ),
            (
                "10.0.0.0/24",
                None,
                "ip `10.0.0.0/24` is the network itself or its broadcast address, no guest's",
            ),
            (
                "10.0.0.255/24",
                None,
                "ip `10.0.0.255/24` is the network itself or its broadcast address, no guest's",
            ),
            (
                "127.0.0.1/8",
                None,
                "ip `127.0.0.1/8` cannot be a guest's address",
            ),
            (
                "10.0.0.2/24",
                Some("10.0.1.1"),
                "gw gateway 10.0.1.1 is not in 10.0.0.0/24",
            ),
            (
                "10.0.0.2/24",
                Some("fd00::1"),
                "gw gateway fd00::1 is not in 10.0.0.0/24",
            ),
            (
                "10.0.0.2/24",
                Some("10.0.0.2"),
                "gw gateway 10.0.0.2 is the guest's own address",
            ),
            (
                "10.0.0.2/24",
                Some("10.0.0.01"),
                "gw `10.0.0.01` is not an address (no leading zeros)",
            ),
        ] {
            let said = match of_guest(ip, gateway) {
                Ok(_) => String::new(),
                Err((key, error)) => format!("{key} {error}"),
            };
            assert_eq!(said, wanted, "{ip} {gateway:?}");
        }
    }

    #[test]
    fn a_network_has_no_host_bits() {
        assert!(network("10.200.0.0/16").is_ok());
        let error = network("10.200.1.0/16").unwrap_err().to_string();
        assert_eq!(
            error,
            "`10.200.1.0/16` has bits after its prefix: write 10.200.0.0/16"
        );
    }
}
