//! The container of a service.

use super::{Convert, capabilities, files, mount};
use crate::stack::fault::Fault;
use crate::stack::model::{self, Service};
use crate::stack::spec::{
    ContainerSpec, CredentialSpec, DnsConfig, Healthcheck, Privileges, Ulimit,
};
use crate::stack::text::image;

pub(super) fn convert(convert: &mut Convert<'_>, service: &Service) -> ContainerSpec {
    let (capability_add, capability_drop) =
        capabilities::effective(&service.cap_add, &service.cap_drop);
    ContainerSpec {
        image: tagged(&service.image),
        labels: convert.namespace.labelled(&service.labels),
        command: service.entrypoint.clone(),
        args: service.command.clone(),
        hostname: service.hostname.clone(),
        env: environment(service),
        dir: service.working_directory.clone(),
        user: service.user.clone(),
        privileges: Privileges {
            credential_spec: credential_spec(convert, service),
            ..Privileges::default()
        },
        init: service.init,
        stop_signal: service.stop_signal.clone(),
        tty: service.tty,
        open_stdin: service.stdin_open,
        read_only: service.read_only,
        mounts: mount::convert(convert, service),
        stop_grace_period: service.stop_grace_period,
        healthcheck: healthcheck(convert, service),
        hosts: service
            .extra_hosts
            .iter()
            .filter_map(|entry| entry.split_once(':'))
            .map(|(host, address)| format!("{address} {host}"))
            .collect(),
        dns_config: dns(service),
        secrets: files::secrets(convert, service),
        configs: files::configs(convert, service),
        isolation: service.isolation.clone(),
        sysctls: service.sysctls.clone(),
        capability_add,
        capability_drop,
        ulimits: service
            .ulimits
            .iter()
            .map(|(name, limit)| Ulimit {
                name: name.clone(),
                hard: limit.hard,
                soft: limit.soft,
            })
            .collect(),
    }
}

/// The familiar name with its tag; what is no name (an id) stays as it is.
fn tagged(text: &str) -> String {
    image::parse(text).map_or_else(|| text.to_owned(), |reference| reference.with_tag())
}

/// `K=V`, or `K` for a variable to be unset; sorted.
fn environment(service: &Service) -> Vec<String> {
    let mut entries: Vec<String> = service
        .environment
        .iter()
        .map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => name.clone(),
        })
        .collect();
    entries.sort_unstable();
    entries
}

fn dns(service: &Service) -> Option<DnsConfig> {
    if service.dns.is_none() && service.dns_search.is_none() {
        return None;
    }
    Some(DnsConfig {
        nameservers: service.dns.clone().unwrap_or_default(),
        search: service.dns_search.clone().unwrap_or_default(),
    })
}

fn healthcheck(convert: &mut Convert<'_>, service: &Service) -> Option<Healthcheck> {
    let check: &model::Healthcheck = service.healthcheck.as_ref()?;
    if check.disable {
        if !check.test.is_empty() {
            let (first, second) = (
                "healthcheck.test".to_owned(),
                "healthcheck.disable".to_owned(),
            );
            convert.fault(&service.origin, Fault::Conflict { first, second });
        }
        return Some(Healthcheck {
            test: vec!["NONE".to_owned()],
            ..Healthcheck::default()
        });
    }
    Some(Healthcheck {
        test: check.test.clone(),
        interval: check.interval.unwrap_or_default(),
        timeout: check.timeout.unwrap_or_default(),
        start_period: check.start_period.unwrap_or_default(),
        start_interval: check.start_interval.unwrap_or_default(),
        retries: check.retries.unwrap_or_default(),
    })
}

/// At most one of the three kinds. The config's id is filled in later, by its name.
fn credential_spec(convert: &mut Convert<'_>, service: &Service) -> Option<CredentialSpec> {
    let spec = &service.credential_spec;
    let given: Vec<&str> = [
        ("config", &spec.config),
        ("file", &spec.file),
        ("registry", &spec.registry),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, _)| name)
    .collect();
    match given.as_slice() {
        [] => return None,
        [_] => {}
        [first, second, ..] => {
            let path = |name| format!("credential_spec.{name}");
            let fault = Fault::Conflict {
                first: path(first),
                second: path(second),
            };
            convert.fault(&service.origin, fault);
        }
    }
    let config = match convert.stack.configs.get(&spec.config) {
        Some(object) => convert.namespace.name_of(&spec.config, &object.name),
        None => String::new(),
    };
    Some(CredentialSpec {
        config,
        file: spec.file.clone(),
        registry: spec.registry.clone(),
    })
}
