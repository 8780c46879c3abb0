//! Of a good answer: the fields that Phoenix reads or writes.

use serde_json::{Map, Value, json};

/// A value reduced to what is compared.
pub(crate) fn reduced(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(reduced).collect(),
        Value::Object(map) if map.contains_key("SecuritySettings") => environment(value),
        Value::Object(map) if map.contains_key("EntryPoint") => stack(value),
        Value::Object(map) => other(map),
        plain => plain.clone(),
    }
}

fn environment(value: &Value) -> Value {
    json!({
        "Id": value["Id"], "Name": value["Name"], "Type": value["Type"], "URL": value["URL"],
        "Status": value["Status"], "GroupId": value["GroupId"], "PublicURL": value["PublicURL"],
        // Absent, null and an empty list are the same for a reader.
        "TagIds": value["TagIds"].as_array().cloned().unwrap_or_default(),
        "TLSConfig": value["TLSConfig"], "Agent": value["Agent"]["Version"],
        "has a snapshot": value["Snapshots"].as_array().is_some_and(|list| !list.is_empty()),
        "snapshot of a Swarm": value["Snapshots"][0]["Swarm"],
    })
}

fn stack(value: &Value) -> Value {
    let lines = value["DeploymentStatus"].as_array();
    let statuses: Option<Vec<Value>> =
        lines.map(|lines| lines.iter().map(|line| line["Status"].clone()).collect());
    let has_reason = lines.map(|lines| {
        let last = lines.last();
        last.is_some_and(|line| {
            line["Message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        })
    });
    json!({
        "Id": value["Id"], "Name": value["Name"], "Type": value["Type"],
        "EndpointId": value["EndpointId"], "has a SwarmId": value["SwarmId"] != "",
        "Status": value["Status"], "Env": value["Env"], "Option": value["Option"],
        "DeploymentStatus": statuses, "has a reason": has_reason,
        "DeploymentStartStatus": value["DeploymentStartStatus"],
        "was updated": value["UpdateDate"] != 0, "UpdatedBy": value["UpdatedBy"],
        "ResourceControl": value["ResourceControl"]["ResourceId"],
        "AdministratorsOnly": value["ResourceControl"]["AdministratorsOnly"],
    })
}

/// Fields of small answers, by name; nested ones are looked into.
const NAMES: [&str; 34] = [
    "Version",
    "ServerVersion",
    "ServerEdition",
    "VersionSupport",
    "RequiresSetupToken",
    "RequiredPasswordLength",
    "AuthenticationMethod",
    "Id",
    "Username",
    "Role",
    "forceChangePassword",
    "id",
    "userId",
    "description",
    "apiKey",
    "StackFileContent",
    "deleted",
    "errors",
    "Name",
    "Spec",
    "Labels",
    "Portainer",
    "ResourceControl",
    "Type",
    "message",
    "details",
    "Swarm",
    "LocalNodeState",
    "ControlAvailable",
    "State",
    "Names",
    "Public",
    "AdministratorsOnly",
    "UserAccesses",
];

fn other(map: &Map<String, Value>) -> Value {
    // A container, an image or the engine itself: Docker's, not Portainer's.
    if map.contains_key("ImageID") {
        return json!({"Names": map.get("Names"), "State": map.get("State")});
    }
    if map.contains_key("Components") || map.contains_key("HostConfig") {
        return json!("Docker's own");
    }
    if map.contains_key("JoinTokens") || map.contains_key("CAConfig") {
        return json!("a Swarm");
    }
    let kept = map
        .iter()
        .filter(|(name, _)| NAMES.contains(&name.as_str()))
        // Of `/info` only the Swarm counts.
        .filter(|(name, _)| !map.contains_key("ServerErrors") || *name == "Swarm")
        .filter(|(name, _)| !map.contains_key("NCPU") || *name == "Swarm");
    let kept: Map<String, Value> = kept
        .map(|(name, value)| (name.clone(), reduced(value)))
        .collect();
    if map.contains_key("jwt") || map.contains_key("rawAPIKey") {
        let mut kept = kept;
        kept.insert("has a token".to_owned(), json!(true));
        return Value::Object(kept);
    }
    Value::Object(kept)
}
