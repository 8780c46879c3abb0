//! From which networks a new Swarm cuts its overlays.

use ipnet::IpNet;

/// Tried in this order; none is Docker's own default 10.0.0.0/8, whose first slice (10.0.0.0/24, the
/// ingress network) is the network many guests live in: ingress then answers only on the node itself.
const CANDIDATES: [&str; 3] = ["10.200.0.0/16", "172.28.0.0/14", "10.96.0.0/12"];

/// The first candidate that overlaps none of `taken`.
pub fn choose(taken: &[IpNet]) -> Option<IpNet> {
    CANDIDATES
        .iter()
        .filter_map(|text| text.parse().ok())
        .find(|candidate| !taken.iter().any(|network| overlap(candidate, network)))
}

/// Whether two networks share an address.
pub fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_first_that_is_free() {
        for (taken, wanted) in [
            (vec!["10.0.0.0/24"], Some("10.200.0.0/16")),
            (vec!["10.200.3.0/24"], Some("172.28.0.0/14")),
            (vec!["10.0.0.0/8"], Some("172.28.0.0/14")),
            (vec!["10.0.0.0/8", "172.16.0.0/12"], None),
        ] {
            let taken: Vec<IpNet> = taken.iter().map(|text| text.parse().unwrap()).collect();
            let wanted = wanted.map(|text| text.parse().unwrap());
            assert_eq!(choose(&taken), wanted, "{taken:?}");
        }
    }
}
