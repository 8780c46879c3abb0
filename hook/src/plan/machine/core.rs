//! Name, size, agent and start order.

use super::action::FieldChange;
use super::desired::MachineDesired;
use crate::pve::conf::GuestConf;

/// What a VM has without the key (`QemuServer.pm`).
const DEFAULT_CORES: &str = "1";
const DEFAULT_MEMORY_MIB: &str = "512";

pub(super) fn changes(desired: &MachineDesired, conf: &GuestConf) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let mut differ = |key: &str, after: Option<String>| {
        if let Some(after) = after {
            changes.push(FieldChange {
                key: key.to_owned(),
                before: conf.wanted(key).map(str::to_owned),
                after,
            });
        }
    };
    let name = conf.wanted("name") != Some(&desired.name);
    differ("name", name.then(|| desired.name.clone()));
    let cores = desired.cores.map(|cores| cores.to_string());
    differ(
        "cores",
        cores.filter(|cores| conf.wanted("cores").unwrap_or(DEFAULT_CORES) != cores),
    );
    let memory = desired.memory_mib.map(|mib| mib.to_string());
    differ("memory", memory.filter(|mib| memory_mib(conf) != mib));
    differ("agent", agent(conf));
    let onboot = desired.start_at_boot.map(|on| u8::from(on).to_string());
    differ(
        "onboot",
        onboot.filter(|on| conf.wanted("onboot").unwrap_or("0") != on),
    );
    let startup = desired.boot_order.and_then(|order| startup(order, conf));
    differ("startup", startup);
    changes
}

/// `memory: 8192` or `memory: current=8192`.
fn memory_mib(conf: &GuestConf) -> &str {
    let memory = conf.wanted("memory").unwrap_or(DEFAULT_MEMORY_MIB);
    memory.strip_prefix("current=").unwrap_or(memory)
}

/// The agent switched on, its other options kept.
fn agent(conf: &GuestConf) -> Option<String> {
    if conf.agent_wanted() {
        return None;
    }
    let options = conf.wanted("agent").unwrap_or_default();
    let kept = options
        .split(',')
        .filter(|part| part.contains('=') && !part.starts_with("enabled="));
    let parts: Vec<&str> = std::iter::once("1").chain(kept).collect();
    Some(parts.join(","))
}

/// The order set, the delays kept (`order=2,up=30,down=60`, or the order alone).
fn startup(order: u32, conf: &GuestConf) -> Option<String> {
    let (mut now, mut delays) = (None, Vec::new());
    for part in conf.wanted("startup").unwrap_or_default().split(',') {
        match part.split_once('=') {
            Some(("order", value)) => now = value.parse().ok(),
            Some(_) => delays.push(part),
            None => now = part.parse().ok().or(now),
        }
    }
    if now == Some(order) {
        return None;
    }
    let order = format!("order={order}");
    let parts: Vec<&str> = std::iter::once(order.as_str()).chain(delays).collect();
    Some(parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_nobody_declared_are_kept() {
        let conf = |text| GuestConf::parse(text);
        assert_eq!(agent(&conf("")).as_deref(), Some("1"));
        let off = conf("agent: 0,fstrim_cloned_disks=1\n");
        assert_eq!(agent(&off).as_deref(), Some("1,fstrim_cloned_disks=1"));
        assert_eq!(agent(&conf("agent: enabled=1,type=isa\n")), None);
        assert_eq!(startup(2, &conf("startup: order=2,up=30\n")), None);
        assert_eq!(startup(2, &conf("startup: 2\n")), None);
        assert_eq!(
            startup(3, &conf("startup: order=2,up=30,down=60\n")).as_deref(),
            Some("order=3,up=30,down=60")
        );
        assert_eq!(memory_mib(&conf("memory: current=2048\n")), "2048");
        assert_eq!(memory_mib(&conf("cores: 1\n")), "512");
    }
}
