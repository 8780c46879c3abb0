//! From what shall be and what is to the writes between them. Pure.

use phoenix_common::wire::{Change, ChangeVerb, FieldChange};
use serde_json::{Value, json};

use super::convert::Desired;
use super::diff::{self, Keeps, Mask};
use super::live::{Live, LiveObject};
use super::names::Namespace;
use super::operation::{ObjectKind, Operation, Target};
use super::spec::{IMAGE_LABEL, ObjectReference, ObjectSpec, ServiceMode, ServiceSpec};

/// How the writes are chosen.
#[derive(Debug, Clone)]
pub struct Policy {
    /// As the docker CLI: every service and object is written, whether it differs or not, and replicas
    /// the file does not name go back to 1. For comparing with its recordings.
    pub like_docker: bool,
    /// Removes services of the stack that are not in the file.
    pub prune: bool,
    pub keeps: Keeps,
    pub mask: Mask,
}

/// A write with what it changes.
#[derive(Debug, Clone)]
pub struct Step {
    pub operation: Operation,
    pub change: Change,
}

/// Why a stack cannot be deployed over what is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "network {name} is declared as external and does not exist; create it as a swarm network first"
    )]
    ExternalNetworkMissing { name: String },
    #[error(
        "network {name} is declared as external and has the scope {scope}, services need scope swarm"
    )]
    ExternalNetworkScope { name: String, scope: String },
    #[error(
        "network {name} exists and is not of this stack; remove it, or declare it `external: true`"
    )]
    ForeignNetwork { name: String },
    #[error("{} {name}, used by service {service}, is declared as external and does not exist", kind.word())]
    ExternalObjectMissing {
        kind: ObjectKind,
        name: String,
        service: String,
    },
    #[error("the content of {} {name} changed, which Swarm does not allow in place; give it a new name (`name: {name}_2`) in the compose file", kind.word())]
    ContentChanged { kind: ObjectKind, name: String },
    #[error(
        "service {name} changes its mode, which Swarm does not allow; remove the service first"
    )]
    ModeChanged { name: String },
}

impl PartialOrd for Refusal {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.to_string().cmp(&other.to_string()))
    }
}

/// The writes, in the order in which they are made.
///
/// # Errors
/// All reasons why not, found before the first write.
pub fn plan(
    namespace: &Namespace,
    desired: &Desired,
    live: &Live,
    policy: &Policy,
) -> Result<Vec<Step>, Vec<Refusal>> {
    let mut planner = Planner {
        namespace,
        live,
        policy,
        steps: Vec::new(),
        refusals: Vec::new(),
    };
    if policy.prune {
        planner.prune(desired);
    }
    planner.networks(desired);
    for (kind, specs) in [
        (ObjectKind::Secret, &desired.secrets),
        (ObjectKind::Config, &desired.configs),
    ] {
        for spec in specs.values() {
            planner.object(kind, spec);
        }
    }
    planner.references(desired);
    for spec in desired.services.values() {
        planner.service(spec);
    }
    if planner.refusals.is_empty() {
        Ok(planner.steps)
    } else {
        Err(planner.refusals)
    }
}

struct Planner<'run> {
    namespace: &'run Namespace,
    live: &'run Live,
    policy: &'run Policy,
    steps: Vec<Step>,
    refusals: Vec<Refusal>,
}

impl Planner<'_> {
    fn push(&mut self, operation: Operation, verb: ChangeVerb, fields: Vec<FieldChange>) {
        let change = Change {
            verb,
            subject: operation.subject(),
            fields,
        };
        self.steps.push(Step { operation, change });
    }

    fn prune(&mut self, desired: &Desired) {
        let live = self.live;
        for (name, service) in live
            .services
            .iter()
            .filter(|(name, _)| !desired.services.contains_key(*name))
        {
            let operation = Operation::RemoveService {
                name: name.clone(),
                id: service.id.clone(),
            };
            self.push(operation, ChangeVerb::Remove, Vec::new());
        }
    }

    fn networks(&mut self, desired: &Desired) {
        let live = self.live;
        for name in desired
            .external_networks
            .iter()
            .filter(|name| !super::names::is_node_network(name))
        {
            let scope = live
                .networks
                .get(name)
                .map(|network| network.spec.get("Scope"));
            match scope.map(|scope| scope.and_then(Value::as_str).unwrap_or("swarm")) {
                Some("swarm") => {}
                Some(scope) => self.refusals.push(Refusal::ExternalNetworkScope {
                    name: name.clone(),
                    scope: scope.to_owned(),
                }),
                None => self
                    .refusals
                    .push(Refusal::ExternalNetworkMissing { name: name.clone() }),
            }
        }
        for spec in desired.networks.values() {
            match live.networks.get(&spec.name) {
                None => self.push(
                    Operation::CreateNetwork(spec.clone()),
                    ChangeVerb::Create,
                    Vec::new(),
                ),
                Some(network) if network.is_of(self.namespace.name()) => {}
                Some(_) => self.refusals.push(Refusal::ForeignNetwork {
                    name: spec.name.clone(),
                }),
            }
        }
    }

    fn object(&mut self, kind: ObjectKind, spec: &ObjectSpec) {
        let Some(existing) = objects(self.live, kind).get(&spec.name) else {
            self.push(
                Operation::CreateObject(kind, spec.clone()),
                ChangeVerb::Create,
                Vec::new(),
            );
            return;
        };
        let wanted = json!(spec);
        if content_differs(&wanted, &existing.spec) && !self.policy.like_docker {
            self.refusals.push(Refusal::ContentChanged {
                kind,
                name: spec.name.clone(),
            });
            return;
        }
        let labels = |spec: &Value| diff::object(spec, &["Labels"]);
        let fields = diff::changes(&labels(&existing.spec), &labels(&wanted), &self.policy.mask);
        if !fields.is_empty() || self.policy.like_docker {
            let target = Target {
                id: existing.id.clone(),
                version: existing.version,
            };
            let operation = Operation::UpdateObject {
                kind,
                target,
                spec: spec.clone(),
            };
            self.push(operation, ChangeVerb::Update, fields);
        }
    }

    /// Configs and secrets that services use and the stack does not create must be there.
    fn references(&mut self, desired: &Desired) {
        for service in desired.services.values() {
            let container = &service.task_template.container_spec;
            let used = [
                (ObjectKind::Secret, &container.secrets),
                (ObjectKind::Config, &container.configs),
            ];
            for (kind, references) in used {
                let created = match kind {
                    ObjectKind::Secret => &desired.secrets,
                    ObjectKind::Config => &desired.configs,
                };
                for ObjectReference { name, .. } in references {
                    if !created.contains_key(name) && !objects(self.live, kind).contains_key(name) {
                        self.refusals.push(Refusal::ExternalObjectMissing {
                            kind,
                            name: name.clone(),
                            service: service.name.clone(),
                        });
                    }
                }
            }
        }
    }

    fn service(&mut self, spec: &ServiceSpec) {
        let mut spec = spec.clone();
        fill_ids(&mut spec, self.live);
        let Some(existing) = self.live.services.get(&spec.name) else {
            self.push(
                Operation::CreateService(Box::new(spec)),
                ChangeVerb::Create,
                Vec::new(),
            );
            return;
        };
        carry_over(&mut spec, existing, self.policy);
        let wanted = json!(spec);
        if mode_of(&wanted) != mode_of(&existing.spec) && !self.policy.like_docker {
            self.refusals.push(Refusal::ModeChanged {
                name: spec.name.clone(),
            });
            return;
        }
        let before = diff::service(
            named_networks(existing.spec.clone(), self.live),
            self.policy.keeps,
        );
        let after = diff::service(named_networks(wanted, self.live), self.policy.keeps);
        let fields = diff::changes(&before, &after, &self.policy.mask);
        if !fields.is_empty() || self.policy.like_docker {
            let target = Target {
                id: existing.id.clone(),
                version: existing.version,
            };
            let operation = Operation::UpdateService {
                target,
                spec: Box::new(spec),
            };
            self.push(operation, ChangeVerb::Update, fields);
        }
    }
}

fn objects(live: &Live, kind: ObjectKind) -> &std::collections::BTreeMap<String, LiveObject> {
    match kind {
        ObjectKind::Secret => &live.secrets,
        ObjectKind::Config => &live.configs,
    }
}

/// The engine tells a config's content, never a secret's.
fn content_differs(wanted: &Value, existing: &Value) -> bool {
    match existing.get("Data").and_then(Value::as_str) {
        Some(data) if !data.is_empty() => wanted.get("Data").and_then(Value::as_str) != Some(data),
        _ => false,
    }
}

fn mode_of(spec: &Value) -> Option<String> {
    spec.get("Mode")?.as_object()?.keys().next().cloned()
}

/// Ids of the configs and secrets that exist; the others get theirs when they are created.
pub fn fill_ids(spec: &mut ServiceSpec, live: &Live) {
    let container = &mut spec.task_template.container_spec;
    for (kind, references) in [
        (ObjectKind::Secret, &mut container.secrets),
        (ObjectKind::Config, &mut container.configs),
    ] {
        for reference in references {
            if let Some(object) = objects(live, kind).get(&reference.name) {
                reference.id.clone_from(&object.id);
            }
        }
    }
    if let Some(credential) = &mut container.privileges.credential_spec
        && let Some(object) = live.configs.get(&credential.config)
    {
        credential.config.clone_from(&object.id);
    }
}

/// What a deploy must not undo: forced updates, the digest an unchanged image text was resolved to,
/// and a scale set by hand where the file names none.
fn carry_over(spec: &mut ServiceSpec, existing: &LiveObject, policy: &Policy) {
    let old = &existing.spec;
    let task = &mut spec.task_template;
    task.force_update = old
        .pointer("/TaskTemplate/ForceUpdate")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    if existing.label(IMAGE_LABEL) == spec.labels.get(IMAGE_LABEL).map(String::as_str)
        && let Some(image) = old
            .pointer("/TaskTemplate/ContainerSpec/Image")
            .and_then(Value::as_str)
    {
        image.clone_into(&mut task.container_spec.image);
        if !policy.like_docker {
            let platforms = old
                .pointer("/TaskTemplate/Placement/Platforms")
                .and_then(Value::as_array);
            task.placement.platforms = platforms.cloned().unwrap_or_default();
        }
    }
    if let ServiceMode::Replicated { replicas } = &mut spec.mode
        && replicas.is_none()
        && !policy.like_docker
    {
        *replicas = old
            .pointer("/Mode/Replicated/Replicas")
            .and_then(Value::as_u64);
    }
}

/// The spec with network names in place of ids.
fn named_networks(mut spec: Value, live: &Live) -> Value {
    let networks = spec
        .pointer_mut("/TaskTemplate/Networks")
        .and_then(Value::as_array_mut);
    for network in networks.into_iter().flatten() {
        if let Some(target) = network.get("Target").and_then(Value::as_str) {
            network["Target"] = json!(live.network_name(target));
        }
    }
    spec
}
