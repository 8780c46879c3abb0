use std::sync::Arc;

use super::*;
use crate::stack::fault::{Fault, Problem};

fn parse(text: &str) -> Result<Node, Problem> {
    read(&Arc::from("test.yml"), text)
}

fn fault(text: &str) -> Fault {
    parse(text).unwrap_err().fault
}

fn get<'a>(node: &'a Node, path: &[&str]) -> &'a Value {
    let mut node = node;
    for key in path {
        node = node.as_map().unwrap().get(key).unwrap();
    }
    &node.value
}

#[test]
fn merge_keys_lose_against_explicit_ones_wherever_they_stand() {
    let root = parse(
        "a: &a {x: 1, y: 2}\nb: &b {x: 3, z: 4}\nc: {<<: [*a, *b], y: 5}\nd:\n  <<: *a\n  x: ~\n",
    )
    .unwrap();
    assert_eq!(get(&root, &["c", "x"]), &Value::Integer(1));
    assert_eq!(get(&root, &["c", "y"]), &Value::Integer(5));
    assert_eq!(get(&root, &["c", "z"]), &Value::Integer(4));
    assert_eq!(get(&root, &["d", "x"]), &Value::Null);
    assert_eq!(get(&root, &["d", "y"]), &Value::Integer(2));
    assert!(matches!(fault("a: {<<: 1}"), Fault::BadMerge));
    assert!(parse("a: {\"<<\": 1}").is_ok());
}

#[test]
fn mistakes_have_their_place() {
    let problem = parse("a: 1\nb:\n  c: 1\n  \"c\": 2\n").unwrap_err();
    assert_eq!(
        problem.to_string(),
        "test.yml:4:3: key \"c\" stands there twice, first in line 3"
    );
    assert!(matches!(fault("a: [1"), Fault::Syntax { .. }));
    assert!(matches!(fault("1: a"), Fault::KeyNotText { .. }));
    assert!(matches!(fault("a: .inf"), Fault::NotFinite));
    assert!(matches!(fault("a: &a [*a]"), Fault::AliasInsideItself));
    assert!(matches!(fault("a: !!int x"), Fault::TagMismatch { .. }));
}

#[test]
fn only_the_first_document_counts() {
    assert_eq!(
        get(&parse("a: 1\n---\na: [\n").unwrap(), &["a"]),
        &Value::Integer(1)
    );
    assert_eq!(parse("").unwrap().value, Value::Null);
}

#[test]
fn bombs_are_refused_fast() {
    let mut bomb = vec!["a: &a [x,x,x,x,x,x,x,x,x]".to_owned()];
    for (name, before) in [
        ("b", "a"),
        ("c", "b"),
        ("d", "c"),
        ("e", "d"),
        ("f", "e"),
        ("g", "f"),
        ("h", "g"),
    ] {
        let items = vec![format!("*{before}"); 9].join(",");
        bomb.push(format!("{name}: &{name} [{items}]"));
    }
    let start = std::time::Instant::now();
    assert!(matches!(
        fault(&bomb.join("\n")),
        Fault::TooManyNodes { .. }
    ));
    assert!(matches!(
        fault(&"[".repeat(200)),
        Fault::TooDeep { .. } | Fault::Syntax { .. }
    ));
    assert!(parse(&"[".repeat(100_000)).is_err());
    assert!(matches!(
        fault(&format!("{}x", "- ".repeat(5000))),
        Fault::TooDeep { .. }
    ));
    assert!(matches!(
        fault(&"x".repeat(2 << 20)),
        Fault::TooLarge { .. }
    ));
    assert!(start.elapsed() < std::time::Duration::from_secs(2));
}

#[test]
fn aliases_do_not_go_deeper_than_the_limit() {
    let list = |levels: usize, inside: &str| {
        format!("{}{inside}{}", "[".repeat(levels), "]".repeat(levels))
    };
    let chain = |levels: usize, last: usize| {
        let mut lines = vec![format!("a0: &a0 {}", list(30, "x"))];
        for index in 1..levels {
            let before = format!("*a{}", index - 1);
            lines.push(format!("a{index}: &a{index} {}", list(30, &before)));
        }
        lines.push(format!("b: {}\n", list(last, &format!("*a{}", levels - 1))));
        lines.join("\n")
    };
    assert!(parse(&chain(3, 9)).is_ok());
    assert!(matches!(fault(&chain(3, 10)), Fault::TooDeep { .. }));
    assert!(matches!(fault(&chain(500, 0)), Fault::TooDeep { .. }));
}
