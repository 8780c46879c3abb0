//! Logins to image registries: whose image it is decides which one goes into the header of a call.

use base64::Engine as _;
use phoenix_common::spec::RegistryLogin;
use serde_json::{Value, json};

use super::text::image;

/// Docker Hub as image references name it, and as its login does.
const HUB: &str = "docker.io";
const HUB_LOGIN: &str = "https://index.docker.io/v1/";
/// The header that the engine hands on to the registry.
pub const HEADER: &str = "X-Registry-Auth";

/// The logins of one deploy.
#[derive(Debug, Clone, Copy, Default)]
pub struct Logins<'run>(pub &'run [RegistryLogin]);

impl Logins<'_> {
    /// The header's value for the registry of `image`; `None` where there is no login to it.
    pub fn header(&self, image: &str) -> Option<String> {
        let registry = image::parse(image)?.registry;
        let login = (self.0.iter()).find(|login| server_name(&login.server) == registry)?;
        let address = if registry == HUB {
            HUB_LOGIN
        } else {
            &registry
        };
        let value = json!({
            "username": login.username,
            "password": login.password.expose(),
            "serveraddress": address,
        });
        let engine = base64::engine::general_purpose::URL_SAFE;
        Some(engine.encode(value.to_string()))
    }

    /// That for a call that writes a service.
    pub fn header_of_service(&self, spec: &Value) -> Option<String> {
        let image = spec
            .pointer("/TaskTemplate/ContainerSpec/Image")?
            .as_str()?;
        self.header(image)
    }
}

/// `https://registry.example/v2/` and `registry.example` are one; Docker Hub has several names.
pub fn server_name(server: &str) -> &str {
    let server = server
        .strip_prefix("https://")
        .or_else(|| server.strip_prefix("http://"))
        .unwrap_or(server);
    match server.split('/').next().unwrap_or(server) {
        "index.docker.io" | "registry-1.docker.io" => HUB,
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use phoenix_common::secret::Secret;

    use super::*;

    #[test]
    fn each_image_gets_the_login_of_its_registry() {
        let login = |server: &str, password: &str| RegistryLogin {
            server: server.into(),
            username: "ci".into(),
            password: Secret::new(password),
        };
        let logins = [
            login("https://index.docker.io/v1/", "hub"),
            login("registry.example:5000", "own"),
        ];
        let password = |image: &str| {
            let header = Logins(&logins).header(image)?;
            let engine = base64::engine::general_purpose::URL_SAFE;
            let value: Value = serde_json::from_slice(&engine.decode(header).unwrap()).unwrap();
            Some((
                value["password"].as_str()?.to_owned(),
                value["serveraddress"].as_str()?.to_owned(),
            ))
        };
        let hub = Some(("hub".to_owned(), HUB_LOGIN.to_owned()));
        assert_eq!(password("nginx"), hub);
        assert_eq!(password("docker.io/library/nginx:1"), hub);
        assert_eq!(
            password(
                "registry.example:5000/a/b:2@sha256:0123456789012345678901234567890123456789012345678901234567890123"
            ),
            Some(("own".to_owned(), "registry.example:5000".to_owned()))
        );
        assert_eq!(password("registry.example/a"), None);
        assert_eq!(password("other.example/a"), None);
    }
}
