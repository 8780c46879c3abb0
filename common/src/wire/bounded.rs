//! What a guest says of itself, cut to what it may say: the guest may be hostile.

use super::{Change, Docker, Facts, GuestPlan, Membership};
use crate::observed::Observed;

/// Longest text of a fact, in characters.
const TEXT_CHARACTERS: usize = 256;
/// Longest sentence, in characters.
const SENTENCE_CHARACTERS: usize = 1000;
/// Most entries of a list of facts.
const LIST_LIMIT: usize = 64;
/// Most changes and notices of a plan.
const PLAN_LIMIT: usize = 1000;

impl Facts {
    /// The facts, every text and list cut; what is no address is dropped.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        for text in [
            &mut self.agent_version,
            &mut self.boot_id,
            &mut self.machine_id,
            &mut self.hostname,
            &mut self.os_id,
            &mut self.os_version,
            &mut self.architecture,
        ] {
            cut(text, TEXT_CHARACTERS);
        }
        self.addresses.retain(|address| is_address(address));
        self.addresses.truncate(LIST_LIMIT);
        self.running_jobs.truncate(LIST_LIMIT);
        for job in &mut self.running_jobs {
            cut(&mut job.job, TEXT_CHARACTERS);
            cut(&mut job.work, TEXT_CHARACTERS);
        }
        match &mut self.docker {
            Observed::Unknown(reason) => cut(reason, SENTENCE_CHARACTERS),
            Observed::Known(docker) => cut_docker(docker),
        }
        match &mut self.gpus {
            Some(Observed::Unknown(reason)) => cut(reason, SENTENCE_CHARACTERS),
            Some(Observed::Known(gpus)) => {
                gpus.truncate(LIST_LIMIT);
                for gpu in gpus {
                    cut(&mut gpu.id, TEXT_CHARACTERS);
                    cut(&mut gpu.name, TEXT_CHARACTERS);
                }
            }
            None => {}
        }
        self
    }
}

impl GuestPlan {
    /// The plan, every text and list cut.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.changes.truncate(PLAN_LIMIT);
        self.changes.iter_mut().for_each(cut_change);
        self.notices.truncate(PLAN_LIMIT);
        for notice in &mut self.notices {
            cut(notice, SENTENCE_CHARACTERS);
        }
        self
    }
}

fn cut_change(change: &mut Change) {
    cut(&mut change.subject, SENTENCE_CHARACTERS);
    change.fields.truncate(LIST_LIMIT);
    for field in &mut change.fields {
        cut(&mut field.field, TEXT_CHARACTERS);
        for value in [&mut field.before, &mut field.after].into_iter().flatten() {
            cut(value, SENTENCE_CHARACTERS);
        }
    }
}

fn cut_docker(docker: &mut Docker) {
    let Docker::Running {
        version,
        api_version,
        engine_id,
        swarm,
        remains,
    } = docker
    else {
        return;
    };
    cut(&mut remains.node_id, TEXT_CHARACTERS);
    remains.remote_managers.truncate(LIST_LIMIT);
    for manager in &mut remains.remote_managers {
        cut(manager, TEXT_CHARACTERS);
    }
    for text in [version, api_version, engine_id] {
        cut(text, TEXT_CHARACTERS);
    }
    match swarm {
        Membership::Inactive | Membership::Pending | Membership::Locked => {}
        Membership::Error { message } => cut(message, SENTENCE_CHARACTERS),
        Membership::Worker {
            node_id,
            node_address,
            remote_managers,
        } => {
            remote_managers.truncate(LIST_LIMIT);
            for text in [node_id, node_address].into_iter().chain(remote_managers) {
                cut(text, TEXT_CHARACTERS);
            }
        }
        Membership::Manager {
            node_id,
            node_address,
            cluster_id,
            error,
        } => {
            for text in [node_id, node_address, cluster_id] {
                cut(text, TEXT_CHARACTERS);
            }
            cut(error, SENTENCE_CHARACTERS);
        }
    }
}

fn cut(text: &mut String, characters: usize) {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
    }
}

/// `192.168.77.11/24`.
fn is_address(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, prefix)| {
        address.parse::<std::net::IpAddr>().is_ok()
            && prefix.parse::<u8>().is_ok_and(|bits| bits <= 128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{
        ChangeVerb, CloudInit, FieldChange, Gpu, GpuVendor, RunningJob, SwarmRemains,
    };

    fn long() -> String {
        "\u{e4}".repeat(100_000)
    }

    fn long_facts() -> Facts {
        Facts {
            agent_version: long(),
            protocol_oldest: 1,
            protocol_newest: 1,
            boot_id: "boot".into(),
            machine_id: long(),
            hostname: long(),
            os_id: long(),
            os_version: long(),
            architecture: long(),
            addresses: vec![
                "192.0.2.1/24".into(),
                "../etc".into(),
                "1.2.3.4/999".into(),
                long(),
            ],
            has_dpkg: true,
            cloud_init: CloudInit::Done,
            docker: Observed::Known(Docker::Running {
                version: long(),
                api_version: long(),
                engine_id: long(),
                swarm: Membership::Worker {
                    node_id: long(),
                    node_address: long(),
                    remote_managers: vec![long(); 1000],
                },
                remains: SwarmRemains {
                    node_id: long(),
                    remote_managers: vec![long(); 1000],
                    ..SwarmRemains::default()
                },
            }),
            running_jobs: vec![
                RunningJob {
                    job: long(),
                    work: long()
                };
                1000
            ],
            gpus: Some(Observed::Known(vec![
                Gpu {
                    vendor: GpuVendor::Amd,
                    id: long(),
                    name: long(),
                    has_driver: true
                };
                1000
            ])),
        }
    }

    #[test]
    fn a_guest_that_talks_without_end_is_cut() {
        let facts = long_facts().bounded();
        assert_eq!(facts.boot_id, "boot");
        assert_eq!(facts.addresses, ["192.0.2.1/24"]);
        let size = serde_json::to_vec(&facts).unwrap().len();
        assert!(size < 250_000, "{size} bytes");
        let plan = GuestPlan {
            changes: vec![Change {
                verb: ChangeVerb::Create,
                subject: long(),
                fields: vec![FieldChange {
                    field: long(),
                    before: Some(long()),
                    after: None,
                }],
            }],
            notices: vec![long(); 2000],
        };
        let plan = plan.bounded();
        assert_eq!(plan.notices.len(), PLAN_LIMIT);
        assert_eq!(plan.notices[0].chars().count(), SENTENCE_CHARACTERS);
        assert_eq!(plan.changes[0].subject.chars().count(), SENTENCE_CHARACTERS);
    }
}
