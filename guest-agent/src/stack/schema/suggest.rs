//! What an unknown key may have been meant to be.

use super::shape::Key;
use crate::stack::fault::KnownAs;

/// Keys of `docker compose` (the Compose Specification) that stacks do not have.
const COMPOSE_ONLY: &[&str] = &[
    "name",
    "include",
    "models",
    "annotations",
    "attach",
    "blkio_config",
    "cgroup",
    "content",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpus",
    "develop",
    "device_cgroup_rules",
    "dns_opt",
    "enable_ipv6",
    "gpus",
    "group_add",
    "label_file",
    "mem_reservation",
    "mem_swappiness",
    "oom_kill_disable",
    "pids_limit",
    "platform",
    "post_start",
    "pre_start",
    "pre_stop",
    "profiles",
    "provider",
    "pull_policy",
    "runtime",
    "scale",
    "storage_opt",
    "use_api_socket",
    "uts",
    "app_protocol",
    "host_ip",
    "priority",
    "gw_priority",
    "gateway",
    "ip_range",
    "aux_addresses",
    "options",
    "devices",
    "image",
    "create_host_path",
];

pub(super) fn known_as(key: &str, keys: &'static [Key]) -> KnownAs {
    if COMPOSE_ONLY.contains(&key) {
        return KnownAs::ComposeOnly;
    }
    let nearest = keys
        .iter()
        .map(|known| (distance(key, known.name), known.name))
        .min()
        .filter(|(distance, name)| *distance <= 2 && *distance < name.len() / 2 + 1);
    match nearest {
        Some((_, name)) => KnownAs::Similar(name),
        None => KnownAs::Nothing,
    }
}

/// Levenshtein distance; long keys are not worth comparing.
fn distance(left: &str, right: &str) -> usize {
    if left.len().abs_diff(right.len()) > 2 {
        return usize::MAX;
    }
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.chars().enumerate() {
        let mut diagonal = line;
        let mut before = line + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(&right) {
            let cost = diagonal + usize::from(letter != *other);
            diagonal = *cell;
            *cell = cost.min(before + 1).min(diagonal + 1);
            before = *cell;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (left, right, wanted) in [
            ("imagee", "image", 1),
            ("prots", "ports", 2),
            ("", "ab", 2),
            ("x", "x", 0),
        ] {
            assert_eq!(distance(left, right), wanted);
        }
    }
}
