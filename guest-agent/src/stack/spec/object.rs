//! Networks, configs and secrets.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde::{Serialize, Serializer};

use crate::stack::model::Content;

/// Body of `POST /networks/create`.
#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkSpec {
    pub name: String,
    pub driver: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    pub internal: bool,
    pub attachable: bool,
    pub labels: BTreeMap<String, String>,
    #[serde(rename = "IPAM", skip_serializing_if = "Option::is_none")]
    pub ipam: Option<Ipam>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ipam {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<IpamPool>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IpamPool {
    pub subnet: String,
}

/// Body of `POST /configs/create` and `/secrets/create`.
#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ObjectSpec {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    #[serde(serialize_with = "base64")]
    pub data: Content,
    /// A secret's driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<ObjectDriver>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templating: Option<ObjectDriver>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ObjectDriver {
    pub name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

fn base64<S: Serializer>(content: &Content, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&content.0))
}

crate::stack::shown::shows_only!(NetworkSpec { name });
crate::stack::shown::shows_only!(ObjectSpec { name, data });
crate::stack::shown::shows_only!(ObjectDriver { name });
