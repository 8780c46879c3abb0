//! Which service of a stack is created when: after those it depends on. Pure.

use std::collections::BTreeMap;

use super::convert::Desired;
use super::fault::{Fault, Problem};
use super::model::Stack;
use super::notice::{Notice, Notices};

/// The first circle of services that wait for each other.
pub fn cycle(stack: &Stack) -> Option<Problem> {
    let mut done: BTreeMap<&str, bool> = BTreeMap::new();
    for (key, service) in &stack.services {
        let mut path = Vec::new();
        if let Some(services) = walk(stack, key, &mut path, &mut done) {
            let first = services.first().and_then(|first| stack.services.get(first));
            let origin = &first.unwrap_or(service).origin;
            let path = format!("{}.depends_on", origin.path);
            let fault = Fault::DependencyCycle { services };
            return Some(Problem::at(&origin.place, path, fault));
        }
    }
    None
}

/// Depth first; `done` tells what leads into no circle. Names in the order in which they wait.
fn walk<'stack>(
    stack: &'stack Stack,
    key: &'stack str,
    path: &mut Vec<&'stack str>,
    done: &mut BTreeMap<&'stack str, bool>,
) -> Option<Vec<String>> {
    if let Some(start) = path.iter().position(|seen| *seen == key) {
        let circle = path.iter().skip(start).chain([&key]);
        return Some(circle.map(|key| (*key).to_owned()).collect());
    }
    if done.contains_key(key) {
        return None;
    }
    path.push(key);
    let service = stack.services.get(key);
    let next = service
        .into_iter()
        .flat_map(|service| service.depends_on.keys());
    for next in next {
        let circle = walk(stack, next, path, done);
        if circle.is_some() {
            return circle;
        }
    }
    path.pop();
    done.insert(key, true);
    None
}

/// Tells of names that no service has.
pub fn warn(stack: &Stack, notices: &mut Notices) {
    for service in stack.services.values() {
        let unknown = |key: &&String| !stack.services.contains_key(*key);
        for name in service.depends_on.keys().filter(unknown) {
            let path = format!("{}.depends_on", service.origin.path);
            let notice = Notice::DependencyUnknown { name: name.clone() };
            notices.add(&service.origin.place, &path, notice);
        }
    }
}

/// The names of all services, each after those it depends on, else by name.
pub fn order(desired: &Desired) -> Vec<&String> {
    let mut waves: BTreeMap<&str, usize> = BTreeMap::new();
    // Without circles, a chain is at most as long as there are services.
    for _ in 0..desired.services.len() {
        let mut moved = false;
        for (name, dependencies) in &desired.dependencies {
            let wave_of = |name: &str| waves.get(name).copied().unwrap_or_default();
            let below = dependencies
                .iter()
                .map(|before| wave_of(&before.service) + 1);
            let wave = below.max().unwrap_or_default();
            moved |= waves.insert(name, wave) != Some(wave);
        }
        if !moved {
            break;
        }
    }
    let mut names: Vec<&String> = desired.services.keys().collect();
    names.sort_by_key(|name| waves.get(name.as_str()).copied().unwrap_or_default());
    names
}
