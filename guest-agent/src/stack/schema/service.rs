//! The keys of a service (docker/cli, `config_schema_v3.*.json`).

use super::deploy::DEPLOY;
use super::shape::{
    DATE, DURATION, Dict, INTEGER, Key, LIST_OR_DICT, NULL, NUMBER, NUMERIC, Names, OPTIONS,
    Object, STRING, SWITCH, Shape, TEXT, TEXT_OR_LIST, TEXT_OR_SET, TEXT_SET, WHOLE, closed,
    extensible, key, key_since, open,
};

pub(super) static SERVICE: Shape = Shape::Object(&Object {
    required: &[],
    ..extensible(SERVICE_KEYS)
});

const SERVICE_KEYS: &[Key] = &[
    key("deploy", &DEPLOY),
    key("build", &BUILD),
    key("cap_add", &TEXT_SET),
    key("cap_drop", &TEXT_SET),
    key_since(9, "cgroupns_mode", &TEXT),
    key("cgroup_parent", &TEXT),
    key("command", &TEXT_OR_LIST),
    key_since(3, "configs", &FILE_REFERENCES),
    key("container_name", &TEXT),
    key_since(3, "credential_spec", &CREDENTIAL_SPEC),
    key("depends_on", &DEPENDS_ON),
    key("devices", &TEXT_SET),
    key("dns", &TEXT_OR_SET),
    key("dns_search", &TEXT_OR_SET),
    key("domainname", &TEXT),
    key("entrypoint", &TEXT_OR_LIST),
    key("env_file", &TEXT_OR_SET),
    key("environment", &LIST_OR_DICT),
    key("expose", &EXPOSE),
    key("external_links", &TEXT_SET),
    key("extra_hosts", &LIST_OR_DICT),
    key("healthcheck", &HEALTHCHECK),
    key("hostname", &TEXT),
    key("image", &TEXT),
    key_since(7, "init", &SWITCH),
    key("ipc", &TEXT),
    key_since(5, "isolation", &TEXT),
    key("labels", &LIST_OR_DICT),
    key("links", &TEXT_SET),
    key("logging", &LOGGING),
    key("mac_address", &TEXT),
    key("network_mode", &TEXT),
    key("networks", &NETWORKS),
    key("pid", &TEXT_OR_NULL),
    key("ports", &PORTS),
    key("privileged", &SWITCH),
    key("read_only", &SWITCH),
    key("restart", &TEXT),
    key_since(1, "secrets", &FILE_REFERENCES),
    key("security_opt", &TEXT_SET),
    key("shm_size", &TEXT),
    key("sysctls", &LIST_OR_DICT),
    key("stdin_open", &SWITCH),
    key("stop_grace_period", &DURATION),
    key("stop_signal", &TEXT),
    key("tmpfs", &TEXT_OR_SET),
    key("tty", &SWITCH),
    key("ulimits", &ULIMITS),
    key_since(13, "oom_score_adj", &WHOLE),
    key("user", &TEXT),
    key("userns_mode", &TEXT),
    key("volumes", &VOLUMES),
    key("working_dir", &TEXT),
];

static TEXT_OR_NULL: Shape = Shape::Scalar(STRING | NULL);

static BUILD: Shape = Shape::Either(&[
    Shape::Scalar(STRING),
    Shape::Object(&Object {
        keys: &[
            key("context", &TEXT),
            key("dockerfile", &TEXT),
            key("args", &LIST_OR_DICT),
            key_since(3, "labels", &LIST_OR_DICT),
            key_since(2, "cache_from", &TEXT_SET),
            key_since(4, "network", &TEXT),
            key_since(4, "target", &TEXT),
            key_since(5, "shm_size", &BUILD_SHM_SIZE),
            key_since(9, "extra_hosts", &LIST_OR_DICT),
        ],
        required: &[],
        extensions_since: None,
        open_since: Some(11),
    }),
]);
static BUILD_SHM_SIZE: Shape = Shape::Scalar(STRING | INTEGER);

/// Entries of `configs` and `secrets`. Other keys pass unread.
static FILE_REFERENCES: Shape = Shape::List(&FILE_REFERENCE);
static FILE_REFERENCE: Shape = Shape::Either(&[
    Shape::Scalar(STRING),
    Shape::Object(&open(&[
        key("source", &TEXT),
        key("target", &TEXT),
        key("uid", &TEXT),
        key("gid", &TEXT),
        key("mode", &NUMERIC),
    ])),
]);

static CREDENTIAL_SPEC: Shape = Shape::Object(&closed(&[
    key_since(8, "config", &TEXT),
    key("file", &TEXT),
    key("registry", &TEXT),
]));

static DEPENDS_ON: Shape = Shape::Either(&[
    Shape::Set(&TEXT),
    Shape::Tolerated("`depends_on` with conditions", &DEPENDS_ON_MAP),
]);
static DEPENDS_ON_MAP: Shape = Shape::Dict(&Dict {
    names: Names::Identifier,
    value: &DEPENDENCY,
    open: false,
});
static DEPENDENCY: Shape = Shape::Object(&closed(&[
    key("condition", &CONDITION),
    key("restart", &SWITCH),
    key("required", &SWITCH),
]));
static CONDITION: Shape = Shape::Choice(&[
    "service_started",
    "service_healthy",
    "service_completed_successfully",
]);

static EXPOSE: Shape = Shape::Set(&TEXT_OR_NUMBER);
static TEXT_OR_NUMBER: Shape = Shape::Scalar(STRING | NUMBER);

static HEALTHCHECK: Shape = Shape::Object(&closed(&[
    key("disable", &SWITCH),
    key("interval", &DURATION),
    key("retries", &NUMERIC),
    key("test", &TEXT_OR_LIST),
    key("timeout", &DURATION),
    key_since(4, "start_period", &DURATION),
    key_since(12, "start_interval", &DURATION),
]));

static LOGGING: Shape = Shape::Object(&closed(&[
    key("driver", &TEXT),
    key("options", &LOGGING_OPTIONS),
]));
static LOGGING_OPTIONS: Shape = Shape::Dict(&Dict {
    names: Names::NotEmpty,
    value: &LOGGING_OPTION,
    open: true,
});
static LOGGING_OPTION: Shape = Shape::Scalar(STRING | NUMBER | NULL | DATE);

static NETWORKS: Shape = Shape::Either(&[
    Shape::Set(&TEXT),
    Shape::Dict(&Dict {
        names: Names::Identifier,
        value: &NETWORK_ATTACHMENT,
        open: false,
    }),
]);
static NETWORK_ATTACHMENT: Shape = Shape::Either(&[
    Shape::Scalar(NULL),
    Shape::Object(&closed(&[
        key("aliases", &TEXT_SET),
        key_since(13, "driver_opts", &OPTIONS),
        key("ipv4_address", &TEXT),
        key("ipv6_address", &TEXT),
    ])),
]);

static PORTS: Shape = Shape::Set(&PORT);
static PORT: Shape = Shape::Either(&[Shape::Port, Shape::Since(2, &LONG_PORT)]);
static LONG_PORT: Shape = Shape::Object(&closed(&[
    key("mode", &TEXT),
    key("target", &WHOLE),
    key("published", &WHOLE),
    key("protocol", &TEXT),
]));

static ULIMITS: Shape = Shape::Dict(&Dict {
    names: Names::LowerCase,
    value: &ULIMIT,
    open: true,
});
static ULIMIT: Shape = Shape::Either(&[
    Shape::Scalar(INTEGER),
    Shape::Object(&Object {
        keys: &[key("hard", &WHOLE), key("soft", &WHOLE)],
        required: &["soft", "hard"],
        extensions_since: None,
        open_since: None,
    }),
]);

/// With the long form, equal items came to be allowed.
static VOLUMES: Shape = Shape::Either(&[
    Shape::Before(2, &TEXT_SET),
    Shape::Since(2, &Shape::List(&VOLUME)),
]);
static VOLUME: Shape = Shape::Either(&[Shape::Scalar(STRING), Shape::Object(&LONG_VOLUME)]);
static LONG_VOLUME: Object = Object {
    keys: &[
        key("type", &TEXT),
        key("source", &TEXT),
        key("target", &TEXT),
        key("read_only", &SWITCH),
        key("consistency", &TEXT),
        key("bind", &BIND_OPTIONS),
        key("volume", &VOLUME_OPTIONS),
        key_since(6, "tmpfs", &TMPFS_OPTIONS),
    ],
    required: &["type"],
    extensions_since: None,
    open_since: None,
};
static BIND_OPTIONS: Shape = Shape::Object(&open(&[key("propagation", &TEXT)]));
static VOLUME_OPTIONS: Shape =
    Shape::Object(&open(&[key("nocopy", &SWITCH), key("subpath", &TEXT)]));
static TMPFS_OPTIONS: Shape = Shape::Object(&open(&[key("size", &SIZE_IN_BYTES)]));
static SIZE_IN_BYTES: Shape = Shape::NotNegative;
