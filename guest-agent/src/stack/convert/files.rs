//! Configs and secrets: the objects, and the references in services.

use std::collections::{BTreeMap, BTreeSet};

use super::Convert;
use crate::stack::fault::Fault;
use crate::stack::model::{FileObject, FileReference, Service};
use crate::stack::spec::{FileTarget, ObjectDriver, ObjectReference, ObjectSpec};

pub(super) fn objects(
    convert: &mut Convert<'_>,
    declared: &BTreeMap<String, FileObject>,
) -> BTreeMap<String, ObjectSpec> {
    declared
        .iter()
        .filter(|(_, object)| !object.external)
        .map(|(key, object)| {
            let name = convert.namespace.name_of(key, &object.name);
            let driver = |name: &str, options: BTreeMap<String, String>| {
                (!name.is_empty()).then(|| ObjectDriver {
                    name: name.to_owned(),
                    options,
                })
            };
            let spec = ObjectSpec {
                name: name.clone(),
                labels: convert.namespace.labelled(&object.labels),
                data: object.content.clone(),
                driver: driver(&object.driver, object.driver_options.clone()),
                templating: driver(&object.template_driver, BTreeMap::new()),
            };
            (name, spec)
        })
        .collect()
}

pub(super) fn secrets(convert: &mut Convert<'_>, service: &Service) -> Vec<ObjectReference> {
    let stack = convert.stack;
    let references = service.secrets.as_deref().unwrap_or_default();
    sorted(references_of(
        convert,
        references,
        ("secret", &stack.secrets),
    ))
}

/// The credential spec's config is referenced too, without a file.
pub(super) fn configs(convert: &mut Convert<'_>, service: &Service) -> Vec<ObjectReference> {
    let stack = convert.stack;
    let references = service.configs.as_deref().unwrap_or_default();
    let mut result = references_of(convert, references, ("config", &stack.configs));
    let key = &service.credential_spec.config;
    if !key.is_empty() {
        match stack.configs.get(key) {
            Some(object) => result.push(ObjectReference {
                id: String::new(),
                name: convert.namespace.name_of(key, &object.name),
                file: None,
            }),
            None => convert.fault(
                &service.origin,
                Fault::Undefined {
                    kind: "config",
                    name: key.clone(),
                },
            ),
        }
    }
    sorted(result)
}

fn references_of(
    convert: &mut Convert<'_>,
    references: &[FileReference],
    (kind, declared): (&'static str, &BTreeMap<String, FileObject>),
) -> Vec<ObjectReference> {
    let mut targets = BTreeSet::new();
    let mut result = Vec::new();
    for reference in references {
        let Some(object) = declared.get(&reference.source) else {
            let fault = Fault::Undefined {
                kind,
                name: reference.source.clone(),
            };
            convert.fault(&reference.origin, fault);
            continue;
        };
        let or = |text: &String, other: &str| {
            if text.is_empty() {
                other.to_owned()
            } else {
                text.clone()
            }
        };
        let target = or(&reference.target, &reference.source);
        if !targets.insert(target.clone()) {
            convert.fault(&reference.origin, Fault::DuplicateTarget { target });
            continue;
        }
        result.push(ObjectReference {
            id: String::new(),
            name: convert.namespace.name_of(&reference.source, &object.name),
            file: Some(FileTarget {
                name: target,
                uid: or(&reference.uid, "0"),
                gid: or(&reference.gid, "0"),
                mode: reference.mode.unwrap_or(0o444),
            }),
        });
    }
    result
}

/// By name, so that the order in the file does not restart tasks.
fn sorted(mut references: Vec<ObjectReference>) -> Vec<ObjectReference> {
    references.sort_by(|left, right| {
        let key = |reference: &ObjectReference| {
            let target = reference.file.as_ref().map(|file| file.name.clone());
            (reference.name.clone(), target.is_none(), target)
        };
        key(left).cmp(&key(right))
    });
    references
}
