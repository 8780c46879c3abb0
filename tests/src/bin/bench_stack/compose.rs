//! The compose files that are deployed.

use std::fmt::Write as _;

use phoenix_tests::lab::REGISTRY;

/// The lab's web server, pulled beforehand.
pub(crate) const IMAGE: &str = "192.168.77.254:5000/web:1";

/// `services` services of one kind; the first one has `version` in its environment.
pub(crate) fn services(services: usize, replicas: usize, version: usize) -> String {
    debug_assert!(IMAGE.starts_with(REGISTRY));
    let mut text = String::from("version: \"3.8\"\nservices:\n");
    for number in 1..=services {
        let version = if number == 1 { version } else { 0 };
        let _ = write!(
            text,
            "  s{number:03}:\n    image: {IMAGE}\n    stop_grace_period: 1s\n    environment: {{VERSION: \"{version}\", \
             NUMBER: \"{number}\"}}\n    labels: {{part: \"bench\"}}\n    deploy:\n      replicas: {replicas}\n      \
             labels: {{number: \"{number}\"}}\n      restart_policy: {{condition: any, delay: 1s}}\n"
        );
    }
    text
}
