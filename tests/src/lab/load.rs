//! Clients that ask for the same page again and again, from inside the lab's network.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::http::HttpRequest;
use super::{Lab, LabError};

/// Runs until [`Load::stop`].
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Report>>,
}

/// What all clients saw.
#[derive(Debug, Default)]
pub struct Report {
    /// Good answers (200) by the first word of their text.
    pub answers: BTreeMap<String, usize>,
    /// Every other end of a request.
    pub failures: Vec<String>,
    pub slowest: Duration,
}

impl Load {
    /// So many clients, each with one request at a time; a request may take 5 s.
    ///
    /// # Errors
    /// The lab is gone.
    pub fn start(lab: &Lab, url: &str, clients: usize) -> Result<Self, LabError> {
        let stop = Arc::new(AtomicBool::new(false));
        let pid = lab.pid()?;
        let client = || {
            let (stop, request) = (Arc::clone(&stop), HttpRequest::get(url));
            std::thread::spawn(move || ask_on(&request, pid, &stop))
        };
        Ok(Self {
            clients: (0..clients).map(|_| client()).collect(),
            stop,
        })
    }

    /// Lets every client end its last request.
    pub fn stop(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Report::default();
        for client in self.clients {
            let one = client.join().unwrap_or_default();
            for (from, count) in one.answers {
                *all.answers.entry(from).or_default() += count;
            }
            all.failures.extend(one.failures);
            all.slowest = all.slowest.max(one.slowest);
        }
        all
    }
}

fn ask_on(request: &HttpRequest, pid: u32, stop: &AtomicBool) -> Report {
    let mut report = Report::default();
    while !stop.load(Ordering::Relaxed) {
        let begin = Instant::now();
        match request.clone().send_from(pid) {
            Ok(answer) if answer.status == 200 => {
                let text = answer.text();
                let from = text.split_whitespace().next().unwrap_or("").to_owned();
                *report.answers.entry(from).or_default() += 1;
            }
            Ok(answer) => report.failures.push(format!("status {}", answer.status)),
            Err(error) => report.failures.push(error.to_string()),
        }
        report.slowest = report.slowest.max(begin.elapsed());
    }
    report
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good: usize = self.answers.values().sum();
        write!(
            formatter,
            "{good} answers {:?}, {} failed, slowest {:.2} s",
            self.answers,
            self.failures.len(),
            self.slowest.as_secs_f32()
        )
    }
}
