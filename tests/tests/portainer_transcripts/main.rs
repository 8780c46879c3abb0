//! Recordings of real Portainer servers against the double: every step is sent again, in the recorded
//! version's behaviour, and must be answered the same way. The folder is
//! `PHOENIX_PORTAINER_TRANSCRIPTS`, by default `../shared/portainer-transcripts`.

#![expect(
    clippy::unwrap_used,
    reason = "a test program: its panic is its report"
)]

mod compare;
mod containers;
mod fields;
mod names;
mod recording;
mod replay;
mod scope;
mod stage;

use std::collections::BTreeMap;
use std::path::PathBuf;

use recording::Recording;
use replay::Replay;

fn folder() -> PathBuf {
    let default = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/portainer-transcripts"
    );
    std::env::var_os("PHOENIX_PORTAINER_TRANSCRIPTS")
        .map_or_else(|| PathBuf::from(default), PathBuf::from)
}

/// What the replay of some recordings came to.
#[derive(Default)]
struct Tally {
    recordings: usize,
    compared: usize,
    skipped: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.recordings += other.recordings;
        self.compared += other.compared;
        self.wrong.extend(other.wrong);
        for (reason, count) in other.skipped {
            *self.skipped.entry(reason).or_default() += count;
        }
    }
}

/// Version folders run beside each other, each on loopback addresses of its own.
fn replay_all(folders: Vec<PathBuf>) -> Tally {
    let threads: Vec<_> = folders
        .into_iter()
        .zip(1..)
        .map(|(folder, number)| {
            std::thread::spawn(move || {
                let mut tally = Tally::default();
                for recording in Recording::all(&folder) {
                    tally.add(Replay::new(&recording, number).run());
                }
                tally
            })
        })
        .collect();
    let mut whole = Tally::default();
    for thread in threads {
        whole.add(thread.join().unwrap());
    }
    whole
}

#[test]
fn portainer_transcripts_hold_the_double() {
    let folder = folder();
    if !folder.is_dir() {
        println!("skipped: no recordings at {}", folder.display());
        return;
    }
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    let tally = replay_all(folders);
    println!(
        "{} recordings: {} steps compared, {} differ",
        tally.recordings,
        tally.compared,
        tally.wrong.len()
    );
    for (reason, count) in &tally.skipped {
        println!("{count:5} steps skipped: {reason}");
    }
    assert!(
        tally.wrong.is_empty(),
        "{} differ:\n{}",
        tally.wrong.len(),
        tally.wrong.join("\n")
    );
    assert!(tally.compared > 0, "nothing could be compared");
}
