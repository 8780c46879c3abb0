//! Generic resources in `/etc/docker/daemon.json`. Pure.

use serde_json::{Map, Value};

/// The key of dockerd(8).
const KEY: &str = "node-generic-resources";
/// The kinds that are Phoenix's; others are somebody else's.
const KINDS: [&str; 2] = ["NVIDIA-GPU=", "AMD-GPU="];

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DaemonJson(Map<String, Value>);

impl DaemonJson {
    /// `None`: the text is no JSON object. An empty one is.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::default());
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(members)) => Some(Self(members)),
            _ => None,
        }
    }

    /// The GPUs that stand there, such as `NVIDIA-GPU=GPU-8f6d`.
    pub fn gpus(&self) -> Vec<String> {
        self.words()
            .filter(|word| is_gpu(word))
            .map(str::to_owned)
            .collect()
    }

    /// The text with these GPUs in place of those that stand there; all else stays, in its order.
    pub fn with_gpus(&self, gpus: &[String]) -> String {
        let mut members = self.0.clone();
        let kept = self.words().filter(|word| !is_gpu(word)).map(str::to_owned);
        let words: Vec<Value> = kept
            .chain(gpus.iter().cloned())
            .map(Value::String)
            .collect();
        if words.is_empty() {
            members.shift_remove(KEY);
        } else {
            members.insert(KEY.to_owned(), Value::Array(words));
        }
        format!("{:#}\n", Value::Object(members))
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        let words = self.0.get(KEY).and_then(Value::as_array);
        words.into_iter().flatten().filter_map(Value::as_str)
    }
}

/// Whether the generic resource is a GPU of ours.
pub fn is_gpu(word: &str) -> bool {
    KINDS.iter().any(|kind| word.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_keys_and_resources_stay_in_their_order() {
        let text = r#"{"z": {"b": 1, "a": [1.50]}, "node-generic-resources": ["FPGA=1", "NVIDIA-GPU=old"], "a": 2}"#;
        let file = DaemonJson::parse(text).unwrap();
        assert_eq!(file.gpus(), ["NVIDIA-GPU=old"]);
        let written = file.with_gpus(&["NVIDIA-GPU=new".into(), "AMD-GPU=0".into()]);
        let again = DaemonJson::parse(&written).unwrap();
        assert_eq!(again.gpus(), ["NVIDIA-GPU=new", "AMD-GPU=0"]);
        assert!(written.contains("FPGA=1"), "{written}");
        let keys: Vec<&String> = again.0.keys().collect();
        assert_eq!(keys, ["z", "node-generic-resources", "a"]);
        let none = DaemonJson::parse(r#"{"node-generic-resources": ["AMD-GPU=0"]}"#).unwrap();
        assert_eq!(none.with_gpus(&[]), "{}\n");
    }

    #[test]
    fn what_is_no_object_is_not_touched() {
        assert_eq!(DaemonJson::parse(""), Some(DaemonJson::default()));
        for text in ["[]", "{", "{} x", "# {}"] {
            assert_eq!(DaemonJson::parse(text), None, "{text}");
        }
    }
}
