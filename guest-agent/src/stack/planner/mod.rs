//! From what shall be and what is to the writes between them. Pure.

mod carry;
mod networks;
mod objects;
mod refusal;

use std::collections::BTreeSet;

use phoenix_common::spec::Rotate;
use phoenix_common::wire::{Change, ChangeVerb, FieldChange};
use serde_json::{Value, json};

use super::convert::{Dependency, Desired};
use super::diff::{self, Keeps, Mask};
use super::live::{Live, LiveObject};
use super::names::{Namespace, is_node_network};
use super::operation::{ObjectKind, Operation, Target};
use super::order;
use super::ports;
use super::spec::ServiceSpec;

pub use carry::fill_ids;
pub use objects::{CONTENT_LABEL, content_hash};
pub use refusal::Refusal;

/// How the writes are chosen.
#[derive(Debug, Clone)]
pub struct Policy {
    /// As the docker CLI: every service and object is written, whether it differs or not, and replicas
    /// the file does not name go back to 1. For comparing with its recordings.
    pub like_docker: bool,
    /// Removes what is of the stack and not in the file.
    pub prune: bool,
    pub rotate: Rotate,
    /// An image that was set by hand goes back to the file's; docker leaves it while the file's text is the same.
    pub mends_image: bool,
    pub keeps: Keeps,
    pub mask: Mask,
}

/// A write with what it changes.
#[derive(Debug, Clone)]
pub struct Step {
    pub operation: Operation,
    pub change: Change,
    /// Waited for before the write.
    pub after: Vec<Dependency>,
}

/// The writes of a deploy.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    /// In the order in which they are made.
    pub steps: Vec<Step>,
    /// Made when all services run: what nothing uses any more.
    pub cleanup: Vec<Step>,
    /// What differs and is left as it is.
    pub warnings: Vec<String>,
}

/// The writes that lead from `live` to `desired`.
///
/// # Errors
/// All reasons why not, found before the first write.
pub fn plan(
    namespace: &Namespace,
    desired: &Desired,
    live: &Live,
    policy: &Policy,
) -> Result<Planned, Vec<Refusal>> {
    let mut planner = Planner {
        namespace,
        live,
        policy,
        chosen: objects::Chosen::default(),
        planned: Planned::default(),
        refusals: Vec::new(),
    };
    if policy.prune {
        planner.prune(desired);
    }
    planner.networks(desired);
    planner.objects(desired);
    planner.references(desired);
    for name in order::order(desired) {
        if let Some(spec) = desired.services.get(name) {
            planner.service(spec);
            planner.after(desired.dependencies.get(name));
        }
    }
    if !policy.like_docker {
        planner.cleanup(desired);
    }
    if planner.refusals.is_empty() {
        Ok(planner.planned)
    } else {
        Err(planner.refusals)
    }
}

struct Planner<'run> {
    namespace: &'run Namespace,
    live: &'run Live,
    policy: &'run Policy,
    chosen: objects::Chosen,
    planned: Planned,
    refusals: Vec<Refusal>,
}

impl Planner<'_> {
    fn push(&mut self, operation: Operation, verb: ChangeVerb, fields: Vec<FieldChange>) {
        self.planned.steps.push(step(operation, verb, fields));
    }

    /// Services first, so that their ports are free.
    fn prune(&mut self, desired: &Desired) {
        let live = self.live;
        for (name, service) in &live.services {
            if !desired.services.contains_key(name) {
                let operation = Operation::RemoveService {
                    name: name.clone(),
                    id: service.id.clone(),
                };
                self.push(operation, ChangeVerb::Remove, Vec::new());
            }
        }
    }

    fn networks(&mut self, desired: &Desired) {
        let live = self.live;
        for name in desired
            .external_networks
            .iter()
            .filter(|name| !is_node_network(name))
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
                None => {
                    let operation = Operation::CreateNetwork(spec.clone());
                    self.push(operation, ChangeVerb::Create, Vec::new());
                }
                Some(network) if network.is_of(self.namespace.name()) => {
                    let keys = networks::differences(spec, &network.spec);
                    if !keys.is_empty() {
                        let (name, keys) = (&spec.name, keys.join(", "));
                        self.planned.warnings.push(format!(
                            "network {name} differs from the file ({keys}) and is left as it is; \
                             remove the stack first, or give the network another key"
                        ));
                    }
                }
                Some(_) => self.refusals.push(Refusal::ForeignNetwork {
                    name: spec.name.clone(),
                }),
            }
        }
    }

    /// Configs and secrets that services use and the stack does not create must be there.
    fn references(&mut self, desired: &Desired) {
        for service in desired.services.values() {
            let container = &service.task_template.container_spec;
            for (kind, references, created) in [
                (ObjectKind::Secret, &container.secrets, &desired.secrets),
                (ObjectKind::Config, &container.configs, &desired.configs),
            ] {
                for reference in references {
                    let name = &reference.name;
                    if !created.contains_key(name) && !self.live.objects(kind).contains_key(name) {
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
        self.chosen.apply(&mut spec);
        let existing = self.live.services.get(&spec.name);
        self.ports(&spec, existing);
        let Some(existing) = existing else {
            if self.live.foreign_services.contains(&spec.name) {
                self.refusals
                    .push(Refusal::ForeignService { name: spec.name });
                return;
            }
            self.push(
                Operation::CreateService(Box::new(spec)),
                ChangeVerb::Create,
                Vec::new(),
            );
            return;
        };
        carry::carry_over(&mut spec, existing, self.policy);
        let fields = self.service_fields(&spec, existing);
        let changes_mode = fields.iter().any(|change| {
            change
                .field
                .strip_prefix("Mode.")
                .is_some_and(|mode| !mode.contains('.'))
        });
        if changes_mode && !self.policy.like_docker {
            self.refusals.push(Refusal::ModeChanged { name: spec.name });
        } else if !fields.is_empty() || self.policy.like_docker {
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

    /// A port that the service holds already was given to it by the engine.
    fn ports(&mut self, spec: &ServiceSpec, existing: Option<&LiveObject>) {
        let held = existing.and_then(|service| service.spec.pointer("/EndpointSpec/Ports"));
        let holds = |number: u64| {
            let held = held.and_then(Value::as_array).into_iter().flatten();
            held.into_iter()
                .any(|port| port.get("PublishedPort").and_then(Value::as_u64) == Some(number))
        };
        for (port, other) in ports::taken(spec, &self.live.foreign_ports) {
            if !holds(other.port) {
                self.refusals.push(Refusal::PortTaken {
                    service: spec.name.clone(),
                    port,
                    other: other.service.clone(),
                });
            }
        }
    }

    /// Only what is created waits: what runs is not held up by an update.
    fn after(&mut self, dependencies: Option<&Vec<Dependency>>) {
        if let (Some(step), Some(dependencies)) = (self.planned.steps.last_mut(), dependencies)
            && matches!(step.operation, Operation::CreateService(_))
        {
            step.after.clone_from(dependencies);
        }
    }

    fn service_fields(&self, spec: &ServiceSpec, existing: &LiveObject) -> Vec<FieldChange> {
        let mut spec = spec.clone();
        fill_ids(&mut spec, self.live);
        let normal = |spec| {
            let spec = carry::named_networks(spec, self.live);
            diff::service(spec, self.policy.keeps)
        };
        diff::changes(
            &normal(existing.spec.clone()),
            &normal(json!(spec)),
            &self.policy.mask,
        )
    }

    /// Former configs and secrets always; with `prune` all that is of the stack and not in the file.
    /// What the file calls external or a service uses stays, whatever its label says.
    fn cleanup(&mut self, desired: &Desired) {
        let used = self.used(desired);
        let ours = |object: &LiveObject| object.is_of(self.namespace.name());
        for kind in [ObjectKind::Secret, ObjectKind::Config] {
            for (name, object) in self
                .live
                .objects(kind)
                .iter()
                .filter(|(_, object)| ours(object))
            {
                if used.contains(&(kind, name.clone())) {
                    continue;
                }
                let dropped = self.policy.prune && !self.chosen.contains(kind, name);
                if dropped || self.chosen.supersedes(kind, name) {
                    let (name, id) = (name.clone(), object.id.clone());
                    let operation = Operation::RemoveObject { kind, name, id };
                    self.planned
                        .cleanup
                        .push(step(operation, ChangeVerb::Remove, Vec::new()));
                }
            }
        }
        for (name, network) in self
            .live
            .networks
            .iter()
            .filter(|(_, network)| ours(network))
        {
            let wanted =
                desired.networks.contains_key(name) || desired.unowned_networks.contains(name);
            if self.policy.prune && !wanted {
                let (name, id) = (name.clone(), network.id.clone());
                let operation = Operation::RemoveNetwork { name, id };
                self.planned
                    .cleanup
                    .push(step(operation, ChangeVerb::Remove, Vec::new()));
            }
        }
    }

    /// Configs and secrets that are external or used, by the names they have in the engine.
    fn used(&self, desired: &Desired) -> BTreeSet<(ObjectKind, String)> {
        let mut used = desired.external_objects.clone();
        for spec in desired.services.values() {
            let mut spec = spec.clone();
            self.chosen.apply(&mut spec);
            let container = spec.task_template.container_spec;
            let secrets = container.secrets.into_iter();
            used.extend(secrets.map(|reference| (ObjectKind::Secret, reference.name)));
            let configs = container.configs.into_iter();
            used.extend(configs.map(|reference| (ObjectKind::Config, reference.name)));
        }
        used
    }
}

fn step(operation: Operation, verb: ChangeVerb, fields: Vec<FieldChange>) -> Step {
    let change = Change {
        verb,
        subject: operation.subject(),
        fields,
    };
    Step {
        operation,
        change,
        after: Vec::new(),
    }
}
