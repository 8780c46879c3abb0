//! The merge key `<<`: explicit keys win over merged ones, earlier mappings of a list over later ones.

use std::collections::HashSet;

use super::node::{Map, Node, Value};
use crate::stack::fault::{Fault, Problem};

/// `map` with what stands under its `<<` added.
pub(super) fn apply(mut map: Map, merge: Option<Node>) -> Result<Map, Problem> {
    let Some(merge) = merge else { return Ok(map) };
    let sources = match merge.value {
        Value::Map(source) => vec![source],
        Value::List(list) => list.into_iter().map(mapping).collect::<Result<_, _>>()?,
        _ => return Err(Problem::at(&merge.place, "<<", Fault::BadMerge)),
    };
    let mut present: HashSet<String> = map.entries.iter().map(|entry| entry.key.clone()).collect();
    for source in sources {
        for entry in source.entries {
            if present.insert(entry.key.clone()) {
                map.entries.push(entry);
            }
        }
    }
    Ok(map)
}

fn mapping(node: Node) -> Result<Map, Problem> {
    match node.value {
        Value::Map(map) => Ok(map),
        _ => Err(Problem::at(&node.place, "<<", Fault::BadMerge)),
    }
}
