//! Recorded tokens, ids and addresses, and what stands for them in the replay.

use serde_json::Value;

use crate::recording::Http;

/// Pairs of recorded and real texts.
#[derive(Debug)]
pub(crate) struct Names {
    /// `127.77.3.` for `10.77.0.`
    network: String,
    pairs: Vec<(String, String)>,
}

impl Names {
    pub(crate) fn new(network: String) -> Self {
        let pairs = Vec::new();
        Self { network, pairs }
    }

    pub(crate) fn set(&mut self, recorded: &str, real: &str) {
        self.pairs.retain(|(other, _)| other != recorded);
        self.pairs.push((recorded.to_owned(), real.to_owned()));
        // The longest first: one may begin with another.
        self.pairs
            .sort_by_key(|(recorded, _)| std::cmp::Reverse(recorded.len()));
    }

    /// A recorded text as the replay sends it.
    pub(crate) fn real(&self, text: &str) -> String {
        let mut text = text.replace("10.77.0.", &self.network);
        for (recorded, real) in &self.pairs {
            text = text.replace(recorded, real);
        }
        text
    }

    /// A real text as the recording shows it.
    pub(crate) fn recorded(&self, text: &str) -> String {
        text.replace(&self.network, "10.77.0.")
    }

    /// Learns tokens and ids from an answer.
    pub(crate) fn learn(&mut self, step: &Http, real: &Value) {
        let recorded = step.answer();
        for pointer in ["/jwt", "/rawAPIKey", "/ID", "/Swarm/Cluster/ID"] {
            let texts = (recorded.pointer(pointer), real.pointer(pointer));
            if let (Some(Value::String(recorded)), Some(Value::String(real))) = texts {
                self.set(recorded, real);
            }
        }
    }
}
