//! How the cost of a deploy that finds nothing to do grows with the stack.

use super::result;
use crate::bench::{Bench, Contender};
use crate::compose;
use crate::error::BenchError;
use crate::result::{PartResult, Point};
use crate::times::in_turns;

const SIZES: [usize; 6] = [10, 20, 50, 100, 200, 500];
const OURS: &str = "stack deploy --resolve-image never -c growth.yml growth";
const NEW: &str = "stack deploy --resolve-image never --wait 0 -c growth.yml growth";
const DOCKERS: &str = "stack deploy --resolve-image never --detach=true -c growth.yml growth";

pub(super) fn run(bench: &Bench) -> Result<PartResult, BenchError> {
    let mut result = result(
        "Nothing to do for 10 to 500 services",
        "One stack of services of no replica, medians.",
    );
    for services in SIZES {
        bench.write("growth.yml", &compose::services(services, 0, 1))?;
        bench.time(Contender::Phoenix, NEW)?;
        let ours = || bench.time(Contender::Phoenix, OURS);
        let dockers = || bench.time(Contender::Docker, DOCKERS);
        let lists = || bench.engine.time_lists("growth");
        let rows = in_turns(
            bench.runs.div_ceil(2),
            &[("ours", &ours), ("docker", &dockers), ("lists", &lists)],
        )?;
        let [ours, docker, lists] = [0, 1, 2].map(|index: usize| rows[index].median_ms);
        result.growth.push(Point {
            services,
            phoenix_ms: ours,
            docker_ms: docker,
            lists_ms: lists,
        });
    }
    bench.remove("growth")?;
    Ok(result)
}
