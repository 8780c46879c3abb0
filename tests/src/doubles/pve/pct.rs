//! `pct`: the lab holds no containers, so every one is stopped; configurations are read and listed.

use super::arguments::Arguments;
use super::error::PveError;
use super::node::{Kind, Node};
use super::say;

pub(super) fn run(node: &Node, words: &[String]) -> Result<(), PveError> {
    let Some((verb, words)) = words.split_first() else {
        return Err(PveError::usage(
            "ERROR: no command specified\nUSAGE: pct <COMMAND> [ARGS] [OPTIONS]",
        ));
    };
    let arguments = Arguments::parse(words);
    match verb.as_str() {
        "list" => list(node),
        "status" => {
            node.config(Kind::Lxc, arguments.vmid("pct status <vmid> [OPTIONS]")?)?;
            say("status: stopped");
            Ok(())
        }
        "config" => {
            let config = node.config(Kind::Lxc, arguments.vmid("pct config <vmid> [OPTIONS]")?)?;
            for (key, value) in config.wanted() {
                say(&format!("{key}: {value}"));
            }
            Ok(())
        }
        "exec" => {
            let vmid = arguments.vmid("pct exec <vmid> [<extra-args>] [OPTIONS]")?;
            node.config(Kind::Lxc, vmid)?;
            Err(PveError::died(
                255,
                format!("container '{vmid}' not running!"),
            ))
        }
        _ => {
            let text = format!(
                "ERROR: unknown command 'pct {verb}'\nUSAGE: pct <COMMAND> [ARGS] [OPTIONS]"
            );
            Err(PveError::Usage(text))
        }
    }
}

fn list(node: &Node) -> Result<(), PveError> {
    let guests = node.guests(Kind::Lxc);
    if guests.is_empty() {
        return Ok(());
    }
    say(&format!(
        "{:<10} {:<10} {:<12} {:<20}",
        "VMID", "Status", "Lock", "Name"
    ));
    for vmid in guests {
        let config = node.config(Kind::Lxc, vmid)?;
        let (lock, name) = (
            config.get("lock").unwrap_or(""),
            config.get("hostname").unwrap_or(""),
        );
        say(&format!(
            "{vmid:<10} {:<10} {lock:<12} {name:<20}",
            "stopped"
        ));
    }
    Ok(())
}
