//! 50 services that are not there yet.

use std::time::Duration;

use super::result;
use crate::bench::{Bench, Contender};
use crate::compose;
use crate::error::BenchError;
use crate::result::{Goal, PartResult};
use crate::times::in_turns;

const SERVICES: usize = 50;
const OURS: &str = "stack deploy --resolve-image never --wait 0 -c writes.yml writes";
const DOCKERS: &str = "stack deploy --resolve-image never --detach=true -c writes.yml writes";

pub(super) fn run(bench: &Bench) -> Result<PartResult, BenchError> {
    bench.write("writes.yml", &compose::services(SERVICES, 0, 1))?;
    let anew = |contender, words| -> Result<Duration, BenchError> {
        let taken = bench.time(contender, words)?;
        bench.remove("writes")?;
        Ok(taken)
    };
    let mut result = result(
        "50 new services are written",
        "Services of no replica and one network; nobody waits for tasks (`--wait 0`, `--detach=true`). The bare \
         creates are the same number of requests, eight at once, of services without a network.",
    );
    let ours = || anew(Contender::Phoenix, OURS);
    let dockers = || anew(Contender::Docker, DOCKERS);
    let bare = || bench.engine.time_creates(SERVICES);
    result.rows = in_turns(
        bench.runs,
        &[
            ("phoenix stack deploy --wait 0", &ours),
            ("docker stack deploy --detach=true", &dockers),
            ("bare creates", &bare),
        ],
    )?;
    result.rows[0].writes = Some(bench.writes(Contender::Phoenix, OURS)?);
    bench.remove("writes")?;
    result.rows[1].writes = Some(bench.writes(Contender::Docker, DOCKERS)?);
    bench.remove("writes")?;
    result.goal = Some(Goal {
        than: "docker stack deploy --detach=true".to_owned(),
        times: 1.5,
    });
    Ok(result)
}
