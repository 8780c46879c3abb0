//! Ten stacks of ten services that are so already, as a playbook holds them.

use std::time::Duration;

use super::result;
use crate::ansible::{self, Ansible};
use crate::bench::{Bench, Contender};
use crate::compose;
use crate::error::BenchError;
use crate::result::{Goal, PartResult};
use crate::times::in_turns;

const STACKS: usize = 10;
const SERVICES: usize = 10;

pub(super) fn run(bench: &Bench) -> Result<PartResult, BenchError> {
    let ansible = Ansible::ready()?;
    let stacks: Vec<String> = (1..=STACKS).map(|number| format!("env{number}")).collect();
    bench.write("ten.yml", &compose::services(SERVICES, 0, 1))?;
    bench.write("play.yml", &Ansible::playbook(&stacks))?;
    let each = |contender: Contender, words: &str| -> Result<Duration, BenchError> {
        let times = stacks.iter();
        times
            .map(|stack| bench.time(contender, &format!("{words} -c ten.yml {stack}")))
            .sum()
    };
    let ours = || each(Contender::Phoenix, "stack deploy --resolve-image never");
    let dockers = || {
        each(
            Contender::Docker,
            "stack deploy --resolve-image never --detach=true",
        )
    };
    dockers()?;
    let mut result = result(
        "Nothing to do for ten stacks of ten services",
        &format!(
            "Services of no replica. Ours and docker's are ten calls one after the other, {}'s is one playbook of ten \
             `community.docker.docker_stack` tasks without fact gathering, on the same docker CLI.",
            ansible::VERSION
        ),
    );
    let play = || ansible.time_play(bench, "play.yml");
    result.rows = in_turns(
        bench.runs.min(bench.slow_runs * 2),
        &[
            ("phoenix stack deploy, 10 calls", &ours),
            ("docker stack deploy, 10 calls", &dockers),
            ("ansible-playbook", &play),
        ],
    )?;
    result.goal = Some(Goal {
        than: "ansible-playbook".to_owned(),
        times: 50.0,
    });
    for stack in &stacks {
        bench.remove(stack)?;
    }
    Ok(result)
}
