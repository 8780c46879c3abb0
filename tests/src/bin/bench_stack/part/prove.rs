//! 20 services that run already: who can say so, and how soon.

use super::result;
use crate::bench::{Bench, Contender};
use crate::compose;
use crate::error::BenchError;
use crate::result::{Goal, PartResult};
use crate::times::{Times, in_turns};

const SERVICES: usize = 20;
const OURS: &str = "stack deploy --resolve-image never -c prove.yml prove";
const DOCKERS: &str = "stack deploy --resolve-image never --detach=false -c prove.yml prove";

pub(super) fn run(bench: &Bench) -> Result<PartResult, BenchError> {
    bench.write("prove.yml", &compose::services(SERVICES, 1, 1))?;
    bench.time(Contender::Phoenix, OURS)?;
    let mut result = result(
        "20 unchanged services are proved healthy",
        "20 services of one running task each; a deploy of the same file ends with 0 only if all run what it says. \
         `--detach=false` writes each service and then watches one after the other for its monitor time, 5 s. \
         The bare lists are one of services and one of tasks: no proof needs less.",
    );
    let ours = || bench.time(Contender::Phoenix, OURS);
    let lists = || bench.engine.time_lists("prove");
    result.rows = in_turns(
        bench.runs,
        &[("phoenix stack deploy", &ours), ("bare lists", &lists)],
    )?;
    let writes = bench.writes(Contender::Phoenix, OURS)?;
    // One after the other takes minutes: no run is thrown away.
    let mut times = Times::of("docker stack deploy --detach=false");
    for _ in 0..bench.slow_runs {
        times.add(bench.time(Contender::Docker, DOCKERS)?);
    }
    result.rows[0].writes = Some(writes);
    result.rows.insert(1, times.row());
    result.goal = Some(Goal {
        than: "docker stack deploy --detach=false".to_owned(),
        times: 500.0,
    });
    bench.remove("prove")?;
    Ok(result)
}
