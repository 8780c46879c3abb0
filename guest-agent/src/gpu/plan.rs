//! From the GPUs that are found to what Docker shall offer. Pure.

use phoenix_common::observed::Observed;
use phoenix_common::wire::{Change, ChangeVerb, FieldChange, Gpu, GpuVendor};

/// Everything the planner looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedGpus {
    pub found: Observed<Vec<Gpu>>,
    /// In `/etc/docker/daemon.json`.
    pub written: Vec<String>,
    /// What the running engine offers; `None`: it does not run.
    pub offered: Option<Vec<String>>,
}

impl Default for ObservedGpus {
    fn default() -> Self {
        Self {
            found: Observed::unknown("not looked for"),
            written: Vec::new(),
            offered: None,
        }
    }
}

/// Writes the generic resources, and restarts an engine that has read others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferGpus {
    pub gpus: Vec<String>,
    pub restart: bool,
    pub change: Change,
}

/// The step, if one is needed, and what is worth knowing.
pub fn plan(observed: &ObservedGpus) -> (Option<OfferGpus>, Vec<String>) {
    let found = match &observed.found {
        Observed::Known(found) => found,
        Observed::Unknown(reason) => {
            let notice = format!("gpu=true is declared, but the GPUs cannot be told: {reason}");
            return (None, vec![notice]);
        }
    };
    let mut notices = Vec::new();
    if found.is_empty() {
        notices.push("gpu=true is declared, but this guest has no GPU; the label stays".to_owned());
    }
    for gpu in found.iter().filter(|gpu| !gpu.has_driver) {
        notices.push(format!(
            "GPU {} at {} has no driver in this guest, so Docker does not offer it",
            gpu.name, gpu.id
        ));
    }
    let gpus = resources(found);
    let restart = observed
        .offered
        .as_ref()
        .is_some_and(|offered| !same(offered, &gpus));
    if same(&observed.written, &gpus) && !restart {
        return (None, notices);
    }
    let mut fields = Vec::new();
    if !same(&observed.written, &gpus) {
        fields.push(field("node-generic-resources", &observed.written, &gpus));
    }
    if restart {
        fields.push(FieldChange {
            field: "Docker".to_owned(),
            before: Some("runs".to_owned()),
            after: Some("restarted, with all containers".to_owned()),
        });
    }
    let change = Change {
        verb: ChangeVerb::Update,
        subject: "GPUs of Docker".to_owned(),
        fields,
    };
    let offer = OfferGpus {
        gpus,
        restart,
        change,
    };
    (Some(offer), notices)
}

fn resources(found: &[Gpu]) -> Vec<String> {
    let usable = found.iter().filter(|gpu| gpu.has_driver);
    usable
        .map(|gpu| match gpu.vendor {
            GpuVendor::Nvidia => format!("NVIDIA-GPU={}", gpu.id),
            GpuVendor::Amd => format!("AMD-GPU={}", gpu.id),
        })
        .collect()
}

fn same(one: &[String], other: &[String]) -> bool {
    let sorted = |words: &[String]| {
        let mut words = words.to_vec();
        words.sort();
        words
    };
    sorted(one) == sorted(other)
}

fn field(name: &str, before: &[String], after: &[String]) -> FieldChange {
    let shown = |words: &[String]| (!words.is_empty()).then(|| words.join(", "));
    FieldChange {
        field: name.to_owned(),
        before: shown(before),
        after: shown(after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(id: &str, has_driver: bool) -> Gpu {
        Gpu {
            vendor: GpuVendor::Nvidia,
            id: id.into(),
            name: "A100".into(),
            has_driver,
        }
    }

    fn seen(found: Vec<Gpu>, written: &[&str], offered: Option<&[&str]>) -> ObservedGpus {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        ObservedGpus {
            found: Observed::Known(found),
            written: words(written),
            offered: offered.map(words),
        }
    }

    #[test]
    fn an_engine_is_restarted_only_when_it_offers_something_else() {
        let right = ["NVIDIA-GPU=b", "NVIDIA-GPU=a"];
        let found = || vec![gpu("a", true), gpu("b", true)];
        assert_eq!(plan(&seen(found(), &right, Some(&right))), (None, vec![]));
        assert_eq!(plan(&seen(found(), &right, None)), (None, vec![]));
        let (offer, _) = plan(&seen(found(), &[], None));
        assert!(!offer.unwrap().restart);
        // A run was cut off between the file and the restart.
        let (offer, _) = plan(&seen(found(), &right, Some(&[])));
        let offer = offer.unwrap();
        assert!(offer.restart);
        assert_eq!(offer.change.fields.len(), 1);
    }

    #[test]
    fn what_is_not_there_is_said_and_not_offered() {
        let (offer, notices) = plan(&seen(vec![], &["NVIDIA-GPU=gone"], None));
        assert_eq!(offer.unwrap().gpus, [""; 0]);
        assert!(
            notices[0].contains("no GPU; the label stays"),
            "{notices:?}"
        );
        let (offer, notices) = plan(&seen(vec![gpu("0000:01:00.0", false)], &[], None));
        assert_eq!(offer, None);
        assert!(notices[0].contains("has no driver"), "{notices:?}");
        let unknown = ObservedGpus {
            written: vec!["NVIDIA-GPU=a".into()],
            ..ObservedGpus::default()
        };
        assert_eq!(
            plan(&unknown).0,
            None,
            "a driver that fails right now takes nothing away"
        );
    }
}
