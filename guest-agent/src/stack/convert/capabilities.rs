//! `cap_add` and `cap_drop` in the engine's spelling.

use std::collections::BTreeSet;

const ALL: &str = "ALL";

/// Adds and drops: spelt out, sorted; `ALL` swallows the rest of its list, an add beats a drop.
pub(super) fn effective(add: &[String], drop: &[String]) -> (Vec<String>, Vec<String>) {
    let (add, drop) = (spelt(add), spelt(drop));
    let drop = drop
        .into_iter()
        .filter(|name| !add.contains(name) && name != "RESET")
        .collect();
    let add = add.into_iter().filter(|name| name != "RESET").collect();
    (add, drop)
}

fn spelt(names: &[String]) -> BTreeSet<String> {
    let names: BTreeSet<String> = names
        .iter()
        .map(|name| match name.trim().to_uppercase() {
            name if name == ALL || name == "RESET" || name.starts_with("CAP_") => name,
            name => format!("CAP_{name}"),
        })
        .collect();
    if names.contains(ALL) {
        BTreeSet::from([ALL.to_owned()])
    } else {
        names
    }
}
