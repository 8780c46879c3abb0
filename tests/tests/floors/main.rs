//! The shape of the source: every module stands on a floor and uses only its own and lower ones, pure
//! modules do no I/O, files stay short. The floors themselves are in [`table`].

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

mod source;
mod table;

use std::collections::BTreeSet;

use source::{Module, modules};
use table::{FLOORS, Floor};

/// Longest source file, in lines.
const FILE_LIMIT_LINES: usize = 400;
/// Longest `main.rs`: it starts things and knows nothing.
const MAIN_LIMIT_LINES: usize = 40;

/// What has no place on floor 0. `std::net` stays allowed for its address types alone.
const IMPURE: [&str; 15] = [
    "std::fs",
    "std::process",
    "std::env",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
    "std::os::unix::net",
    "tokio",
    "getrandom",
    "Instant::now",
    "SystemTime",
    "async fn",
];

/// The table's most exact entry for a module: its own or the nearest folder's.
fn entry_of(krate: &str, module: &str) -> Option<&'static Floor> {
    FLOORS
        .iter()
        .filter(|floor| floor.krate == krate && covers(floor.module, module))
        .max_by_key(|floor| floor.module.len())
}

fn covers(folder: &str, module: &str) -> bool {
    module
        .strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn floor_of(krate: &str, module: &str) -> Option<u8> {
    // The crate root only lists its modules.
    if module.is_empty() {
        return Some(if module_is_program(krate) { 4 } else { 0 });
    }
    entry_of(krate, module).map(|floor| floor.number)
}

fn module_is_program(krate: &str) -> bool {
    krate != "common"
}

#[track_caller]
fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn every_module_has_a_floor() {
    let missing: Vec<String> = modules()
        .iter()
        .filter(|module| floor_of(module.krate, &module.name).is_none())
        .map(|module| format!("{} {}", module.krate, module.name))
        .collect();
    assert_none(&missing, "not in the table of tests/tests/floors/table.rs");
}

#[test]
fn every_entry_of_the_table_is_in_use() {
    let used: BTreeSet<(&str, &str)> = modules()
        .iter()
        .filter_map(|module| entry_of(module.krate, &module.name))
        .map(|floor| (floor.krate, floor.module))
        .collect();
    let unused: Vec<String> = FLOORS
        .iter()
        .filter(|floor| !used.contains(&(floor.krate, floor.module)))
        .map(|floor| format!("{} {}", floor.krate, floor.module))
        .collect();
    assert_none(&unused, "in the table, but no module has that name");
}

#[test]
fn uses_point_down() {
    let mut wrong = Vec::new();
    for module in modules() {
        let Some(own) = floor_of(module.krate, &module.name) else {
            continue;
        };
        for (krate, used) in &module.uses {
            match floor_of(krate, used) {
                Some(floor) if floor > own => wrong.push(format!(
                    "{} {} (floor {own}) uses {krate} {used} (floor {floor})",
                    module.krate, module.name
                )),
                _ => {}
            }
        }
    }
    assert_none(&wrong, "a module may use its own floor and lower ones");
}

#[test]
fn observing_and_executing_know_nothing_of_each_other() {
    let crosses = |from: &str, to: &str| {
        modules()
            .into_iter()
            .filter(move |module| module.krate == "hook" && covers(from, &module.name))
            .flat_map(|module| {
                let name = module.name;
                module
                    .uses
                    .into_iter()
                    .filter(|(krate, used)| *krate == "hook" && covers(to, used))
                    .map(move |(_, used)| format!("{name} uses {used}"))
            })
            .collect::<Vec<String>>()
    };
    let mut wrong = crosses("observe", "execute");
    wrong.extend(crosses("execute", "observe"));
    assert_none(&wrong, "observe and execute share plans, not code");
}

#[test]
fn floor_0_is_pure() {
    let mut wrong = Vec::new();
    for module in modules() {
        if module.name.is_empty() || floor_of(module.krate, &module.name) != Some(0) {
            continue;
        }
        for word in IMPURE {
            if module.code.contains(word) {
                wrong.push(format!("{} {}: {word}", module.krate, module.name));
            }
        }
    }
    assert_none(&wrong, "no I/O, clock, environment or async on floor 0");
}

#[test]
fn files_are_short() {
    let too_long = |module: &Module| {
        let limit = if module.path.ends_with("main.rs") && module.name.is_empty() {
            MAIN_LIMIT_LINES
        } else {
            FILE_LIMIT_LINES
        };
        (module.lines > limit).then(|| {
            format!(
                "{}: {} lines, limit {limit}",
                module.path.display(),
                module.lines
            )
        })
    };
    let wrong: Vec<String> = source::all_files().iter().filter_map(too_long).collect();
    assert_none(&wrong, "one concept a file");
}
