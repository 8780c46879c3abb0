//! The containers a spec asks for, in the words of Docker's API. Pure.

use std::path::Path;

use phoenix_common::digest::sha256_hex;
use phoenix_common::spec::{PortainerAgentSpec, PortainerServerSpec, PortainerSpec};
use serde_json::{Value, json};

/// Names as in Portainer's own guides: what was made by them is found.
pub(super) const SERVER: &str = "portainer";
pub(super) const AGENT: &str = "portainer_agent";
/// Digest of what the container was made from; its presence says that Phoenix made it.
pub(super) const SPEC_LABEL: &str = "phoenix.spec";
const DATA_VOLUME: &str = "portainer_data";
const PASSWORD_IN_CONTAINER: &str = "/run/secrets/portainer_admin_password";
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// A container that shall run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub name: &'static str,
    pub image: String,
    pub digest: String,
    /// Body of `POST /containers/create`.
    pub body: Value,
}

/// Server first: the agents of a new version follow it.
pub(super) fn containers(spec: &PortainerSpec, password: &Path) -> Vec<Wanted> {
    let server = spec.server.as_ref().map(|spec| server(spec, password));
    server
        .into_iter()
        .chain(spec.agent.as_ref().map(agent))
        .collect()
}

fn server(spec: &PortainerServerSpec, password: &Path) -> Wanted {
    let mut ports = vec![(9443, spec.https_port)];
    ports.extend(spec.http_port.map(|port| (9000, port)));
    // No Docker socket: the server reaches engines through agents only.
    let mounts = json!([
        {"Type": "volume", "Source": DATA_VOLUME, "Target": "/data"},
        {"Type": "bind", "Source": password, "Target": PASSWORD_IN_CONTAINER, "ReadOnly": true},
    ]);
    let body = json!({
        "Image": spec.image,
        "Cmd": ["--admin-password-file", PASSWORD_IN_CONTAINER],
        "Env": [format!("AGENT_SECRET={}", spec.agent_secret.expose())],
        "HostConfig": {"Mounts": mounts},
    });
    wanted(SERVER, &spec.image, body, &ports)
}

fn agent(spec: &PortainerAgentSpec) -> Wanted {
    let volumes = "/var/lib/docker/volumes";
    let body = json!({
        "Image": spec.image,
        "Env": [format!("AGENT_SECRET={}", spec.agent_secret.expose())],
        "HostConfig": {"Mounts": [
            {"Type": "bind", "Source": DOCKER_SOCKET, "Target": DOCKER_SOCKET},
            {"Type": "bind", "Source": volumes, "Target": volumes},
        ]},
    });
    wanted(AGENT, &spec.image, body, &[(9001, spec.port)])
}

fn wanted(name: &'static str, image: &str, mut body: Value, ports: &[(u16, u16)]) -> Wanted {
    let inside = |port: u16| format!("{port}/tcp");
    let exposed = ports.iter().map(|(port, _)| (inside(*port), json!({})));
    body["ExposedPorts"] = exposed.collect::<serde_json::Map<_, _>>().into();
    let bindings = ports
        .iter()
        .map(|(port, published)| (inside(*port), json!([{"HostPort": published.to_string()}])));
    body["HostConfig"]["PortBindings"] = bindings.collect::<serde_json::Map<_, _>>().into();
    body["HostConfig"]["RestartPolicy"] = json!({"Name": "always"});
    let digest = sha256_hex(body.to_string().as_bytes());
    body["Labels"] = json!({SPEC_LABEL: digest});
    Wanted {
        name,
        image: image.to_owned(),
        digest,
        body,
    }
}

#[cfg(test)]
mod tests {
    use phoenix_common::secret::Secret;

    use super::*;

    fn spec(image: &str, password: &str) -> PortainerSpec {
        PortainerSpec {
            server: Some(PortainerServerSpec {
                image: image.to_owned(),
                https_port: 9443,
                http_port: None,
                admin_password: Secret::new(password),
                agent_secret: Secret::new("shared"),
            }),
            agent: None,
        }
    }

    #[test]
    fn the_password_is_in_its_file_only() {
        let one = containers(&spec("p:1", "canary"), Path::new("/p"));
        let other = containers(&spec("p:1", "another"), Path::new("/p"));
        assert!(!one[0].body.to_string().contains("canary"));
        // The server takes it once: another one later makes no new container.
        assert_eq!(one, other);
        let newer = containers(&spec("p:2", "canary"), Path::new("/p"));
        assert_ne!(one[0].digest, newer[0].digest);
        assert_eq!(one[0].body["HostConfig"]["Mounts"][1]["ReadOnly"], true);
        assert_eq!(
            one[0].body["HostConfig"]["PortBindings"],
            json!({"9443/tcp": [{"HostPort": "9443"}]})
        );
    }
}
