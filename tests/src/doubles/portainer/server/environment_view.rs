//! An environment as the API shows it.

use serde_json::{Value, json};

use super::records::Environment;
use crate::doubles::portainer::behaviour::ServerVersion;

/// What differs between the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// Of a create: the record as it was stored.
    Created,
    /// Of an update.
    Updated,
    One,
    Listed,
}

pub(super) fn shown(
    one: &Environment,
    view: View,
    with_snapshot: bool,
    version: &ServerVersion,
) -> Value {
    let is_read = matches!(view, View::One | View::Listed);
    let snapshots = match &one.snapshot {
        Value::Null => Vec::new(),
        snapshot if with_snapshot && view != View::Created => vec![snapshot.clone()],
        _ => Vec::new(),
    };
    let mut value = json!({
        "Id": one.id, "Name": one.name, "Type": one.kind, "ContainerEngine": "", "URL": one.url,
        "GroupId": one.group_id, "PublicURL": one.public_url, "Gpus": [],
        "TLSConfig": {"TLS": one.tls, "TLSSkipVerify": one.tls_skip_verify},
        "AzureCredentials": {"ApplicationID": "", "TenantID": "", "AuthenticationKey": ""},
        "TagIds": one.tag_ids, "Status": one.status, "Snapshots": snapshots,
        "UserAccessPolicies": {}, "TeamAccessPolicies": {}, "EdgeKey": "",
        "EdgeCheckinInterval": if view == View::Listed { 5 } else { 0 },
        "Kubernetes": kubernetes(),
        "ComposeSyntaxMaxVersion": if is_read { "3.9" } else { "" },
        "SecuritySettings": {
            "allowBindMountsForRegularUsers": false, "allowPrivilegedModeForRegularUsers": false,
            "allowVolumeBrowserForRegularUsers": false, "allowHostNamespaceForRegularUsers": false,
            "allowDeviceMappingForRegularUsers": false, "allowStackManagementForRegularUsers": true,
            "allowContainerCapabilitiesForRegularUsers": false,
            "allowSysctlSettingForRegularUsers": false, "enableHostManagementFeatures": false,
        },
        "LastCheckInDate": 0, "Heartbeat": false,
        "PostInitMigrations": {"MigrateIngresses": false, "MigrateGPUs": false},
        "Edge": {"AsyncMode": false, "PingInterval": 0, "SnapshotInterval": 0, "CommandInterval": 0},
        "Agent": {"Version": one.agent_version}, "AuthorizedUsers": null, "AuthorizedTeams": null,
        "Tags": null,
    });
    if let (true, Some(fields)) = (version.leaves_empty_out(), value.as_object_mut()) {
        fields.retain(|name, value| {
            let is_empty = match value {
                Value::Null => true,
                Value::Array(list) => list.is_empty() && name != "Snapshots",
                Value::Object(map) => map.is_empty(),
                _ => false,
            };
            !is_empty
        });
    }
    value
}

fn kubernetes() -> Value {
    json!({
        "Snapshots": [],
        "Configuration": {
            "UseLoadBalancer": false, "UseServerMetrics": false, "EnableResourceOverCommit": true,
            "ResourceOverCommitPercentage": 0, "StorageClasses": [], "IngressClasses": [],
            "RestrictDefaultNamespace": false, "IngressAvailabilityPerNamespace": false,
            "AllowNoneIngressClass": false,
        },
        "Flags": {"IsServerMetricsDetected": false, "IsServerIngressClassDetected": false,
            "IsServerStorageDetected": false},
    })
}
