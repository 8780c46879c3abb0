//! One service of 20 changes, and the deploy ends when that is stable.

use std::cell::Cell;
use std::time::Duration;

use super::result;
use crate::bench::{Bench, Contender};
use crate::compose;
use crate::error::BenchError;
use crate::result::{Goal, PartResult};
use crate::times::{Times, in_turns};

const SERVICES: usize = 20;
const OURS: &str = "stack deploy --resolve-image never -c changed.yml changed";
const DOCKERS: &str = "stack deploy --resolve-image never --detach=false -c changed.yml changed";

pub(super) fn run(bench: &Bench) -> Result<PartResult, BenchError> {
    let version = Cell::new(0);
    let change = |contender, words| -> Result<Duration, BenchError> {
        version.set(version.get() + 1);
        bench.write(
            "changed.yml",
            &compose::services(SERVICES, 1, version.get()),
        )?;
        bench.time(contender, words)
    };
    change(Contender::Phoenix, OURS)?;
    let mut result = result(
        "One of 20 services changes until it is stable",
        "20 services of one running task each, a variable of one is new each time. Both end when the new task has run \
         for five seconds: docker's own monitor time, which is also the limit. docker watches all 20, one after the \
         other.",
    );
    let ours = || change(Contender::Phoenix, OURS);
    result.rows = in_turns(
        bench.runs.min(bench.slow_runs * 2),
        &[("phoenix stack deploy", &ours)],
    )?;
    let mut times = Times::of("docker stack deploy --detach=false");
    for _ in 0..bench.slow_runs {
        times.add(change(Contender::Docker, DOCKERS)?);
    }
    result.rows.push(times.row());
    result.goal = Some(Goal {
        than: "docker stack deploy --detach=false".to_owned(),
        times: 10.0,
    });
    bench.remove("changed")?;
    Ok(result)
}
