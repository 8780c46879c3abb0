//! A recording, carried out on the double.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use phoenix_tests::doubles::portainer::RawClient;
use phoenix_tests::lab::HttpAnswer;
use serde_json::Value;

use crate::Tally;
use crate::compare;
use crate::containers::Sightings;
use crate::names::Names;
use crate::recording::{Http, Recording, Step};
use crate::scope;
use crate::stage::Stage;

/// How much shorter a slow deployment is than the recorded one.
const FASTER: u32 = 10;

type Sent = Option<HttpAnswer>;

/// One scenario.
pub(crate) struct Replay<'a> {
    recording: &'a Recording,
    stage: Stage,
    network: String,
    names: Names,
    sightings: Sightings,
    /// On the double's clock, in seconds.
    now: f64,
    waiting: Vec<(usize, &'a Http, JoinHandle<Sent>)>,
    tally: Tally,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(recording: &'a Recording, number: u8) -> Self {
        let network = format!("127.77.{number}.");
        Self {
            recording,
            stage: Stage::new(recording.version(), &network),
            names: Names::new(network.clone()),
            network,
            sightings: Sightings::default(),
            now: 0.0,
            waiting: Vec::new(),
            tally: Tally {
                recordings: 1,
                ..Tally::default()
            },
        }
    }

    pub(crate) fn run(mut self) -> Tally {
        let ordered = self.recording.in_order();
        for (at, (number, step)) in ordered.iter().enumerate() {
            match step {
                Step::Http(http) => {
                    if let Some(reason) = scope::unsent(&self.recording.name, http) {
                        *self.tally.skipped.entry(reason).or_default() += 1;
                    } else if http.background {
                        self.begin(*number, http);
                    } else {
                        self.send_and_compare(http);
                    }
                }
                Step::Event(event) => self.stage.carry_out(event),
                Step::Docker(docker) => {
                    self.tally.compared += 1;
                    let wrong = self.sightings.difference(docker, &self.stage.guests);
                    self.report(&docker.label, wrong);
                }
                Step::Note { text } => self.pass(text),
            }
            // A background step stands in the recording where its answer had come.
            let next = ordered.get(at + 1).map(|(number, _)| *number);
            if next.is_none_or(|next| !self.runs_on(next)) {
                self.join();
            }
        }
        self.join();
        self.tally
    }

    /// Whether what waits goes on beside the step `next`.
    fn runs_on(&self, next: usize) -> bool {
        let is_background =
            matches!(&self.recording.steps[next], Step::Http(http) if http.background);
        is_background || self.waiting.iter().any(|(number, ..)| next < *number)
    }

    /// A pause that the recorder made.
    fn pass(&mut self, text: &str) {
        let words: Vec<&str> = text.split(' ').collect();
        for pair in words.windows(2) {
            if let ([number, "min"], Some(double)) = (pair, &self.stage.double)
                && let Ok(minutes) = number.parse()
            {
                double.skip_time(Duration::from_mins(minutes) + Duration::from_secs(10));
            }
        }
    }

    fn client(&self, http: &Http) -> Option<RawClient> {
        let host = http.host();
        let is_plain = http.label.contains("plain HTTP");
        let url = if host.starts_with("10.77.0.") {
            let scheme = if is_plain { "http" } else { "https" };
            format!("{scheme}://{}", host.replace("10.77.0.", &self.network))
        } else {
            let double = self.stage.double.as_ref()?;
            match (http.label.contains("HTTPS"), is_plain) {
                (true, true) => double.url().replace("https:", "http:"),
                (true, false) => double.url(),
                _ => double.http_url(),
            }
        };
        Some(RawClient::new(&url).unwrap())
    }

    /// The request with the replay's own names and its length.
    fn request(&self, http: &Http) -> Vec<u8> {
        let text = self.names.real(&http.request);
        let token = self
            .stage
            .double
            .as_ref()
            .and_then(|double| double.setup_token());
        let text = text.replace("SETUPTOKEN", token.unwrap_or_default());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return text.into_bytes();
        };
        let body = lengthened(body);
        let mut lines: Vec<String> = head.split("\r\n").map(str::to_owned).collect();
        for line in &mut lines {
            if line.starts_with("Content-Length: ") {
                *line = format!("Content-Length: {}", body.len());
            }
        }
        format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes()
    }

    fn advance(&mut self, http: &Http) {
        if let Some(double) = &self.stage.double
            && http.time > self.now
        {
            double.skip_time(Duration::from_secs_f64(http.time - self.now));
            self.now = http.time;
        }
    }

    fn begin(&mut self, number: usize, http: &'a Http) {
        self.advance(http);
        self.stage.set_deploy_time(slow_deployment(http));
        let client = self.client(http);
        let request = self.request(http);
        let sending = std::thread::spawn(move || client?.exchange(&request).ok());
        self.waiting.push((number, http, sending));
        if slow_deployment(http).is_some() {
            // The others must find it going on.
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The answers of the background steps; of equal requests in the order of their ids.
    fn join(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return;
        }
        let (mut steps, mut answers): (Vec<&Http>, Vec<Sent>) = waiting
            .into_iter()
            .map(|(_, step, sending)| (step, sending.join().unwrap()))
            .unzip();
        self.stage.set_deploy_time(None);
        let id = |body: &Value| body["Id"].as_i64();
        steps.sort_by_key(|step| id(&step.answer()));
        answers.sort_by_key(|answer| {
            let body = answer.as_ref().map(|answer| answer.body.as_slice());
            id(&serde_json::from_slice(body.unwrap_or_default()).unwrap_or_default())
        });
        for (step, answer) in steps.into_iter().zip(answers) {
            self.compare(step, answer.as_ref());
        }
    }

    fn send_and_compare(&mut self, http: &'a Http) {
        self.advance(http);
        let request = self.request(http);
        let send = |replay: &Self| replay.client(http)?.exchange(&request).ok();
        let mut answer = send(self);
        // Polls were left out of the recording: the next one with another status is waited for.
        let wanted = http.answer()["Status"].as_i64();
        let deadline = Instant::now() + Duration::from_secs(20);
        while http.request.starts_with("GET /api/stacks/")
            && wanted.is_some_and(|status| status != 3)
            && status_of(&answer) == Some(3)
            && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(10));
            answer = send(self);
        }
        self.compare(http, answer.as_ref());
    }

    fn compare(&mut self, http: &Http, answer: Option<&HttpAnswer>) {
        self.tally.compared += 1;
        let text = answer.map(|answer| self.names.recorded(&answer.text()));
        if let Some(text) = &text {
            let body = serde_json::from_str(text).unwrap_or_default();
            self.names.learn(http, &body);
        }
        let recorded = http.response_body.as_deref().unwrap_or_default();
        let real = answer.map(|answer| answer.status);
        let real = real.zip(text.as_deref());
        let wrong = compare::difference((http.status, recorded), real);
        self.report(&http.label, wrong);
    }

    fn report(&mut self, label: &str, wrong: Option<String>) {
        let place = format!("{} {}", self.recording.version(), self.recording.name);
        if let Some(wrong) = wrong {
            self.tally.wrong.push(format!("{place}: {label}: {wrong}"));
        }
    }
}

fn status_of(answer: &Sent) -> Option<i64> {
    let body: Value = serde_json::from_slice(&answer.as_ref()?.body).ok()?;
    body["Status"].as_i64()
}

/// How long a deployment takes whose health check waits for a sleep.
fn slow_deployment(http: &Http) -> Option<Duration> {
    let (_, rest) = http.request.split_once("sleep ")?;
    let (seconds, rest) = rest.split_once(';')?;
    let is_waited_for = rest.starts_with(" touch");
    let seconds: u64 = seconds.parse().ok()?;
    is_waited_for.then(|| Duration::from_secs(seconds) / FASTER)
}

/// A body that the recorder cut, as long as it was: a comment at the end of a stack file.
fn lengthened(body: &str) -> String {
    let parts = body.split_once("... (").and_then(|(start, rest)| {
        let length = rest.strip_suffix(" characters)")?.parse().ok()?;
        Some((start, length))
    });
    let Some((start, length)) = parts else {
        return body.to_owned();
    };
    let end = "\"}";
    let more = usize::saturating_sub(length, start.len() + end.len());
    format!("{start}{}{end}", "x".repeat(more))
}
