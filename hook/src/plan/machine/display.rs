//! A machine's plan as people read it, by steps.

use std::fmt;

use phoenix_common::untrusted::Untrusted;

use super::MachinePlan;
use super::action::{FieldChange, MachineAction, Step};
use crate::pve::percent;

impl fmt::Display for MachineAction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RemoveHalfMade { vmid, lock, .. } => write!(
                formatter,
                "remove what an interrupted {lock} left of {vmid}"
            ),
            Self::Clone {
                vmid,
                template,
                name,
                node,
                ..
            } => write!(
                formatter,
                "clone {template} as {vmid} ({name}) on node {}",
                Untrusted(node)
            ),
            Self::SetConfig { fields, .. } => {
                let keys: Vec<&str> = fields.iter().map(|field| field.key.as_str()).collect();
                write!(formatter, "set {}", keys.join(", "))
            }
            Self::EnlargeDisk {
                disk,
                from_bytes,
                to_gib,
                ..
            } => write!(
                formatter,
                "enlarge disk {} from {} to {to_gib} GiB",
                Untrusted(disk),
                Gib(*from_bytes)
            ),
            Self::Start { vmid, .. } => write!(formatter, "start {vmid}"),
        }
    }
}

struct Gib(u64);

impl fmt::Display for Gib {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = ((self.0 >> 10) * 100) >> 20;
        match (hundredths / 100, hundredths % 100) {
            (whole, 0) => write!(formatter, "{whole}"),
            (whole, part) => write!(formatter, "{whole}.{part:02}"),
        }
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readable = |value: &str| match self.key.as_str() {
            "sshkeys" => percent::decode(value).trim().replace('\n', ", "),
            _ => value.to_owned(),
        };
        let before = match &self.before {
            Some(before) => Untrusted(&readable(before)).to_string(),
            None => "(not set)".to_owned(),
        };
        let after = readable(&self.after);
        write!(
            formatter,
            "{}: {before} -> {}",
            Untrusted(&self.key),
            Untrusted(&after)
        )
    }
}

impl fmt::Display for MachinePlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last: Option<Step> = None;
        for action in &self.actions {
            if last != Some(action.step()) {
                writeln!(formatter, "  {}", action.step())?;
                last = Some(action.step());
            }
            writeln!(formatter, "    + {action}")?;
            if let MachineAction::SetConfig { fields, .. } = action {
                for field in fields {
                    writeln!(formatter, "        {field}")?;
                }
            }
        }
        for blocked in &self.blocked {
            let (what, reason) = (&blocked.what, Untrusted(&blocked.reason));
            writeln!(formatter, "  ! {what}: {reason}")?;
        }
        for waiting in &self.waiting {
            writeln!(formatter, "  … waits: {}", Untrusted(waiting))?;
        }
        for finding in &self.findings {
            writeln!(formatter, "  note: {}", Untrusted(finding))?;
        }
        Ok(())
    }
}
