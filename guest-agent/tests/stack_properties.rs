//! Any input is refused or taken, never a panic; and what is written out reads back.

#![cfg(test)]

use std::collections::BTreeMap;
use std::sync::Arc;

use phoenix_common::spec::{Compat, ComposeText, DroppedKeys};
use phoenix_guest_agent::stack::compose::{Input, compose};
use phoenix_guest_agent::stack::files::Files;
use phoenix_guest_agent::stack::interpolate::{Environment, interpolate};
use phoenix_guest_agent::stack::names::Namespace;
use phoenix_guest_agent::stack::notice::Notices;
use phoenix_guest_agent::stack::text::{cpus, duration, image, port_spec, shell_words, size};
use phoenix_guest_agent::stack::yaml::{self, Value};
use proptest::prelude::*;

fn run(text: &str, compat: Compat) {
    let file = [ComposeText {
        path: "f".to_owned(),
        text: text.to_owned(),
    }];
    let input = Input {
        namespace: Namespace::new("s"),
        compose: &file,
        environment: Environment::of(&[("A", "1"), ("EMPTY", "")]),
        files: Files::new([("f".to_owned(), b"x".to_vec())], None),
        directory: Some("/srv".to_owned()),
        compat,
        dropped_keys: DroppedKeys::Warning,
        pinned: false,
    };
    if let Ok(outcome) = compose(&input) {
        for spec in outcome.desired.services.values() {
            let sent = serde_json::to_string(spec).unwrap();
            serde_json::from_str::<serde_json::Value>(&sent).unwrap();
        }
    }
}

/// Words that reach deep into the stages.
const PIECES: &[&str] = &[
    "services:",
    "web:",
    "image: i",
    "ports:",
    "- 80:80",
    "- [",
    "]",
    "{",
    "}",
    "&a",
    "*a",
    "<<:",
    "deploy:",
    "replicas:",
    "${A",
    "}",
    "$",
    "volumes:",
    "- a:/b:ro",
    "- /:",
    "configs:",
    "c:",
    "file: f",
    "external:",
    "true",
    "~",
    "0x1F",
    "1_0",
    "2001-12-14",
    "\"",
    "'",
    "|",
    ">",
    "#",
    "---",
    "!!int",
    "!x",
    "networks:",
    "environment:",
    "A:",
    "healthcheck:",
    "interval: 1s",
    "test: [",
    "ulimits:",
    "tmpfs:",
    "version: '3.8'",
    "extra_hosts:",
    "a=b",
    "entrypoint:",
    "secrets:",
    "\t",
    "é",
    "\u{feff}",
];

fn piece() -> impl Strategy<Value = String> {
    (0..PIECES.len(), 0..9_usize, any::<bool>()).prop_map(move |(index, indent, line)| {
        let start = if line {
            format!("\n{}", " ".repeat(indent))
        } else {
            " ".to_owned()
        };
        format!("{start}{}", PIECES[index])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        run(&String::from_utf8_lossy(&bytes), Compat::Extended);
    }

    #[test]
    fn no_text_of_its_own_words_makes_it_panic(pieces in proptest::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        run(&text, Compat::Docker);
        run(&text, Compat::Extended);
    }

    #[test]
    fn no_string_makes_the_little_languages_panic(text in any::<String>()) {
        let _ = (cpus::parse_nano(&text), duration::parse(&text), image::parse(&text), size::parse(&text));
        let _ = (port_spec::parse(&text), shell_words::split(&text), image::is_valid(&text));
    }

    #[test]
    fn a_string_without_a_dollar_stays_as_it_is(text in "[^$]{0,40}") {
        let quoted = serde_json::to_string(&text).unwrap();
        let file: Arc<str> = Arc::from("f");
        // JSON is YAML, but for control characters that YAML does not have.
        if let Ok(mut root) = yaml::read(&file, &format!("a: {quoted}")) {
            let mut notices = Notices::default();
            prop_assert!(interpolate(&mut root, &Environment::default(), &mut notices).is_empty());
            let map = root.as_map().unwrap();
            prop_assert_eq!(&map.get("a").unwrap().value, &Value::Text(text));
        }
    }

    #[test]
    fn escaped_dollars_and_variables_come_out(value in "[a-z$ ]{0,12}", before in "[a-z ]{0,8}") {
        let file: Arc<str> = Arc::from("f");
        let text = format!("a: 'x{before}${{V}}$$'");
        let mut root = yaml::read(&file, &text).unwrap();
        let environment = Environment::of(&[("V", &value)]);
        prop_assert!(interpolate(&mut root, &environment, &mut Notices::default()).is_empty());
        let wanted = Value::Text(format!("x{before}{value}$"));
        prop_assert_eq!(&root.as_map().unwrap().get("a").unwrap().value, &wanted);
    }

    #[test]
    fn numbers_read_as_go_reads_them(number in any::<i64>()) {
        let file: Arc<str> = Arc::from("f");
        let forms = BTreeMap::from([
            ("decimal", number.to_string()),
            ("hex", format!("{}0x{:x}", if number < 0 { "-" } else { "" }, number.unsigned_abs())),
            ("octal", format!("{}0o{:o}", if number < 0 { "-" } else { "" }, number.unsigned_abs())),
        ]);
        for text in forms.values() {
            let root = yaml::read(&file, &format!("a: {text}")).unwrap();
            prop_assert_eq!(&root.as_map().unwrap().get("a").unwrap().value, &Value::Integer(number.into()), "{}", text);
        }
    }
}
