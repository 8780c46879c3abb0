//! A deploy of 100 services that are so already.

use super::result;
use crate::bench::{Bench, Contender};
use crate::compose;
use crate::error::BenchError;
use crate::result::{Goal, PartResult};
use crate::times::in_turns;

const SERVICES: usize = 100;
const OURS: &str = "stack deploy --resolve-image never -c noop.yml noop";
const DOCKERS: &str = "stack deploy --resolve-image never --detach=true -c noop.yml noop";

pub(super) fn run(bench: &Bench) -> Result<PartResult, BenchError> {
    bench.write("noop.yml", &compose::services(SERVICES, 0, 1))?;
    bench.time(Contender::Docker, DOCKERS)?;
    let mut result = result(
        "Nothing to do for 100 services",
        "100 services of no replica (this machine could not run their tasks), deployed again from the same file. \
         docker is told not to wait.",
    );
    let ours = || bench.time(Contender::Phoenix, OURS);
    let dockers = || bench.time(Contender::Docker, DOCKERS);
    let lists = || bench.engine.time_lists("noop");
    result.rows = in_turns(
        bench.runs,
        &[
            ("phoenix stack deploy", &ours),
            ("docker stack deploy --detach=true", &dockers),
            ("bare lists", &lists),
        ],
    )?;
    let writes = bench.writes(Contender::Phoenix, OURS)?;
    if writes != 0 {
        return Err(BenchError::Wrong {
            contender: "phoenix stack deploy".to_owned(),
            wrong: format!("{writes} writes where nothing differs"),
        });
    }
    result.rows[0].writes = Some(writes);
    result.rows[1].writes = Some(bench.writes(Contender::Docker, DOCKERS)?);
    result.goal = Some(Goal {
        than: "docker stack deploy --detach=true".to_owned(),
        times: 3.0,
    });
    bench.remove("noop")?;
    Ok(result)
}
