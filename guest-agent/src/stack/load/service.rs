//! A service.

use std::collections::BTreeMap;

use phoenix_common::spec::Compat;

use super::fields::Fields;
use super::{Load, depends_on, deploy, environment, extra_hosts, port, volume};
use crate::stack::fault::Fault;
use crate::stack::model::{
    CredentialSpec, FileReference, Healthcheck, Logging, NetworkAttachment, Service, Ulimit,
};
use crate::stack::notice::Notice;
use crate::stack::text::shell_words;
use crate::stack::yaml::Value;

/// Keys that have no effect in a stack. `restart` is in docker's own list and yet used, see below.
const IGNORED: &[&str] = &[
    "build",
    "cgroupns_mode",
    "cgroup_parent",
    "devices",
    "domainname",
    "external_links",
    "ipc",
    "links",
    "mac_address",
    "network_mode",
    "pid",
    "shm_size",
    "userns_mode",
    "container_name",
    "expose",
    "oom_score_adj",
];
/// Those of them that guard or open a container.
const HARDENING: &[&str] = &["privileged", "security_opt"];

pub(super) fn load(load: &mut Load<'_>, fields: &Fields<'_>, _name: &str) -> Service {
    warn_of_ignored(load, fields);
    Service {
        origin: fields.origin(),
        image: fields.text("image", load),
        entrypoint: command(load, fields, "entrypoint"),
        command: command(load, fields, "command"),
        environment: environment::resolve(load, fields),
        labels: fields.labels("labels", load).unwrap_or_default(),
        hostname: fields.text("hostname", load),
        working_directory: fields.text("working_dir", load),
        user: fields.text("user", load),
        isolation: fields.text("isolation", load),
        stop_signal: fields.text("stop_signal", load),
        stop_grace_period: fields.duration("stop_grace_period", load),
        tty: fields.switch("tty", load).unwrap_or_default(),
        stdin_open: fields.switch("stdin_open", load).unwrap_or_default(),
        read_only: fields.switch("read_only", load).unwrap_or_default(),
        init: fields.switch("init", load),
        restart: fields.text("restart", load),
        cap_add: fields.texts("cap_add", load).unwrap_or_default(),
        cap_drop: fields.texts("cap_drop", load).unwrap_or_default(),
        sysctls: fields.labels("sysctls", load).unwrap_or_default(),
        ulimits: ulimits(load, fields),
        dns: fields.texts("dns", load),
        dns_search: fields.texts("dns_search", load),
        extra_hosts: extra_hosts::load(load, fields),
        credential_spec: credential_spec(load, fields),
        healthcheck: fields
            .section("healthcheck")
            .map(|fields| healthcheck(load, &fields)),
        logging: fields.section("logging").map(|fields| Logging {
            driver: fields.text("driver", load),
            options: fields.labels("options", load),
        }),
        networks: networks(load, fields),
        ports: port::load(load, fields),
        volumes: volume::load(load, fields),
        configs: file_references(load, fields, "configs"),
        secrets: file_references(load, fields, "secrets"),
        deploy: deploy::load(load, fields),
        depends_on: depends_on::load(load, fields),
    }
}

fn warn_of_ignored(load: &mut Load<'_>, fields: &Fields<'_>) {
    let Some(map) = fields.map else { return };
    let has_policy = fields
        .section("deploy")
        .is_some_and(|deploy| deploy.get("restart_policy").is_some());
    for entry in &map.entries {
        let key = entry.key.clone();
        let notice = match entry.key.as_str() {
            name if IGNORED.contains(&name) => Notice::KeyIgnored { key },
            name if HARDENING.contains(&name) => Notice::HardeningDropped { key },
            "restart" if has_policy => Notice::KeyIgnored { key },
            "restart" => Notice::RestartUsed,
            "depends_on" if load.compat == Compat::Docker => Notice::KeyIgnored { key },
            _ => continue,
        };
        load.notices.add(&entry.key_place, &fields.path, notice);
    }
}

fn command(load: &mut Load<'_>, fields: &Fields<'_>, key: &str) -> Vec<String> {
    let Some(node) = fields.get(key) else {
        return Vec::new();
    };
    let Value::Text(text) = &node.value else {
        return fields.texts(key, load).unwrap_or_default();
    };
    shell_words::split(text).unwrap_or_else(|| {
        let fault = Fault::BadFormat {
            text: text.clone(),
            wanted: "a command: a quote or backslash is left open",
        };
        load.problems.push(crate::stack::fault::Problem::at(
            &node.place,
            fields.below(key),
            fault,
        ));
        Vec::new()
    })
}

fn ulimits(load: &mut Load<'_>, fields: &Fields<'_>) -> BTreeMap<String, Ulimit> {
    let Some(limits) = fields.section("ulimits") else {
        return BTreeMap::new();
    };
    let entries = limits.map.into_iter().flat_map(|map| &map.entries);
    let mut result = BTreeMap::new();
    for entry in entries {
        let path = limits.below(&entry.key);
        let number = |value: &Value| match value {
            Value::Integer(number) => i64::try_from(*number).ok(),
            _ => None,
        };
        let pair = match &entry.node.value {
            Value::Map(map) => {
                let part = |key| map.get(key).and_then(|node| number(&node.value));
                part("soft").zip(part("hard"))
            }
            value => number(value).map(|both| (both, both)),
        };
        match pair {
            Some((soft, hard)) => {
                result.insert(entry.key.clone(), Ulimit { soft, hard });
            }
            None => load.wrong_type(
                &entry.node,
                &path,
                "an integer or `soft` and `hard`",
                &entry.node.value,
            ),
        }
    }
    result
}

fn credential_spec(load: &mut Load<'_>, fields: &Fields<'_>) -> CredentialSpec {
    fields
        .section("credential_spec")
        .map_or_else(CredentialSpec::default, |fields| CredentialSpec {
            config: fields.text("config", load),
            file: fields.text("file", load),
            registry: fields.text("registry", load),
        })
}

fn healthcheck(load: &mut Load<'_>, fields: &Fields<'_>) -> Healthcheck {
    let test = match fields.get("test").map(|node| &node.value) {
        Some(Value::Text(text)) => vec!["CMD-SHELL".to_owned(), text.clone()],
        _ => fields.texts("test", load).unwrap_or_default(),
    };
    Healthcheck {
        test,
        interval: fields.duration("interval", load),
        timeout: fields.duration("timeout", load),
        start_period: fields.duration("start_period", load),
        start_interval: fields.duration("start_interval", load),
        retries: fields.unsigned("retries", load),
        disable: fields.switch("disable", load).unwrap_or_default(),
    }
}

fn networks(
    load: &mut Load<'_>,
    fields: &Fields<'_>,
) -> BTreeMap<String, Option<NetworkAttachment>> {
    if let Some(Value::List(_)) = fields.get("networks").map(|node| &node.value) {
        let names = fields.texts("networks", load).unwrap_or_default();
        return names.into_iter().map(|name| (name, None)).collect();
    }
    let Some(networks) = fields.section("networks") else {
        return BTreeMap::new();
    };
    let entries = networks.map.into_iter().flat_map(|map| &map.entries);
    entries
        .map(|entry| {
            let fields = Fields::of(&entry.node, networks.below(&entry.key));
            let attachment = entry.node.as_map().map(|_| NetworkAttachment {
                aliases: fields.texts("aliases", load).unwrap_or_default(),
                driver_options: fields.labels("driver_opts", load).unwrap_or_default(),
            });
            (entry.key.clone(), attachment)
        })
        .collect()
}

fn file_references(
    load: &mut Load<'_>,
    fields: &Fields<'_>,
    key: &str,
) -> Option<Vec<FileReference>> {
    let items = fields.items(key)?;
    Some(
        items
            .into_iter()
            .map(|(node, path)| {
                let item = Fields::of(node, path);
                let short = node.as_text().map(str::to_owned);
                FileReference {
                    origin: item.origin(),
                    source: short.unwrap_or_else(|| item.text("source", load)),
                    target: item.text("target", load),
                    uid: item.text("uid", load),
                    gid: item.text("gid", load),
                    mode: item
                        .unsigned("mode", load)
                        .map(|mode| u32::try_from(mode).unwrap_or(u32::MAX)),
                }
            })
            .collect(),
    )
}
