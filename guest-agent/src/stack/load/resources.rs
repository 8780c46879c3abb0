//! Top-level networks, volumes, configs and secrets.

use phoenix_common::spec::Compat;

use super::Load;
use super::fields::Fields;
use crate::stack::fault::Fault;
use crate::stack::model::{Content, FileObject, NamedVolume, Network};
use crate::stack::notice::Notice;
use crate::stack::yaml::{Node, Value};

/// Whether it is external, and under which name.
struct External {
    external: bool,
    name: String,
}

fn external(load: &mut Load<'_>, fields: &Fields<'_>, (kind, key): (&str, &str)) -> External {
    let name = fields.text("name", load);
    let (external, old_name) = match fields.get("external").map(|node| &node.value) {
        Some(Value::Bool(external)) => (*external, String::new()),
        Some(Value::Map(_)) => {
            let old = fields
                .section("external")
                .map(|external| external.text("name", load));
            (true, old.unwrap_or_default())
        }
        _ => (false, String::new()),
    };
    if !external {
        return External { external, name };
    }
    if old_name.is_empty() {
        let name = if name.is_empty() {
            key.to_owned()
        } else {
            name
        };
        return External { external, name };
    }
    if !name.is_empty() {
        let first = format!("{kind}.external.name");
        load.fault(
            fields,
            Fault::Conflict {
                first,
                second: format!("{kind}.name"),
            },
        );
    }
    load.notices
        .add(fields.place, &fields.path, Notice::ExternalName);
    External {
        external,
        name: old_name,
    }
}

pub(super) fn network(load: &mut Load<'_>, fields: &Fields<'_>, key: &str) -> Network {
    let External { external, name } = external(load, fields, ("network", key));
    let ipam = fields.section("ipam");
    let pools = ipam
        .as_ref()
        .and_then(|ipam| ipam.items("config"))
        .unwrap_or_default();
    Network {
        origin: fields.origin(),
        name,
        external,
        driver: fields.text("driver", load),
        driver_options: fields.labels("driver_opts", load).unwrap_or_default(),
        ipam_driver: ipam
            .map(|ipam| ipam.text("driver", load))
            .unwrap_or_default(),
        subnets: pools
            .into_iter()
            .map(|(node, path)| Fields::of(node, path).text("subnet", load))
            .collect(),
        internal: fields.switch("internal", load).unwrap_or_default(),
        attachable: fields.switch("attachable", load).unwrap_or_default(),
        labels: fields.labels("labels", load).unwrap_or_default(),
    }
}

pub(super) fn volume(load: &mut Load<'_>, fields: &Fields<'_>, key: &str) -> NamedVolume {
    let External { external, name } = external(load, fields, ("volume", key));
    let volume = NamedVolume {
        origin: fields.origin(),
        name,
        external,
        driver: fields.text("driver", load),
        driver_options: fields.labels("driver_opts", load),
        labels: fields.labels("labels", load).unwrap_or_default(),
    };
    if external {
        let options = volume
            .driver_options
            .as_ref()
            .is_some_and(|options| !options.is_empty());
        let given = [
            ("driver", !volume.driver.is_empty()),
            ("driver_opts", options),
            ("labels", !volume.labels.is_empty()),
        ];
        for (second, _) in given.into_iter().filter(|(_, given)| *given) {
            let (first, second) = ("external".to_owned(), second.to_owned());
            load.fault(fields, Fault::Conflict { first, second });
        }
    }
    volume
}

pub(super) fn file_object(
    load: &mut Load<'_>,
    fields: &Fields<'_>,
    (kind, key): (&str, &str),
) -> FileObject {
    let External { external, name } = external(load, fields, (kind, key));
    let driver = fields.text("driver", load);
    let file = fields.text("file", load);
    let content = if external {
        Content::default()
    } else if driver.is_empty() {
        content(load, fields, key, &file)
    } else {
        if !file.is_empty() {
            let (first, second) = ("driver".to_owned(), "file".to_owned());
            load.fault(fields, Fault::Conflict { first, second });
        }
        Content::default()
    };
    FileObject {
        origin: fields.origin(),
        name,
        external,
        labels: fields.labels("labels", load).unwrap_or_default(),
        driver,
        driver_options: fields.labels("driver_opts", load).unwrap_or_default(),
        template_driver: fields.text("template_driver", load),
        content,
    }
}

/// By the path of `file:`; in extended mode also by the entry's key.
fn content(load: &mut Load<'_>, fields: &Fields<'_>, key: &str, file: &str) -> Content {
    let by_path = if file.is_empty() {
        None
    } else {
        load.files.by_path(file)
    };
    let found = by_path.or_else(|| match load.compat {
        Compat::Extended => load.files.by_key(key).cloned(),
        Compat::Docker => None,
    });
    if let Some(content) = found {
        return content;
    }
    let name = if file.is_empty() { key } else { file };
    let place = fields
        .get("file")
        .map_or(fields.place, |node: &Node| &node.place);
    let fault = load.files.missing(name);
    load.problems
        .push(crate::stack::fault::Problem::at(place, &fields.path, fault));
    Content::default()
}
