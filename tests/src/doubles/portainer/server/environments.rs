//! Reading, changing and deleting environments.

use serde_json::{Value, json};

use super::Server;
use super::environment_view::{View, shown};
use super::records::Environment;
use crate::doubles::portainer::payload::Payload;
use crate::doubles::portainer::refusal::Refusal;
use crate::doubles::portainer::wire::{self, Answer, Call};

const NO_ENVIRONMENT: &str =
    "Unable to find an environment with the specified identifier inside the database";

impl Server {
    pub(super) fn environment(&self, id: i64, message: &str) -> Result<Environment, Refusal> {
        let found = self.database.read(|tables| tables.environment(id).cloned());
        found.ok_or_else(|| Refusal::missing(message, "endpoints", id))
    }

    pub(super) fn known_environment(&self, id: i64) -> Result<Environment, Refusal> {
        self.environment(id, NO_ENVIRONMENT)
    }

    pub(super) fn show_environment(&self, call: &Call, id: i64) -> Result<Answer, Refusal> {
        let one = self.known_environment(id)?;
        let without = call
            .parameter("excludeSnapshot")
            .is_some_and(|text| text == "true");
        let body = shown(&one, View::One, !without, &self.options.version);
        Ok(wire::json(200, &body))
    }

    pub(super) fn environments(&self, call: &Call) -> Answer {
        let mut all = self.database.read(|tables| tables.environments.clone());
        let available = all.len();
        all.retain(|one| self.is_wanted(call, one));
        if call.parameter("sort").is_some_and(|text| text == "Name") {
            all.sort_by(|one, other| one.name.cmp(&other.name));
        }
        if call.parameter("order").is_some_and(|text| text == "desc") {
            all.reverse();
        }
        let total = all.len();
        let number = |name| call.parameter(name).and_then(|text| text.parse().ok());
        let limit = number("limit").filter(|limit| *limit > 0).unwrap_or(total);
        let start = number("start").unwrap_or(0).saturating_sub(1);
        let without = call
            .parameter("excludeSnapshots")
            .is_some_and(|text| text == "true");
        let page = all.iter().skip(start).take(limit);
        let body = page.map(|one| shown(one, View::Listed, !without, &self.options.version));
        let mut answer = wire::json(200, &body.collect());
        answer.headers_mut().insert("x-total-count", total.into());
        answer
            .headers_mut()
            .insert("x-total-available", available.into());
        answer
    }

    fn is_wanted(&self, call: &Call, one: &Environment) -> bool {
        let plain = self.options.version.reads_plain_lists();
        let in_list = |name: &str, value: i64| {
            let bracketed = format!("{name}[]");
            let mut names = vec![bracketed.as_str()];
            if plain {
                names.push(name);
            }
            let wanted = call.parameters(&names);
            let mut numbers = wanted.iter().map(|text| text.parse::<i64>());
            wanted.is_empty() || numbers.any(|number| number == Ok(value))
        };
        let name_fits = call.parameter("name").is_none_or(|name| name == one.name);
        let search = call.parameter("search").map(|text| text.to_lowercase());
        let search_fits = search
            .is_none_or(|text| one.name.to_lowercase().contains(&text) || one.url.contains(&text));
        name_fits
            && search_fits
            && in_list("types", one.kind)
            && in_list("status", one.status)
            && in_list("groupIds", one.group_id)
            && in_list("endpointIds", one.id)
    }

    pub(super) fn update_environment(&self, call: &Call, id: i64) -> Result<Answer, Refusal> {
        // The body is read before the record is looked for.
        let payload = Payload::of(&call.body)?;
        self.known_environment(id)?;
        let name = payload.text("Name")?;
        if !name.is_empty() && self.is_environment_name(&name, Some(id)) {
            return Err(Refusal::same(409, "Name is not unique"));
        }
        let tags = self.checked_tags(&payload)?;
        let url = payload.text("URL")?;
        let public_url = payload.text("PublicURL")?;
        let group = payload.number("GroupID")?;
        let tls = payload.get("TLS").and_then(Value::as_bool);
        let skip = payload.get("TLSSkipVerify").and_then(Value::as_bool);
        let changed = self.database.write(|tables| {
            let mut all = tables.environments.iter_mut();
            let one = all.find(|one| one.id == id)?;
            let set = |field: &mut String, value: &String| {
                if !value.is_empty() {
                    field.clone_from(value);
                }
            };
            set(&mut one.name, &name);
            set(&mut one.url, &url);
            set(&mut one.public_url, &public_url);
            one.group_id = group.unwrap_or(one.group_id);
            one.tls = tls.unwrap_or(one.tls);
            one.tls_skip_verify = skip.unwrap_or(one.tls_skip_verify);
            if let Some(tags) = tags {
                one.tag_ids = tags;
            }
            Some(one.clone())
        });
        let one = changed.ok_or_else(|| Refusal::missing(NO_ENVIRONMENT, "endpoints", id))?;
        let body = shown(&one, View::Updated, true, &self.options.version);
        Ok(wire::json(200, &body))
    }

    fn checked_tags(&self, payload: &Payload) -> Result<Option<Vec<i64>>, Refusal> {
        let Some(tags) = payload.get("TagIDs") else {
            return Ok(None);
        };
        let tags: Vec<i64> = serde_json::from_value(tags.clone())
            .map_err(|error| Refusal::payload(&format!("json: {error}")))?;
        let known = self.database.read(|tables| {
            let ids = tables.tags.iter().map(|tag| tag.id);
            ids.collect::<Vec<i64>>()
        });
        match tags.iter().find(|id| !known.contains(id)) {
            None => Ok(Some(tags)),
            Some(id) => {
                let details = format!(
                    "unable to find a tag inside the database: object not found inside the database \
                     (bucket=tags, key={id})"
                );
                let message = "Unable to update environment tags";
                Err(Refusal::new(500, message, &details))
            }
        }
    }

    pub(super) fn delete_environment(&self, id: i64) -> Result<Answer, Refusal> {
        self.known_environment(id)?;
        self.forget_environment(id);
        Ok(wire::empty(204))
    }

    /// Its stacks stay in the database, as orphans.
    fn forget_environment(&self, id: i64) -> bool {
        self.database.write(|tables| {
            let before = tables.environments.len();
            tables.environments.retain(|one| one.id != id);
            before != tables.environments.len()
        })
    }

    pub(super) fn delete_environments(&self, call: &Call) -> Result<Answer, Refusal> {
        let payload = Payload::of(&call.body)?;
        let list = payload.get("endpoints").and_then(Value::as_array).cloned();
        let list = list.unwrap_or_default();
        let ids = list
            .iter()
            .filter_map(|one| one.get("id").and_then(Value::as_i64));
        let (deleted, errors): (Vec<i64>, Vec<i64>) =
            ids.partition(|id| self.forget_environment(*id));
        if errors.is_empty() {
            return Ok(wire::empty(204));
        }
        Ok(wire::json(
            206,
            &json!({"deleted": deleted, "errors": errors}),
        ))
    }
}
