//! A manager of a Swarm: the real binary against an engine that answers as Docker does.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::fake_engine::{FakeEngine, Received, Says};
use super::fake_swarm::FakeSwarm;
use super::guest::Guest;

pub struct Manager {
    pub guest: Guest,
    pub engine: FakeEngine,
    pub swarm: Arc<Mutex<FakeSwarm>>,
    jobs: u32,
}

impl Manager {
    /// `instead` may answer before the Swarm does.
    pub fn new(mut instead: impl FnMut(&Received) -> Option<Says> + Send + 'static) -> Self {
        let guest = Guest::new();
        let swarm = Arc::new(Mutex::new(FakeSwarm::default()));
        let answers = Arc::clone(&swarm);
        let engine = guest.engine(move |request| {
            instead(request).unwrap_or_else(|| answers.lock().unwrap().answer(request))
        });
        Self {
            guest,
            engine,
            swarm,
            jobs: 0,
        }
    }

    pub fn swarm(&self) -> std::sync::MutexGuard<'_, FakeSwarm> {
        self.swarm.lock().unwrap()
    }

    pub fn work(&mut self, work: &Value) -> Value {
        self.jobs += 1;
        self.guest.work(&format!("job{}", self.jobs), work)
    }

    pub fn deploy(&mut self, spec: &Value) -> Value {
        self.work(&json!({ "deploy_stack": spec }))
    }

    pub fn plan(&self, spec: &Value) -> Value {
        self.guest.ask(&json!({ "plan_stack": spec }))
    }

    pub fn remove(&mut self, wait_seconds: u32) -> Value {
        self.work(
            &json!({"remove_stack": {"namespace": "dev1_shop", "wait_seconds": wait_seconds}}),
        )
    }
}

pub fn spec(compose: &str, variables: &Value) -> Value {
    json!({"namespace": "dev1_shop", "compose": {"path": "compose.yml", "text": compose},
        "variables": variables, "compat": "extended", "resolve_image": "never", "wait_seconds": 1})
}

pub fn plain(compose: &str) -> Value {
    spec(compose, &json!({}))
}
