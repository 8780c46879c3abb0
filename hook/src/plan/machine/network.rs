//! What cloud-init tells the guest: its address, its user, its keys.

use std::collections::BTreeSet;
use std::net::IpAddr;

use phoenix_common::config::Network;

use super::MachinePlan;
use super::action::FieldChange;
use super::desired::MachineDesired;
use crate::pve::conf::GuestConf;
use crate::pve::{drive, percent};

/// The keys of ours that go to the guest by its cloud-init drive.
const CLOUD_INIT_KEYS: [&str; 3] = ["ipconfig0", "ciuser", "sshkeys"];

pub(super) fn changes(desired: &MachineDesired, conf: &GuestConf) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let mut differ = |key: &str, after: Option<String>| {
        if let Some(after) = after {
            changes.push(FieldChange {
                key: key.to_owned(),
                before: conf.wanted(key).map(str::to_owned),
                after,
            });
        }
    };
    differ(
        "ipconfig0",
        desired.network.and_then(|network| address(network, conf)),
    );
    let user = desired.user.clone();
    differ(
        "ciuser",
        user.filter(|user| conf.wanted("ciuser") != Some(user)),
    );
    differ("sshkeys", keys(&desired.ssh_keys, conf));
    changes
}

/// `ip=10.0.0.101/24,gw=10.0.0.1`; what stands there for the other family is kept.
fn address(network: Network, conf: &GuestConf) -> Option<String> {
    let (ip, gateway) = match network.address.addr() {
        IpAddr::V4(_) => ("ip", "gw"),
        IpAddr::V6(_) => ("ip6", "gw6"),
    };
    let mut wanted = vec![format!("{ip}={}", network.address)];
    if let Some(address) = network.gateway {
        wanted.push(format!("{gateway}={address}"));
    }
    let now: Vec<&str> = conf
        .wanted("ipconfig0")
        .unwrap_or_default()
        .split(',')
        .filter(|part| !part.is_empty())
        .collect();
    let of_other_family = |part: &&&str| {
        let key = part.split('=').next().unwrap_or_default();
        key != ip && key != gateway
    };
    wanted.extend(
        now.iter()
            .filter(of_other_family)
            .map(|part| (*part).to_owned()),
    );
    let same = wanted.iter().map(String::as_str).collect::<BTreeSet<_>>()
        == now.into_iter().collect::<BTreeSet<_>>();
    (!same).then(|| wanted.join(","))
}

/// The declared keys, percent-encoded as the configuration holds them; `None` when they are there and no others.
fn keys(declared: &[String], conf: &GuestConf) -> Option<String> {
    if declared.is_empty() {
        return None;
    }
    let wanted: Vec<&str> = declared.iter().map(|key| key.trim()).collect();
    let now = percent::decode(conf.wanted("sshkeys").unwrap_or_default());
    let now: Vec<&str> = now
        .lines()
        .map(str::trim)
        .filter(|key| !key.is_empty())
        .collect();
    (now != wanted).then(|| percent::encode(&wanted.join("\n")))
}

/// Without its drive cloud-init hears nothing.
pub(super) fn findings(desired: &MachineDesired, conf: &GuestConf, plan: &mut MachinePlan) {
    let needed =
        desired.network.is_some() || desired.user.is_some() || !desired.ssh_keys.is_empty();
    let has_drive = conf
        .iter()
        .any(|(key, value)| drive::is_drive_key(key) && drive::is_cloud_init(value));
    if needed && !has_drive {
        let of = desired.template.unwrap_or(desired.vmid);
        plan.findings.push(format!(
            "there is no cloud-init drive, so address, user and keys do not reach the guest: qm set {of} --ide2 local:cloudinit (any storage for images)"
        ));
    }
}

/// The keys of which the guest's cloud-init drive still has another value.
pub(super) fn not_on_drive(conf: &GuestConf) -> Vec<&'static str> {
    let mut keys = CLOUD_INIT_KEYS.to_vec();
    keys.retain(|key| {
        let drive = conf.on_cloud_init_drive(key);
        drive.is_some() && drive != conf.wanted(key)
    });
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str, gateway: Option<&str>) -> Network {
        Network {
            address: address.parse().unwrap(),
            gateway: gateway.map(|gateway| gateway.parse().unwrap()),
        }
    }

    #[test]
    fn an_address_is_compared_by_its_parts() {
        let wanted = network("10.0.0.101/24", Some("10.0.0.1"));
        let set = |text: &str| address(wanted, &GuestConf::parse(text));
        let plain = "ip=10.0.0.101/24,gw=10.0.0.1";
        assert_eq!(set("").as_deref(), Some(plain));
        assert_eq!(set("ipconfig0: ip=dhcp\n").as_deref(), Some(plain));
        assert_eq!(set("ipconfig0: gw=10.0.0.1,ip=10.0.0.101/24\n"), None);
        assert_eq!(
            set("ipconfig0: ip=dhcp,ip6=auto\n"),
            Some(format!("{plain},ip6=auto"))
        );
        let six = network("fd00::5/64", None);
        assert_eq!(
            address(six, &GuestConf::default()).as_deref(),
            Some("ip6=fd00::5/64")
        );
    }

    #[test]
    fn keys_are_encoded_once_and_compared_decoded() {
        let declared = ["ssh-ed25519 AAAA a@b".to_owned(), "ssh-rsa BB c".to_owned()];
        let encoded = keys(&declared, &GuestConf::default()).unwrap();
        assert_eq!(encoded, "ssh-ed25519%20AAAA%20a%40b%0Assh-rsa%20BB%20c");
        let with = |text: &str| GuestConf::parse(&format!("sshkeys: {text}\n"));
        assert_eq!(keys(&declared, &with(&format!("{encoded}%0A"))), None);
        assert_eq!(keys(&[], &with(&encoded)), None);
        assert!(keys(&declared[..1], &with(&encoded)).is_some());
    }

    #[test]
    fn what_the_drive_does_not_have_yet_is_told() {
        let conf = GuestConf::parse(
            "ciuser: new\nipconfig0: ip=dhcp\n[special:cloudinit]\nciuser: old\nipconfig0: ip=dhcp\n",
        );
        assert_eq!(not_on_drive(&conf), ["ciuser"]);
    }
}
