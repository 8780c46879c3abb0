//! Registering an environment.

use serde_json::Value;

use super::Server;
use super::environment_view::{View, shown};
use super::records::Environment;
use super::stack_create::CHECK_WINDOW;
use crate::doubles::portainer::client::AgentAddress;
use crate::doubles::portainer::form::Form;
use crate::doubles::portainer::refusal::Refusal;
use crate::doubles::portainer::wire::{self, Answer, Call};

const NO_CONTACT: &str = "Unable to initiate communications with environment";

impl Server {
    pub(super) async fn create_environment(&self, call: &Call) -> Result<Answer, Refusal> {
        let form = Form::of(call);
        let mut new = checked(&form)?;
        if self.is_environment_name(&new.name, None) {
            return Err(Refusal::same(409, "Name is not unique"));
        }
        tokio::time::sleep(CHECK_WINDOW).await;
        if new.kind == 2 {
            self.ping(&mut new).await?;
        }
        // Taken even when the record is never stored.
        new.id = self.database.write(|tables| tables.next_id("endpoints"));
        if new.kind != 2 {
            let details =
                "Error response from daemon: Client sent an HTTP request to an HTTPS server.";
            return Err(Refusal::new(500, NO_CONTACT, details));
        }
        if !new.url.contains("://") {
            let details = format!("unable to parse docker host `{}`", new.url);
            return Err(Refusal::new(500, NO_CONTACT, &details));
        }
        let snapshot = self.snapshot_of(&new).await;
        new.snapshot = snapshot.map_err(|wrong| Refusal::new(500, NO_CONTACT, &wrong))?;
        self.store_environment(&new)
    }

    fn store_environment(&self, new: &Environment) -> Result<Answer, Refusal> {
        let (missing_tag, missing_group) = self.database.write(|tables| {
            let is_tag = |id: &&i64| tables.tags.iter().any(|tag| tag.id == **id);
            let tag = new.tag_ids.iter().find(|id| !is_tag(id)).copied();
            let has_group =
                new.group_id == 1 || tables.groups.iter().any(|group| group.id == new.group_id);
            // Stored before it is refused, as the real one does.
            let at = tables
                .environments
                .partition_point(|other| other.id < new.id);
            tables.environments.insert(at, new.clone());
            (tag, (!has_group).then_some(new.group_id))
        });
        let missing = |message: &str, bucket: &str, key: i64| {
            let details =
                format!("Object not found inside the database (bucket={bucket}, key={key})");
            Err(Refusal::new(500, message, &details))
        };
        if let Some(id) = missing_tag {
            let message = "An error occurred while trying to create the environment";
            return missing(message, "tags", id);
        }
        if let Some(id) = missing_group {
            let message = "Unable to find an environment group inside the database";
            return missing(message, "endpoint_groups", id);
        }
        let body = shown(new, View::Created, false, &self.options.version);
        Ok(wire::json(200, &body))
    }

    pub(super) fn is_environment_name(&self, name: &str, but: Option<i64>) -> bool {
        self.database.read(|tables| {
            let mut others = tables.environments.iter().filter(|one| Some(one.id) != but);
            others.any(|one| one.name == name)
        })
    }

    async fn ping(&self, new: &mut Environment) -> Result<(), Refusal> {
        let message = "Unable to get environment type";
        let wrong = |text: &str| Refusal::new(500, message, text);
        let Some(address) = AgentAddress::of(&new.url) else {
            return Err(wrong(
                "Get \"https://///ping\": http: no Host in request URL",
            ));
        };
        let place = format!("Get \"https://{}/ping\"", address.dial());
        let answer = self.ping_agent(&address).await;
        let answer = answer.map_err(|error| wrong(&format!("{place}: {error}")))?;
        if !new.tls_skip_verify {
            let text =
                "tls: failed to verify certificate: x509: certificate is valid for another address";
            return Err(wrong(&format!("{place}: {text}")));
        }
        let Some(version) = answer.version else {
            return Err(wrong("failed request with status 404"));
        };
        new.agent_version = version;
        new.is_memory = answer.is_memory;
        Ok(())
    }
}

fn checked(form: &Form) -> Result<Environment, Refusal> {
    let name = form.get("Name");
    if name.is_empty() {
        return Err(Refusal::payload("invalid environment name"));
    }
    let kind: i64 = form.get("EndpointCreationType").parse().unwrap_or(0);
    if kind == 0 {
        return Err(Refusal::payload(
            "invalid environment type value. Value must be one of: 1 (Docker environment), 2 (Agent \
             environment), 3 (Azure environment), 4 (Edge Agent environment) or 5 (Local Kubernetes \
             environment)",
        ));
    }
    let tags = form.get("TagIds");
    let tag_ids = if tags.is_empty() {
        Vec::new()
    } else {
        serde_json::from_str(tags).map_err(|_| Refusal::payload("invalid TagIds parameter"))?
    };
    let tls = form.flag("TLS");
    let skip = form.flag("TLSSkipVerify");
    if tls && !skip {
        return Err(Refusal::payload(
            "invalid CA certificate file. Ensure that the file is uploaded correctly",
        ));
    }
    if tls && !form.flag("TLSSkipClientVerify") {
        return Err(Refusal::payload(
            "invalid certificate file. Ensure that the file is uploaded correctly",
        ));
    }
    Ok(Environment {
        id: 0,
        name: name.to_owned(),
        kind,
        url: form.get("URL").to_owned(),
        public_url: form.get("PublicURL").to_owned(),
        group_id: form.get("GroupID").parse().unwrap_or(1),
        tag_ids,
        status: 1,
        tls,
        tls_skip_verify: skip,
        agent_version: String::new(),
        is_memory: false,
        snapshot: Value::Null,
    })
}
