//! `depends_on` of a service. Docker ignores it in a stack, and so does docker mode.

use std::collections::BTreeMap;

use phoenix_common::spec::Compat;

use super::Load;
use super::fields::Fields;
use crate::stack::model::Condition;

pub(super) fn load(load: &mut Load<'_>, fields: &Fields<'_>) -> BTreeMap<String, Condition> {
    if load.compat == Compat::Docker {
        return BTreeMap::new();
    }
    let Some(section) = fields.section("depends_on") else {
        return BTreeMap::new();
    };
    let Some(map) = section.map else {
        let names = fields.texts("depends_on", load).unwrap_or_default();
        return names
            .into_iter()
            .map(|name| (name, Condition::Started))
            .collect();
    };
    map.entries
        .iter()
        .map(|entry| {
            let dependency = Fields::of(&entry.node, section.below(&entry.key));
            let condition = match dependency.text("condition", load).as_str() {
                "service_healthy" => Condition::Healthy,
                "service_completed_successfully" => Condition::Completed,
                _ => Condition::Started,
            };
            (entry.key.clone(), condition)
        })
        .collect()
}
