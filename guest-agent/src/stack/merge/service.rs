//! A service over a service.

use super::{count, deploy, lists, optional_number, switch, text};
use crate::stack::model::{Healthcheck, Logging, NetworkAttachment, Service};

pub(super) fn merge(mut base: Service, over: Service) -> Service {
    text(&mut base.image, over.image);
    text(&mut base.hostname, over.hostname);
    text(&mut base.working_directory, over.working_directory);
    text(&mut base.user, over.user);
    text(&mut base.isolation, over.isolation);
    text(&mut base.stop_signal, over.stop_signal);
    text(&mut base.restart, over.restart);
    text(
        &mut base.credential_spec.config,
        over.credential_spec.config,
    );
    text(&mut base.credential_spec.file, over.credential_spec.file);
    text(
        &mut base.credential_spec.registry,
        over.credential_spec.registry,
    );
    switch(&mut base.tty, over.tty);
    switch(&mut base.stdin_open, over.stdin_open);
    switch(&mut base.read_only, over.read_only);
    optional_number(&mut base.init, over.init);
    optional_number(&mut base.stop_grace_period, over.stop_grace_period);
    command(&mut base.entrypoint, over.entrypoint);
    command(&mut base.command, over.command);
    base.cap_add.extend(over.cap_add);
    base.cap_drop.extend(over.cap_drop);
    base.extra_hosts.extend(over.extra_hosts);
    lists::optional(&mut base.dns, over.dns);
    lists::optional(&mut base.dns_search, over.dns_search);
    base.labels.extend(over.labels);
    base.sysctls.extend(over.sysctls);
    base.ulimits.extend(over.ulimits);
    environment(&mut base.environment, over.environment);
    lists::keyed(&mut base.ports, over.ports, |port| port.published);
    lists::keyed(&mut base.volumes, over.volumes, |volume| {
        volume.target.clone()
    });
    lists::keyed(&mut base.configs, over.configs, |reference| {
        reference.source.clone()
    });
    lists::keyed(&mut base.secrets, over.secrets, |reference| {
        reference.source.clone()
    });
    logging(&mut base.logging, over.logging);
    healthcheck(&mut base.healthcheck, over.healthcheck);
    for (name, attachment) in over.networks {
        network(base.networks.entry(name).or_default(), attachment);
    }
    deploy::merge(&mut base.deploy, over.deploy);
    base.depends_on.extend(over.depends_on);
    base
}

/// A command is replaced as a whole.
fn command(base: &mut Vec<String>, over: Vec<String>) {
    if !over.is_empty() {
        *base = over;
    }
}

/// An empty value gives way, and does not replace another.
fn environment(
    base: &mut std::collections::BTreeMap<String, Option<String>>,
    over: std::collections::BTreeMap<String, Option<String>>,
) {
    for (name, value) in over {
        let empty = |value: &Option<String>| value.as_ref().is_none_or(String::is_empty);
        let keep = empty(&value) && base.get(&name).is_some_and(|below| !empty(below));
        if !keep {
            base.insert(name, value);
        }
    }
}

/// Options are merged when the drivers are the same or one is not given; else all is replaced.
/// Options over none at all are lost there, and so here.
fn logging(base: &mut Option<Logging>, over: Option<Logging>) {
    match (base.as_mut(), over) {
        (Some(base), Some(over)) => {
            let mergeable =
                base.driver == over.driver || base.driver.is_empty() || over.driver.is_empty();
            if !mergeable {
                *base = over;
                return;
            }
            text(&mut base.driver, over.driver);
            if let Some(options) = &mut base.options {
                options.extend(over.options.unwrap_or_default());
            }
        }
        (None, over) => *base = over,
        (Some(_), None) => {}
    }
}

/// The test is appended to, not replaced.
fn healthcheck(base: &mut Option<Healthcheck>, over: Option<Healthcheck>) {
    match (base.as_mut(), over) {
        (Some(base), Some(over)) => {
            base.test.extend(over.test);
            optional_number(&mut base.interval, over.interval);
            optional_number(&mut base.timeout, over.timeout);
            optional_number(&mut base.start_period, over.start_period);
            optional_number(&mut base.start_interval, over.start_interval);
            count(&mut base.retries, over.retries);
            switch(&mut base.disable, over.disable);
        }
        (None, over) => *base = over,
        (Some(_), None) => {}
    }
}

/// Aliases are replaced, driver options stay.
fn network(base: &mut Option<NetworkAttachment>, over: Option<NetworkAttachment>) {
    match (base.as_mut(), over) {
        (Some(base), Some(over)) => base.aliases = over.aliases,
        (None, over) => *base = over,
        (Some(_), None) => {}
    }
}
