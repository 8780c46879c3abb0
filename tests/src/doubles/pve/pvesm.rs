//! `pvesm set --content` and `path`: what `phoenix register` and operators ask of storages.

use std::fs;

use super::arguments::Arguments;
use super::error::PveError;
use super::node::Node;
use super::{say, volume};

pub(super) fn run(node: &Node, words: &[String]) -> Result<(), PveError> {
    let arguments = Arguments::parse(words);
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["set", id] => {
            volume::storage(node, id)?;
            node.check_writable()?;
            let content = arguments.options.get("content").map(String::as_str);
            set_content(node, id, content.unwrap_or_default())
        }
        ["path", volume] => {
            let path = node.snippet(volume).ok_or_else(|| {
                PveError::died(255, format!("unable to parse volume ID '{volume}'"))
            })?;
            say(&path.display().to_string());
            Ok(())
        }
        _ => Err(PveError::usage(
            "ERROR: no command specified\nUSAGE: pvesm <COMMAND> [ARGS] [OPTIONS]",
        )),
    }
}

fn set_content(node: &Node, id: &str, content: &str) -> Result<(), PveError> {
    let path = node.etc_pve().join("storage.cfg");
    let mut changed = String::new();
    let mut inside = false;
    for line in fs::read_to_string(&path)?.lines() {
        if !line.starts_with(['\t', ' ']) {
            inside = line.split_once(": ").is_some_and(|(_, name)| name == id);
        }
        if inside && line.trim().starts_with("content ") {
            changed.push_str("\tcontent ");
            changed.push_str(content);
        } else {
            changed.push_str(line);
        }
        changed.push('\n');
    }
    fs::write(path, changed)?;
    Ok(())
}
