//! Networks that exist and differ from the file. They cannot be changed, and making them anew would cut
//! off what is attached, so that is only told.

use serde_json::{Value, json};

use crate::stack::spec::NetworkSpec;

/// The keys in which an existing network differs from what the file wants.
pub(super) fn differences(spec: &NetworkSpec, existing: &Value) -> Vec<&'static str> {
    let wanted = json!(spec);
    let mut keys: Vec<&'static str> = ["Driver", "Internal", "Attachable"]
        .into_iter()
        .filter(|key| {
            existing
                .get(*key)
                .is_some_and(|value| wanted.get(*key) != Some(value))
        })
        .collect();
    // The engine adds options and pools of its own.
    let option = |name: &str| {
        existing
            .pointer("/Options")
            .and_then(|options| options.get(name))
    };
    if spec
        .options
        .iter()
        .any(|(name, value)| option(name) != Some(&json!(value)))
    {
        keys.push("Options");
    }
    let pools = existing.pointer("/IPAM/Config").and_then(Value::as_array);
    let has = |subnet: &str| {
        pools
            .into_iter()
            .flatten()
            .any(|pool| pool.get("Subnet") == Some(&json!(subnet)))
    };
    let wanted_pools = spec.ipam.iter().flat_map(|ipam| &ipam.config);
    if wanted_pools.into_iter().any(|pool| !has(&pool.subnet)) {
        keys.push("IPAM");
    }
    keys
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::stack::spec::{Ipam, IpamPool};

    #[test]
    fn only_what_the_file_says_counts() {
        let pool = |subnet: &str| IpamPool {
            subnet: subnet.to_owned(),
        };
        let mut spec = NetworkSpec {
            name: "n".to_owned(),
            driver: "overlay".to_owned(),
            options: BTreeMap::from([("encrypted".to_owned(), "true".to_owned())]),
            internal: false,
            attachable: true,
            labels: BTreeMap::new(),
            ipam: Some(Ipam {
                driver: String::new(),
                config: vec![pool("10.9.0.0/24")],
            }),
        };
        let existing = json!({
            "Driver": "overlay", "Internal": false, "Attachable": true,
            "Options": {"encrypted": "true", "vxlanid_list": "4097"},
            "IPAM": {"Config": [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1"}]},
        });
        assert!(differences(&spec, &existing).is_empty());
        spec.attachable = false;
        spec.options.insert("mtu".to_owned(), "1400".to_owned());
        assert_eq!(differences(&spec, &existing), ["Attachable", "Options"]);
    }
}
