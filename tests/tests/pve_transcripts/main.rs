//! Recordings of real Proxmox tools against the doubles: every step that Phoenix itself sends must end
//! the same way. The folder is `PHOENIX_PVE_TRANSCRIPTS`, by default `../shared/pve-transcripts`.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

mod agent;
mod compare;
mod effects;
mod normal;
mod recording;
mod replay;
mod scope;

use std::collections::BTreeMap;
use std::path::PathBuf;

use recording::Recording;
use replay::Replay;

fn folder() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/pve-transcripts");
    std::env::var_os("PHOENIX_PVE_TRANSCRIPTS")
        .map_or_else(|| PathBuf::from(default), PathBuf::from)
}

#[test]
fn pve_transcripts_hold_the_doubles() {
    let folder = folder();
    if !folder.is_dir() {
        println!("skipped: no recordings at {}", folder.display());
        return;
    }
    let recordings = Recording::all(&folder);
    assert!(
        !recordings.is_empty(),
        "no steps.json below {}",
        folder.display()
    );
    let (mut compared, mut wrong) = (0, Vec::new());
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    for recording in &recordings {
        let mut replay = Replay::new(recording);
        replay.run();
        compared += replay.compared;
        wrong.extend(replay.wrong);
        for reason in replay.skipped {
            *skipped.entry(reason).or_default() += 1;
        }
    }
    println!("{} recordings, {compared} steps compared", recordings.len());
    for (reason, count) in &skipped {
        println!("{count:5} skipped: {reason}");
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared > 0, "nothing could be compared");
}
