//! A server double with two guests in memory, as the recording's rig had them: guest 1 standalone,
//! guest 2 a Swarm manager.

use std::time::Duration;

use phoenix_tests::doubles::portainer::{
    ADMIN_PASSWORD, AgentDouble, MemoryGuest, Options, PortainerDouble, ServerVersion,
};
use tempfile::TempDir;

use crate::recording::Event;

/// How long a deployment takes: a poll right after a create must find it going on.
const DEPLOY_TIME: Duration = Duration::from_millis(120);
/// The version of the rig's agents.
const AGENT_VERSION: &str = "2.23.0";

pub(crate) struct Stage {
    pub(crate) double: Option<PortainerDouble>,
    pub(crate) guests: [MemoryGuest; 2],
    agents: [AgentDouble; 2],
    data: TempDir,
    version: String,
}

impl Stage {
    /// `network`: `127.77.3.` and the like.
    pub(crate) fn new(version: &str, network: &str) -> Self {
        let guests = [MemoryGuest::standalone(), MemoryGuest::swarm_manager()];
        let agent = |guest: &MemoryGuest, host: u8| {
            guest.refuse_command("/nope");
            guest.take_port(9001);
            guest.set_deploy_time(DEPLOY_TIME);
            let address = format!("{network}{host}:9001");
            let mut agent = AgentDouble::memory(guest, &address).unwrap();
            agent.set_version(AGENT_VERSION);
            agent.restart().unwrap();
            agent
        };
        let agents = [agent(&guests[0], 11), agent(&guests[1], 12)];
        Self {
            double: None,
            guests,
            agents,
            data: TempDir::new().unwrap(),
            version: version.to_owned(),
        }
    }

    pub(crate) fn set_deploy_time(&self, time: Option<Duration>) {
        for guest in &self.guests {
            guest.set_deploy_time(time.unwrap_or(DEPLOY_TIME));
        }
    }

    /// Carries out what was done to the rig.
    pub(crate) fn carry_out(&mut self, event: &Event) {
        match event.op.as_str() {
            "start" => self.start(event),
            "stop" | "kill" => {
                if let Some(double) = &mut self.double {
                    double.kill();
                }
            }
            "wipe" => self.double.as_mut().unwrap().wipe().unwrap(),
            "agent-stop" => self.agent(event).stop(),
            "agent-start" | "agent-restart" => {
                let agent = self.agent(event);
                if event.secret.is_some() {
                    agent.set_secret(event.secret.as_deref());
                }
                agent.restart().unwrap();
            }
            _ => self.by_hand(&event.text),
        }
    }

    fn agent(&mut self, event: &Event) -> &mut AgentDouble {
        &mut self.agents[event.guest.max(1) - 1]
    }

    fn by_hand(&self, text: &str) {
        let guest = &self.guests[0];
        if text.contains("removed the container") {
            for container in guest.containers() {
                guest.remove_container(&container.name);
            }
        }
        if text.contains("containers were made by hand") {
            let labels = [
                ("com.docker.compose.project", "app"),
                ("com.docker.compose.service", "web"),
            ];
            guest.add_container("app-web-1", &labels);
            guest.add_container("named", &[]);
        }
    }

    /// Starts the server as the event says; one whose password file is missing does not come up.
    fn start(&mut self, event: &Event) {
        let version = event.text.strip_prefix("started as ");
        let version = version.and_then(|rest| rest.split(' ').next());
        let version = version.unwrap_or(&self.version).to_owned();
        let password = event
            .server_flags
            .contains("--admin-password-file")
            .then(|| password_of(&event.text));
        if let (true, Some(double)) = (event.wipe, &mut self.double) {
            double.wipe().unwrap();
        }
        if event.text.contains("does not exist") {
            return;
        }
        let mut options = match &mut self.double {
            Some(double) => double.options_mut().clone(),
            None => Options::local(&version, self.data.path()),
        };
        if event.server_flags.contains("--http-disabled") {
            options.http = None;
        }
        options.version = ServerVersion::of(&version);
        options.admin_password = password;
        options.agent_secret = event.env.get("AGENT_SECRET").cloned();
        if let Some(double) = &mut self.double {
            *double.options_mut() = options;
            double.start_again().unwrap();
            return;
        }
        let double = PortainerDouble::with(options).unwrap();
        double.freeze_time();
        self.double = Some(double);
    }
}

/// The password in the file, of which the recording only speaks.
fn password_of(event: &str) -> String {
    if event.contains("another password") {
        return "another password 99".to_owned();
    }
    if event.contains("short password") {
        return "short".to_owned();
    }
    if event.contains("file is empty") {
        return String::new();
    }
    ADMIN_PASSWORD.to_owned()
}
