//! What the server says of itself.

use std::time::Duration;

use serde_json::json;

use super::Server;
use crate::doubles::portainer::refusal::Refusal;
use crate::doubles::portainer::wire::{self, Answer, Call};

/// How long a server waits for its first administrator.
const ADMINISTRATOR_WINDOW: Duration = Duration::from_mins(5);
/// What is answered after that.
const STAYS_OPEN: [&str; 2] = ["/api/status", "/api/settings/public"];

impl Server {
    /// The window for the first administrator is over: only a restart opens it again.
    pub(super) fn locked_out(&self, call: &Call) -> Option<Answer> {
        let open_for = self.clock.elapsed().saturating_sub(self.started);
        let is_late = open_for >= ADMINISTRATOR_WINDOW && !self.has_administrator();
        if !is_late || STAYS_OPEN.contains(&call.path.as_str()) {
            return None;
        }
        if !call.path.starts_with("/api/") {
            let page = "<a href=\"/timeout.html\">Temporary Redirect</a>.\n\n";
            let mut answer = wire::typed(307, "text/html; charset=utf-8", page);
            if let Ok(place) = "/timeout.html".parse() {
                answer.headers_mut().insert("location", place);
            }
            return Some(answer);
        }
        let refusal = Refusal::same(303, "Administrator initialization timeout");
        let mut answer = refusal.answer()?;
        if let Ok(reason) = "AdminInitTimeout".parse() {
            answer.headers_mut().insert("redirect-reason", reason);
        }
        Some(answer)
    }

    pub(super) fn status(&self) -> Answer {
        let id = self.database.read(|tables| tables.instance_id.clone());
        let version = self.options.version.text();
        wire::json(200, &json!({"Version": version, "InstanceID": id}))
    }

    pub(super) fn public_settings(&self) -> Answer {
        let mut settings = json!({
            "LogoURL": "", "AuthenticationMethod": 1, "RequiredPasswordLength": 12,
            "GlobalDeploymentOptions": {"hideStacksFunctionality": false},
            "EnableEdgeComputeFeatures": false, "Features": {"hsts": false, "csp": false},
            "OAuthLoginURI": "", "OAuthLogoutURI": "", "KubeconfigExpiry": "0", "TeamSync": false,
            "Edge": {"PingInterval": 0, "SnapshotInterval": 0, "CommandInterval": 0,
                "CheckinInterval": 5},
            "IsDockerDesktopExtension": false,
        });
        if self.options.version.has_setup_token() {
            settings["RequiresSetupToken"] = json!(self.setup_token.is_some());
        }
        wire::json(200, &settings)
    }

    pub(super) fn version(&self) -> Answer {
        let text = self.options.version.text();
        let mut version = json!({
            "UpdateAvailable": false, "LatestVersion": "", "ServerVersion": text,
            "ServerEdition": "CE", "DatabaseVersion": text,
            "Build": {"BuildNumber": "", "ImageTag": "", "NodejsVersion": "", "YarnVersion": "",
                "WebpackVersion": "", "GoVersion": "", "GitCommit": ""},
            "Dependencies": {"DockerVersion": "", "HelmVersion": "", "KubectlVersion": "",
                "ComposeVersion": ""},
            "Runtime": {"Env": []},
        });
        let support = self.options.version.support();
        if let (Some(version), Some(support)) = (version.as_object_mut(), support) {
            version.insert("VersionSupport".to_owned(), json!(support));
        }
        wire::json(200, &version)
    }

    pub(super) fn info(&self) -> Answer {
        let agents = self.database.read(|tables| tables.environments.len());
        wire::json(
            200,
            &json!({"platform": "Docker Standalone", "edgeAgents": 0, "agents": agents}),
        )
    }
}
