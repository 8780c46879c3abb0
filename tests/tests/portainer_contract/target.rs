//! The servers that are asked.

use phoenix_tests::doubles::portainer::{
    ADMIN_PASSWORD, AgentDouble, MemoryGuest, PortainerDouble, RawClient,
};

use crate::session::Session;

/// One server and a caller of it.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) session: Session,
    /// An image that the guest has or can pull.
    pub(crate) image: String,
    agent: Option<String>,
    /// Kept alive with the target.
    _double: Option<(PortainerDouble, AgentDouble)>,
}

impl Target {
    /// Asks every behaviour of the double, and the real server if there is one.
    #[expect(clippy::print_stdout, reason = "which servers were asked")]
    pub(crate) fn each(ask: impl Fn(&Self)) {
        for version in ["2.23.0", "2.39.0", "2.43.0"] {
            ask(&Self::double(version));
        }
        match Self::real() {
            Some(real) => {
                println!("asked: {} at {}", real.name, real.url);
                ask(&real);
            }
            None => println!("skipped: no real server (PHOENIX_PORTAINER_URL is not set)"),
        }
    }

    /// The same, with an agent to register.
    #[expect(clippy::print_stdout, reason = "which servers were not asked")]
    pub(crate) fn each_with_agent(ask: impl Fn(&Self, &str)) {
        Self::each(|target| match &target.agent {
            Some(agent) => ask(target, agent),
            None => println!("skipped: {} has no PHOENIX_PORTAINER_AGENT", target.name),
        });
    }

    fn double(version: &str) -> Self {
        let guest = MemoryGuest::standalone();
        let agent = AgentDouble::memory(&guest, "127.0.0.1:0").unwrap();
        let double = PortainerDouble::start(version).unwrap();
        Self {
            name: format!("double {version}"),
            url: double.url(),
            session: Session::with(RawClient::new(&double.url()).unwrap(), ADMIN_PASSWORD),
            image: "busybox:1.36".to_owned(),
            agent: Some(agent.url()),
            _double: Some((double, agent)),
        }
    }

    fn real() -> Option<Self> {
        let url = std::env::var("PHOENIX_PORTAINER_URL").ok()?;
        let file = std::env::var("PHOENIX_PORTAINER_PASSWORD_FILE").ok()?;
        let password = std::fs::read_to_string(file).unwrap();
        let password = password.strip_suffix('\n').unwrap_or(&password);
        let session = Session::with(RawClient::new(&url).unwrap(), password);
        let version = session.get("/api/system/status")["Version"].clone();
        let image = std::env::var("PHOENIX_PORTAINER_IMAGE");
        Some(Self {
            name: format!("real {}", version.as_str().unwrap_or_default()),
            url,
            session,
            image: image.unwrap_or_else(|_| "busybox:1.36".to_owned()),
            agent: std::env::var("PHOENIX_PORTAINER_AGENT").ok(),
            _double: None,
        })
    }

    pub(crate) fn anonymous(&self) -> RawClient {
        RawClient::new(&self.url).unwrap()
    }

    /// Registers the agent under a name of this test and gives the id; [`Self::forget`] undoes it.
    pub(crate) fn registered(&self, name: &str, agent: &str) -> i64 {
        let answer = self.session.register(name, agent);
        assert_eq!(answer.status, 200, "{}: {}", self.name, answer.text());
        let body = crate::session::parsed(&answer);
        assert_eq!(body["Type"], 2, "{}", self.name);
        body["Id"].as_i64().unwrap()
    }

    pub(crate) fn forget(&self, id: i64) {
        let path = format!("/api/endpoints/{id}");
        let answer = self.session.call("DELETE", &path, &serde_json::Value::Null);
        assert_eq!(answer.status, 204, "{}", self.name);
    }
}
