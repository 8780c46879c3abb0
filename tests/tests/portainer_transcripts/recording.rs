//! A recorded scenario.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// One file of a version's folder.
#[derive(Debug, Deserialize)]
pub(crate) struct Recording {
    pub(crate) name: String,
    /// `Portainer CE 2.39.0`
    pub(crate) server: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Step {
    Http(Http),
    Event(Event),
    Docker(Docker),
    Note { text: String },
}

/// A request and its answer.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Http {
    pub(crate) label: String,
    /// Its start, in seconds since the first request of the scenario.
    pub(crate) time: f64,
    pub(crate) request: String,
    #[serde(rename = "http_status")]
    pub(crate) status: Option<u16>,
    pub(crate) response_body: Option<String>,
    #[serde(default)]
    pub(crate) background: bool,
}

impl Http {
    /// Of the request's `Host`.
    pub(crate) fn host(&self) -> &str {
        let mut lines = self.request.split("\r\n");
        let found = lines.find_map(|line| line.strip_prefix("Host: "));
        found.unwrap_or_default()
    }

    pub(crate) fn answer(&self) -> Value {
        let text = self.response_body.as_deref().unwrap_or_default();
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// Something done to the server, an agent or a guest.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Event {
    #[serde(rename = "event")]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) op: String,
    #[serde(default)]
    pub(crate) server_flags: String,
    #[serde(default)]
    pub(crate) env: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) wipe: bool,
    #[serde(default)]
    pub(crate) guest: usize,
    pub(crate) secret: Option<String>,
}

/// What a guest's Docker showed.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Docker {
    pub(crate) label: String,
    pub(crate) containers: Option<Vec<Seen>>,
    pub(crate) services: Option<Vec<SeenService>>,
    pub(crate) networks: Vec<String>,
    pub(crate) volumes: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Seen {
    pub(crate) names: String,
    pub(crate) state: String,
    pub(crate) id: String,
    pub(crate) env: Option<Vec<String>>,
    pub(crate) cmd: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SeenService {
    pub(crate) name: String,
    pub(crate) version: u64,
}

impl Recording {
    /// All of a folder, by name.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        let entries = fs::read_dir(folder).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
        paths.sort();
        let read = |path: &std::path::PathBuf| {
            let parsed = serde_json::from_slice(&fs::read(path).unwrap());
            parsed.unwrap_or_else(|error| unreadable(path, &error))
        };
        paths.iter().map(read).collect()
    }

    pub(crate) fn version(&self) -> &str {
        self.server.rsplit(' ').next().unwrap_or_default()
    }

    /// The steps in the order of their starts: a background step stands after those it ran beside.
    pub(crate) fn in_order(&self) -> Vec<(usize, &Step)> {
        let mut ordered: Vec<(usize, &Step)> = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            let mut at = ordered.len();
            if let Step::Http(http) = step
                && http.background
            {
                let ran_beside = |(_, other): &(usize, &Step)| match other {
                    Step::Http(other) => other.time > http.time,
                    Step::Event(event) => event.op == "kill",
                    _ => false,
                };
                while at > 0 && ran_beside(&ordered[at - 1]) {
                    at -= 1;
                }
            }
            ordered.insert(at, (number, step));
        }
        ordered
    }
}

#[expect(clippy::panic, reason = "a test program: its panic is its report")]
fn unreadable(path: &Path, error: &serde_json::Error) -> ! {
    panic!("{}: {error}", path.display())
}
