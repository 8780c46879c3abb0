//! Several compose files as one, later ones over earlier ones, by the rules of `docker stack deploy -c a -c b`.

mod deploy;
mod lists;
mod service;

use super::model::Stack;

/// `base` with `over` laid over it. Top-level entries of one name are replaced, services are merged.
pub fn merge(base: &mut Stack, over: Stack) {
    // Docker merges a file that is not alone through every list: doubled entries collapse.
    for (name, service) in over.services {
        match base.services.remove(&name) {
            Some(below) => base.services.insert(name, service::merge(below, service)),
            None => base.services.insert(name, service),
        };
    }
    base.networks.extend(over.networks);
    base.volumes.extend(over.volumes);
    base.secrets.extend(over.secrets);
    base.configs.extend(over.configs);
}

/// A text counts as given when it is not empty.
fn text(base: &mut String, over: String) {
    if !over.is_empty() {
        *base = over;
    }
}

/// A switch can be turned on, never off again.
fn switch(base: &mut bool, over: bool) {
    *base |= over;
}

/// A number counts as given when it is not zero.
fn number<T: Default + PartialEq>(base: &mut T, over: T) {
    if over != T::default() {
        *base = over;
    }
}

/// An optional number: zero does not replace another.
fn optional_number<T: Default + PartialEq>(base: &mut Option<T>, over: Option<T>) {
    match (base.as_mut(), over) {
        (Some(base), Some(over)) => number(base, over),
        (None, over) => *base = over,
        (Some(_), None) => {}
    }
}

/// A count: zero replaces another too.
fn count(base: &mut Option<u64>, over: Option<u64>) {
    if over.is_some() {
        *base = over;
    }
}
