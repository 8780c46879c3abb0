//! Configs and secrets: their content cannot change in place, so changed content gets a name of its
//! own, `<name>_<hash>`, and the old object goes when nothing uses it any more.

use std::collections::BTreeMap;

use phoenix_common::digest::sha256_hex;
use phoenix_common::spec::Rotate;
use phoenix_common::wire::ChangeVerb;
use serde_json::json;

use super::{Planner, Refusal};
use crate::stack::convert::Desired;
use crate::stack::diff;
use crate::stack::live::LiveObject;
use crate::stack::names::OBJECT_NAME_LIMIT;
use crate::stack::operation::{ObjectKind, Operation, Target};
use crate::stack::spec::{ObjectSpec, ServiceSpec};

/// Label of a secret with the digest of its content, since the engine never tells the content.
pub const CONTENT_LABEL: &str = "phoenix.content";
/// Hex digits of the hash in a name.
const HASH_DIGITS: usize = 8;

/// The names chosen, by kind and the name the compose file leads to.
#[derive(Debug, Default)]
pub(super) struct Chosen(BTreeMap<(ObjectKind, String), String>);

impl Chosen {
    fn name<'name>(&'name self, kind: ObjectKind, name: &'name str) -> &'name str {
        self.0
            .get(&(kind, name.to_owned()))
            .map_or(name, String::as_str)
    }

    pub(super) fn contains(&self, kind: ObjectKind, name: &str) -> bool {
        self.0
            .iter()
            .any(|((of, _), chosen)| *of == kind && chosen == name)
    }

    /// Whether `name` is a former object of a name that is still desired.
    pub(super) fn supersedes(&self, kind: ObjectKind, name: &str) -> bool {
        let former = |base: &str| base == name || is_hashed(base, name);
        !self.contains(kind, name) && self.0.keys().any(|(of, base)| *of == kind && former(base))
    }

    /// The service with the chosen names in place of those of the file.
    pub(super) fn apply(&self, spec: &mut ServiceSpec) {
        let container = &mut spec.task_template.container_spec;
        for (kind, references) in [
            (ObjectKind::Secret, &mut container.secrets),
            (ObjectKind::Config, &mut container.configs),
        ] {
            for reference in references {
                reference.name = self.name(kind, &reference.name).to_owned();
            }
        }
        if let Some(credential) = &mut container.privileges.credential_spec {
            credential.config = self.name(ObjectKind::Config, &credential.config).to_owned();
        }
    }
}

impl Planner<'_> {
    pub(super) fn objects(&mut self, desired: &Desired) {
        for (kind, specs) in [
            (ObjectKind::Secret, &desired.secrets),
            (ObjectKind::Config, &desired.configs),
        ] {
            for spec in specs.values() {
                let base = spec.name.clone();
                let chosen = if self.policy.like_docker {
                    self.docker_object(kind, spec)
                } else {
                    self.object(kind, spec)
                };
                self.chosen.0.insert((kind, base), chosen);
            }
        }
    }

    fn docker_object(&mut self, kind: ObjectKind, spec: &ObjectSpec) -> String {
        match self.live.objects(kind).get(&spec.name) {
            None => self.create(kind, spec.clone()),
            Some(existing) => self.update(kind, spec.clone(), existing, Vec::new()),
        }
        spec.name.clone()
    }

    fn object(&mut self, kind: ObjectKind, spec: &ObjectSpec) -> String {
        let live = self.live.objects(kind);
        let rotates = self.policy.rotate == Rotate::On;
        let mut spec = spec.clone();
        let hash = content_hash(&spec);
        if kind == ObjectKind::Secret && spec.driver.is_none() {
            spec.labels.insert(CONTENT_LABEL.to_owned(), hash.clone());
        }
        let base = spec.name.clone();
        let hashed = format!("{base}_{}", &hash[..HASH_DIGITS]);
        let candidates = if rotates {
            vec![&base, &hashed]
        } else {
            vec![&base]
        };
        let fitting = candidates.into_iter().find_map(|name| {
            let existing = live.get(name)?;
            let told_same = self.live.same_secrets.contains(name);
            has_content(kind, existing, &spec, told_same).then(|| (name.clone(), existing))
        });
        if let Some((name, existing)) = fitting {
            spec.name = name;
            return self.kept(kind, spec, existing).unwrap_or(base);
        }
        if let Some(existing) = live.get(&base).filter(|_| !rotates) {
            let name = base.clone();
            let ours = existing.is_of(self.namespace.name());
            self.refusals.push(if ours {
                Refusal::ContentFixed { kind, name }
            } else {
                Refusal::ForeignObject { kind, name }
            });
            return base;
        }
        let taken = live.contains_key(&base) || live.keys().any(|name| is_hashed(&base, name));
        if rotates && taken {
            if hashed.len() > OBJECT_NAME_LIMIT {
                self.refusals.push(Refusal::NoRoomForName {
                    kind,
                    name: base.clone(),
                });
                return base;
            }
            spec.name = hashed;
        }
        let name = spec.name.clone();
        self.create(kind, spec);
        name
    }

    /// The object has the content already; its labels may differ. `None` if it is not of this stack.
    fn kept(
        &mut self,
        kind: ObjectKind,
        mut spec: ObjectSpec,
        existing: &LiveObject,
    ) -> Option<String> {
        let name = spec.name.clone();
        if !existing.is_of(self.namespace.name()) {
            self.refusals.push(Refusal::ForeignObject { kind, name });
            return None;
        }
        if existing.label(CONTENT_LABEL).is_none() {
            // Made by the docker CLI: no write only to label it.
            spec.labels.remove(CONTENT_LABEL);
        }
        let labels = |spec: &serde_json::Value| diff::object(spec, &["Labels"]);
        let fields = diff::changes(
            &labels(&existing.spec),
            &labels(&json!(spec)),
            &self.policy.mask,
        );
        if !fields.is_empty() {
            self.update(kind, spec, existing, fields);
        }
        Some(name)
    }

    fn create(&mut self, kind: ObjectKind, spec: ObjectSpec) {
        self.push(
            Operation::CreateObject(kind, spec),
            ChangeVerb::Create,
            Vec::new(),
        );
    }

    fn update(
        &mut self,
        kind: ObjectKind,
        spec: ObjectSpec,
        existing: &LiveObject,
        fields: Vec<phoenix_common::wire::FieldChange>,
    ) {
        let target = Target {
            id: existing.id.clone(),
            version: existing.version,
        };
        let operation = Operation::UpdateObject { kind, target, spec };
        self.push(operation, ChangeVerb::Update, fields);
    }
}

/// Of name and content, so that equal contents do not show as equal.
pub fn content_hash(spec: &ObjectSpec) -> String {
    let mut bytes = spec.name.clone().into_bytes();
    bytes.push(0);
    bytes.extend(&spec.data.0);
    sha256_hex(&bytes)
}

fn is_hashed(base: &str, name: &str) -> bool {
    let hash = name
        .strip_prefix(base)
        .and_then(|rest| rest.strip_prefix('_'));
    hash.is_some_and(|hash| {
        hash.len() == HASH_DIGITS
            && hash
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Whether the engine's object holds what is wanted. A config's content is told. A secret's is not: ours
/// say it by a label, of others `told_same` says it.
fn has_content(
    kind: ObjectKind,
    existing: &LiveObject,
    spec: &ObjectSpec,
    told_same: bool,
) -> bool {
    let wanted = json!(spec);
    let fixed = |value: &serde_json::Value| diff::object(value, &["Driver", "Templating"]);
    let same_drivers = fixed(&existing.spec) == fixed(&wanted);
    same_drivers
        && match kind {
            _ if spec.driver.is_some() => true,
            ObjectKind::Config => existing.spec.get("Data") == wanted.get("Data"),
            ObjectKind::Secret => match existing.label(CONTENT_LABEL) {
                Some(label) => spec.labels.get(CONTENT_LABEL).map(String::as_str) == Some(label),
                None => told_same,
            },
        }
}
