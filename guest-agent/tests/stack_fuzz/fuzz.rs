//! Runs a target on ever new inputs until its time is up or it breaks.

use std::any::Any;
use std::collections::HashSet;
use std::io::{Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::budget::{self, Budget, INPUT_LIMIT};
use super::mutate::mutate;
use super::random::Random;

/// Panics where the input breaks a promise; else tells how it ended, in few words.
pub(crate) type Target = fn(&str) -> String;

/// Inputs kept beside the seeds; more only make each rarer.
const KEPT_LIMIT: usize = 4000;
/// Time spent on making a finding smaller.
const SHRINK_LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn run(name: &str, seeds: Vec<String>, target: Target) {
    if let Some(file) = budget::replay() {
        let bytes =
            std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        println!("{}", target(&String::from_utf8_lossy(&bytes)));
        return;
    }
    let budget = Budget::of_environment();
    let mut watch = Watch::start(name);
    let mut random = Random::new(budget.seed);
    let mut kept = seeds;
    let mut seen = HashSet::new();
    let mut inputs = 0_u64;
    for seed in kept.clone() {
        inputs += 1;
        seen.insert(watch.check(&seed, target));
    }
    while !budget.is_spent() {
        let input = mutate(&kept, &mut random);
        inputs += 1;
        if seen.insert(watch.check(&input, target)) {
            if kept.len() < KEPT_LIMIT {
                kept.push(input);
            } else {
                let index = random.below(kept.len());
                kept[index] = input;
            }
        }
    }
    println!(
        "fuzz {name}: {inputs} inputs from seed {}, {} different ends",
        budget.seed,
        seen.len()
    );
    watch.end();
}

/// Guards a target: its panics become findings; for what no panic tells of (hang, overflown stack), the
/// running input lies in a file.
struct Watch {
    name: String,
    path: PathBuf,
    file: std::fs::File,
    /// When the running input started; none between inputs.
    started: Arc<Mutex<Option<Instant>>>,
}

impl Watch {
    fn start(name: &str) -> Self {
        let path = budget::folder().join(format!("{name}.running"));
        let file = std::fs::File::create(&path).unwrap();
        let started = Arc::new(Mutex::new(None));
        let (seen, running, shown) = (Arc::downgrade(&started), path.clone(), name.to_owned());
        std::thread::spawn(move || {
            while let Some(started) = seen.upgrade() {
                let start: Option<Instant> = *started.lock().unwrap();
                if start.is_some_and(|start| start.elapsed() > INPUT_LIMIT) {
                    eprintln!(
                        "fuzz {shown}: an input runs for more than {INPUT_LIMIT:?}\n{}",
                        replay_line(&shown, &running)
                    );
                    std::process::abort();
                }
                drop(started);
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        println!(
            "fuzz {name}: should this process die without a word, {}",
            replay_line(name, &path)
        );
        Self {
            name: name.to_owned(),
            path,
            file,
            started,
        }
    }

    fn check(&mut self, input: &str, target: Target) -> String {
        self.file.rewind().unwrap();
        self.file.set_len(0).unwrap();
        self.file.write_all(input.as_bytes()).unwrap();
        *self.started.lock().unwrap() = Some(Instant::now());
        let end = caught(input, target);
        *self.started.lock().unwrap() = None;
        end.unwrap_or_else(|message| self.found(input, &message, target))
    }

    fn found(&self, input: &str, message: &str, target: Target) -> ! {
        let input = shrunk(input, target);
        let path = budget::folder().join(format!("{}.found", self.name));
        std::fs::write(&path, &input).unwrap();
        panic!(
            "fuzz {}: {message}\ninput:\n{input:?}\n{}",
            self.name,
            replay_line(&self.name, &path)
        );
    }

    fn end(self) {
        std::fs::remove_file(&self.path).unwrap();
    }
}

fn replay_line(name: &str, path: &Path) -> String {
    format!(
        "run it again with PHOENIX_FUZZ_REPLAY={} cargo test -p phoenix-guest-agent --test stack_fuzz {name}",
        path.display()
    )
}

fn caught(input: &str, target: Target) -> Result<String, String> {
    catch_unwind(AssertUnwindSafe(|| target(input))).map_err(|panic| message(panic.as_ref()))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let literal = || panic.downcast_ref::<&str>().copied();
    text.or_else(literal)
        .unwrap_or("a panic without text")
        .to_owned()
}

/// Takes away what is not needed for the panic: halves first, then lines and letters.
fn shrunk(input: &str, target: Target) -> String {
    // The many panics on the way would bury the last one's text.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let end = Instant::now() + SHRINK_LIMIT;
    let mut letters: Vec<char> = input.chars().collect();
    let mut before = usize::MAX;
    while letters.len() < before && Instant::now() < end {
        before = letters.len();
        let mut size = letters.len() / 2;
        while size > 0 {
            without_pieces(&mut letters, size, &|less| {
                Instant::now() < end && caught(less, target).is_err()
            });
            size /= 2;
        }
    }
    std::panic::set_hook(hook);
    letters.iter().collect()
}

/// Takes away every piece of that size which `still` does not need.
fn without_pieces(letters: &mut Vec<char>, size: usize, still: &dyn Fn(&str) -> bool) {
    let mut start = 0;
    while start < letters.len() {
        let mut less = letters.clone();
        less.drain(start..(start + size).min(letters.len()));
        if still(&less.iter().collect::<String>()) {
            *letters = less;
        } else {
            start += size;
        }
    }
}
