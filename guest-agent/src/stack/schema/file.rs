//! The top-level keys and what stands under them.

use super::deploy::named;
use super::service::SERVICE;
use super::shape::{
    BOOLEAN, LIST_OR_DICT, NULL, OPTIONS, Object, STRING, SWITCH, Shape, TEXT, closed, extensible,
    key, key_since, open,
};

pub(super) static FILE: Shape = Shape::Object(&Object {
    keys: &[
        key("version", &TEXT),
        key("services", &SERVICES),
        key("networks", &NETWORKS),
        key("volumes", &VOLUMES),
        key_since(1, "secrets", &SECRETS),
        key_since(3, "configs", &CONFIGS),
        key("name", &NAME),
    ],
    required: &[],
    extensions_since: Some(4),
    open_since: None,
});

/// `docker compose` project names: the stack has its own.
static NAME: Shape = Shape::Either(&[Shape::Tolerated("top-level `name`", &NAME_TEXT)]);
static NAME_TEXT: Shape = Shape::Scalar(STRING);

static SERVICES: Shape = Shape::Dict(&named(&SERVICE, false));
static NETWORKS: Shape = Shape::Dict(&named(&NETWORK, true));
static VOLUMES: Shape = Shape::Dict(&named(&VOLUME, false));
static SECRETS: Shape = Shape::Dict(&named(&SECRET, false));
static CONFIGS: Shape = Shape::Dict(&named(&CONFIG, false));

static EXTERNAL: Shape = Shape::Either(&[
    Shape::Scalar(BOOLEAN),
    Shape::Object(&closed(&[key("name", &TEXT)])),
]);
static EXTERNAL_OPEN: Shape = Shape::Either(&[
    Shape::Scalar(BOOLEAN),
    Shape::Object(&open(&[key("name", &TEXT)])),
]);

static NETWORK: Shape = Shape::Either(&[
    Shape::Scalar(NULL),
    Shape::Object(&extensible(&[
        key_since(5, "name", &TEXT),
        key("driver", &TEXT),
        key("driver_opts", &OPTIONS),
        key("ipam", &IPAM),
        key("external", &EXTERNAL),
        key("internal", &SWITCH),
        key_since(2, "attachable", &SWITCH),
        key("labels", &LIST_OR_DICT),
    ])),
]);
static IPAM: Shape = Shape::Object(&closed(&[key("driver", &TEXT), key("config", &IPAM_POOLS)]));
static IPAM_POOLS: Shape = Shape::List(&IPAM_POOL);
static IPAM_POOL: Shape = Shape::Object(&closed(&[key("subnet", &TEXT)]));

static VOLUME: Shape = Shape::Either(&[
    Shape::Scalar(NULL),
    Shape::Object(&extensible(&[
        key_since(4, "name", &TEXT),
        key("driver", &TEXT),
        key("driver_opts", &OPTIONS),
        key("external", &EXTERNAL),
        key("labels", &LIST_OR_DICT),
    ])),
]);

static SECRET: Shape = Shape::Object(&extensible(&[
    key_since(5, "name", &TEXT),
    key("file", &TEXT),
    key("external", &EXTERNAL_OPEN),
    key("labels", &LIST_OR_DICT),
    key_since(8, "driver", &TEXT),
    key_since(8, "driver_opts", &OPTIONS),
    key_since(8, "template_driver", &TEXT),
]));

static CONFIG: Shape = Shape::Object(&extensible(&[
    key_since(5, "name", &TEXT),
    key("file", &TEXT),
    key("external", &EXTERNAL_OPEN),
    key("labels", &LIST_OR_DICT),
    key_since(8, "template_driver", &TEXT),
]));
