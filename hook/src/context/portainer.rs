//! What the configuration and the secrets make of Portainer: its containers or its stack, and what it shall hold.

use base64::Engine as _;
use phoenix_common::config::{Guest, PortainerRole, StackAssignment, WhoDeploys};
use phoenix_common::log::Chain;
use phoenix_common::spec::{
    ComposeText, DroppedKeys, OnFailure, PlacementSpec, PortainerAgentSpec, PortainerServerSpec,
    PortainerSpec, ResolveImage, Rotate, StackFile, StackSpec,
};

use super::Context;
use crate::plan::desired::{StackDesired, VMID_LABEL};
use crate::plan::instance::{InstanceDesired, parse};
use crate::plan::portainer::desired::{PortainerDesired, PortainerStack};
use crate::plan::portainer::environments::{self, AGENT_PORT, has_agent, shares_swarm};
use crate::plan::portainer::render;
use crate::portainer::credentials::{InstanceSecrets, SecretFiles};
use crate::portainer::reach::HTTP_PORT;

/// The stack that Portainer is on a Swarm, and its server's service.
const STACK: &str = "portainer_service";
const SERVER_SERVICE: &str = "portainer";
/// The secret of the compose file that holds the administrator's password.
const PASSWORD_FILE: &str = "admin_password";
/// The sample's file stands in where the operator has none.
const COMPOSE: &str = include_str!("../../../etc/stacks/portainer_service/docker-compose.yml");
/// Below it servers have known holes.
const FLOOR: &str = "2.39.2";
/// Portainer's own minimum; with a shorter one it asks for another at the first log-in.
const PASSWORD_CHARACTERS: usize = 12;
const WAIT_SECONDS: u32 = 180;

impl Context {
    /// What of Portainer the guest runs; `None` where it has no part in it.
    pub(super) fn instance(&self, guest: &Guest) -> Option<InstanceDesired> {
        let is_primary = guest.portainer_role == Some(PortainerRole::Primary);
        if !is_primary && !has_agent(guest) {
            return None;
        }
        let wrong = |reason: String, refused| Some(InstanceDesired::Wrong { reason, refused });
        let Some(primary) = self.config.portainer_primary() else {
            return wrong("no guest has `portainer_role` primary".to_owned(), false);
        };
        if let Some(reason) = self.below_floor() {
            return wrong(reason, true);
        }
        let on_swarm = shares_swarm(primary, guest);
        if on_swarm && !is_primary {
            return Some(InstanceDesired::Service);
        }
        if on_swarm && !guest.is_manager() {
            let reason = "the Portainer primary is a worker of its Swarm: it has to be a manager";
            return wrong(reason.to_owned(), false);
        }
        let secrets = match SecretFiles::new(&self.paths).instance() {
            Ok(Some(secrets)) => secrets,
            Ok(None) => return Some(InstanceDesired::Secrets),
            Err(error) => return wrong(Chain(&error).to_string(), false),
        };
        if secrets.admin_password.expose().chars().count() < PASSWORD_CHARACTERS {
            let reason = format!(
                "Portainer's admin password is shorter than {PASSWORD_CHARACTERS} characters"
            );
            return wrong(reason, false);
        }
        if on_swarm {
            return Some(InstanceDesired::Service);
        }
        let spec = self.containers(guest, is_primary, secrets);
        Some(InstanceDesired::Containers(Box::new(spec)))
    }

    fn below_floor(&self) -> Option<String> {
        let settings = &self.config.hypervisor.portainer;
        let is_below = |version: &String| parse(version) < parse(FLOOR);
        let versions = [&settings.version, &settings.agent_version];
        let below = versions.into_iter().find(|version| is_below(version))?;
        if settings.allow_vulnerable {
            return None;
        }
        Some(format!(
            "Portainer {below} has known holes, the oldest without is {FLOOR}: set `portainer.version` and `agent_version`, or `allow_vulnerable`"
        ))
    }

    fn containers(
        &self,
        guest: &Guest,
        is_primary: bool,
        secrets: InstanceSecrets,
    ) -> PortainerSpec {
        let settings = &self.config.hypervisor.portainer;
        let registry = &settings.registry;
        PortainerSpec {
            server: is_primary.then(|| PortainerServerSpec {
                image: format!("{registry}portainer/portainer-ce:{}", settings.version),
                https_port: settings.https_port,
                http_port: settings.plain_http.then_some(HTTP_PORT),
                admin_password: secrets.admin_password.clone(),
                agent_secret: secrets.agent_secret.clone(),
            }),
            agent: has_agent(guest).then(|| PortainerAgentSpec {
                image: format!("{registry}portainer/agent:{}", settings.agent_version),
                port: AGENT_PORT,
                agent_secret: secrets.agent_secret,
            }),
        }
    }

    /// Portainer as a stack of the Swarm, for the primary guest that manages one.
    pub(super) fn portainer_stack(&self, guest: &Guest) -> Option<StackDesired> {
        let is_primary = guest.portainer_role == Some(PortainerRole::Primary);
        if !is_primary || self.instance(guest) != Some(InstanceDesired::Service) {
            return None;
        }
        let secrets = SecretFiles::new(&self.paths).instance().ok()??;
        Some(StackDesired {
            name: STACK.to_owned(),
            spec: self.service_spec(guest, &secrets).map(Box::new),
        })
    }

    fn service_spec(&self, guest: &Guest, secrets: &InstanceSecrets) -> Result<StackSpec, String> {
        let mut spec = self.configured_stack()?;
        let settings = &self.config.hypervisor.portainer;
        let mut give = |name: &str, value: &str| {
            let value = phoenix_common::secret::Secret::new(value);
            spec.variables.entry(name.to_owned()).or_insert(value);
        };
        give("REGISTRY", &settings.registry);
        give("PORTAINER_VERSION", &settings.version);
        give("PORTAINER_AGENT_VERSION", &settings.agent_version);
        give("PORTAINER_PORT", &settings.https_port.to_string());
        give("AGENT_SECRET", secrets.agent_secret.expose());
        let password = secrets.admin_password.expose();
        spec.files.push(StackFile {
            name: PASSWORD_FILE.to_owned(),
            content_base64: base64::engine::general_purpose::STANDARD.encode(password),
        });
        // Its data is a volume of this guest.
        let pin = format!("node.labels.{VMID_LABEL} == {}", guest.vmid);
        let services = &mut spec.placement.services;
        services
            .entry(SERVER_SERVICE.to_owned())
            .or_default()
            .push(pin);
        Ok(spec)
    }

    /// The operator's own stack of that name, in its `production` environment or its only one; else the built-in one.
    fn configured_stack(&self) -> Result<StackSpec, String> {
        let declared = self.config.stacks.get(STACK).and_then(|stack| {
            let environments = &stack.environments;
            let production = environments
                .contains_key("production")
                .then_some("production");
            production.or_else(|| environments.keys().next().map(String::as_str))
        });
        match declared {
            Some(environment) => self
                .config
                .environment_spec(STACK, environment, STACK, WhoDeploys::Operator)
                .map_err(|error| Chain(&error).to_string()),
            None => Ok(StackSpec {
                namespace: STACK.to_owned(),
                compose: ComposeText {
                    path: "portainer_service/docker-compose.yml".to_owned(),
                    text: COMPOSE.to_owned(),
                },
                variables: std::collections::BTreeMap::new(),
                files: Vec::new(),
                placement: PlacementSpec::default(),
                compat: phoenix_common::spec::Compat::default(),
                resolve_image: ResolveImage::default(),
                on_failure: OnFailure::default(),
                rotate: Rotate::default(),
                dropped_keys: DroppedKeys::default(),
                registries: Vec::new(),
                pinned_to: None,
                wait_seconds: WAIT_SECONDS,
            }),
        }
    }

    /// Everything that Portainer shall hold; reads the files its stacks are made of. `None` without a primary guest.
    pub fn portainer(&self) -> Option<PortainerDesired> {
        environments::desired(&self.config, &|guest, stack| {
            self.portainers_stack(guest, stack)
        })
    }

    fn portainers_stack(&self, guest: &Guest, stack: &StackAssignment) -> PortainerStack {
        let standalone = guest.swarm.is_none();
        let spec = self.config.stack_spec(guest.vmid, stack);
        let spec = spec.map_err(|error| Chain(&error).to_string());
        let secret = self.secret_variables(stack);
        PortainerStack {
            vmid: guest.vmid,
            name: stack.deployed_name.clone(),
            manual: stack.manual,
            content: spec.and_then(|spec| {
                let content = render::content(&spec, &secret, standalone);
                content
                    .map(Box::new)
                    .map_err(|error| Chain(&error).to_string())
            }),
        }
    }

    fn secret_variables(&self, assignment: &StackAssignment) -> Vec<String> {
        let stack = self.config.stacks.get(&assignment.name);
        let environment = stack.and_then(|stack| stack.environments.get(&assignment.environment));
        let variables = environment
            .iter()
            .flat_map(|environment| &environment.variables);
        let secret = variables.filter(|(_, variable)| variable.secret);
        secret.map(|(name, _)| name.clone()).collect()
    }
}
