//! The addresses by which others reach this guest.

use std::net::IpAddr;

use nix::sys::socket::SockaddrStorage;

/// All addresses with prefix (`192.168.77.11/24`) of real interfaces, sorted. Loopback, Docker's own
/// interfaces and link-local addresses are left out: nobody else reaches the guest by them.
pub fn local() -> Vec<String> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    let mut addresses: Vec<String> = interfaces
        .filter(|interface| !is_internal(&interface.interface_name))
        .filter_map(|interface| {
            let address = ip(interface.address.as_ref()?)?;
            let prefix = prefix_bits(ip(interface.netmask.as_ref()?)?);
            (!is_link_local(address)).then(|| format!("{address}/{prefix}"))
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

/// Whether `address` (without prefix) is one of this guest's own.
pub fn is_local(address: &str) -> bool {
    local()
        .iter()
        .any(|own| own.split('/').next() == Some(address))
}

fn is_internal(interface: &str) -> bool {
    interface == "lo"
        || interface == "docker_gwbridge"
        || interface.starts_with("veth")
        || interface
            .strip_prefix("docker")
            .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        || is_docker_bridge(interface)
}

/// `br-` and the first 12 digits of the network's id; `br-lan` is someone's own bridge.
fn is_docker_bridge(interface: &str) -> bool {
    interface.strip_prefix("br-").is_some_and(|id| {
        id.len() == 12
            && id
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|address| IpAddr::V6(address.ip()))
    })
}

fn prefix_bits(netmask: IpAddr) -> u32 {
    match netmask {
        IpAddr::V4(mask) => u32::from(mask).count_ones(),
        IpAddr::V6(mask) => u128::from(mask).count_ones(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_interfaces_are_not_real() {
        for (name, internal) in [
            ("lo", true),
            ("docker0", true),
            ("docker_gwbridge", true),
            ("veth12ab", true),
            ("br-0123456789ab", true),
            ("br-lan", false),
            ("br-0123456789abc", false),
            ("br-guestsonline", false),
            ("eth0", false),
            ("ens18", false),
            ("br0", false),
        ] {
            assert_eq!(is_internal(name), internal, "{name}");
        }
    }

    #[test]
    fn prefixes_are_counted() {
        assert_eq!(prefix_bits("255.255.255.0".parse().unwrap()), 24);
        assert_eq!(prefix_bits("ffff:ffff:ffff:ffff::".parse().unwrap()), 64);
    }
}
