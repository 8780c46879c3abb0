//! Which recorded steps Phoenix itself may send, and why the others are not replayed.

use crate::recording::Step;

/// The table: why a command line is not one of Phoenix's, or cannot be replayed here.
pub(crate) fn skip(step: &Step) -> Option<&'static str> {
    let words: Vec<&str> = step.argv.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["qm", "guest", "passwd", ..] => Some("Phoenix sets no passwords"),
        ["qm", "guest", "exec", .., last] if last.ends_with('&') => {
            Some("a guest's own pace: shown by lab_node")
        }
        ["qm", "list"]
            if step
                .stdout
                .as_str()
                .unwrap_or_default()
                .contains(" running ") =>
        {
            Some("process ids of a real QEMU")
        }
        ["qm", "cloudinit", ..] => Some("Phoenix leaves the cloud-init image to Proxmox"),
        ["qm", "status", .., "--verbose"] => Some("load figures of a real QEMU"),
        ["qm", "shutdown" | "reboot", _, "--timeout", ..] => {
            Some("a guest's own pace: shown by lab_node")
        }
        ["qm", ..] => None,
        ["pvesh", "get", path, ..] => skip_get(path, step),
        ["pvesh", "create" | "set" | "delete", path, ..] => skip_write(path),
        ["pvesh", ..] => Some("pvesh verbs that Phoenix does not use"),
        ["pct", ..] => Some("containers: the lab holds none yet"),
        ["vzdump" | "lxc-info", ..] => Some("Phoenix sends no backups and no lxc tools"),
        _ => Some("not a Proxmox tool"),
    }
}

fn skip_write(path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["nodes", _, "qemu", ..] => None,
        ["nodes", _, "lxc", ..] => Some("containers: the lab holds none yet"),
        ["nodes", _, "startall" | "stopall"] => Some("a guest's own pace: shown by lab_node"),
        _ => Some("API paths that Phoenix does not write"),
    }
}

fn skip_get(path: &str, step: &Step) -> Option<&'static str> {
    if !step.argv.iter().any(|word| word == "json") {
        return Some("Phoenix asks for JSON");
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["cluster", "nextid"]
        | ["no", "such"]
        | ["storage"]
        | ["nodes", _, "qemu", _, "config" | "pending" | "cloudinit"]
        | ["nodes", _, "tasks", _, "status" | "log"]
        | ["nodes", _, "qemu", _, "agent", "exec-status"]
        | ["nodes", _, "qemu", _, "status", "current"]
        | ["nodes", "other" | "nonode", ..]
        | ["cluster", "ha" | "config", ..] => None,
        ["cluster", "resources"] | ["nodes", _, "qemu"] | ["nodes"] => {
            Some("lists every guest of the rig, most of which are not in the recording")
        }
        ["nodes", _, "tasks"] | ["cluster", "tasks"] => Some("tasks of earlier scenarios"),
        _ => Some("API paths that Phoenix does not ask"),
    }
}
