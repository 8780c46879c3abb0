//! From a checked file to the model.

mod depends_on;
mod deploy;
pub(crate) mod environment;
mod extra_hosts;
mod fields;
mod port;
mod resources;
mod service;
mod volume;

use phoenix_common::spec::Compat;

use super::fault::{Fault, Problem};
use super::files::Files;
use super::interpolate::Environment;
use super::model::Stack;
use super::notice::Notices;
use super::yaml::{Node, Value};
use fields::Fields;

/// What loading a file needs, and the mistakes it finds.
#[derive(Debug)]
pub struct Load<'run> {
    pub compat: Compat,
    pub environment: &'run Environment,
    pub files: &'run Files,
    /// Where relative bind sources start; `None`: there is no such place.
    pub directory: Option<&'run str>,
    pub notices: &'run mut Notices,
    pub problems: Vec<Problem>,
}

impl Load<'_> {
    fn wrong_type(&mut self, node: &Node, path: &str, wanted: &str, found: &Value) {
        let fault = Fault::WrongType {
            wanted: wanted.to_owned(),
            found: found.kind(),
        };
        self.problems.push(Problem::at(&node.place, path, fault));
    }

    fn fault(&mut self, fields: &Fields<'_>, fault: Fault) {
        self.problems
            .push(Problem::at(fields.place, &fields.path, fault));
    }

    /// The model of one file.
    pub fn file(&mut self, root: &Node) -> Stack {
        let file = Fields::of(root, "");
        Stack {
            services: self.section(&file, "services", service::load),
            networks: self.section(&file, "networks", resources::network),
            volumes: self.section(&file, "volumes", resources::volume),
            secrets: self.section(&file, "secrets", |load, fields, key| {
                resources::file_object(load, fields, ("secret", key))
            }),
            configs: self.section(&file, "configs", |load, fields, key| {
                resources::file_object(load, fields, ("config", key))
            }),
        }
    }

    fn section<T>(
        &mut self,
        file: &Fields<'_>,
        key: &str,
        load: impl Fn(&mut Self, &Fields<'_>, &str) -> T,
    ) -> std::collections::BTreeMap<String, T> {
        let entries = file
            .get(key)
            .and_then(Node::as_map)
            .into_iter()
            .flat_map(|map| &map.entries);
        entries
            .map(|entry| {
                let fields = Fields {
                    map: entry.node.as_map(),
                    place: &entry.key_place,
                    path: format!("{key}.{}", entry.key),
                };
                (entry.key.clone(), load(self, &fields, &entry.key))
            })
            .collect()
    }
}
