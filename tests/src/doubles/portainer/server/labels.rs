//! Tags and groups of environments.

use serde_json::{Value, json};

use super::Server;
use super::records::Named;
use crate::doubles::portainer::payload::Payload;
use crate::doubles::portainer::refusal::Refusal;
use crate::doubles::portainer::wire::{self, Answer, Call};

impl Server {
    pub(super) fn tags(&self) -> Answer {
        let tags = self
            .database
            .read(|tables| tables.tags.iter().map(shown_tag).collect());
        wire::json(200, &tags)
    }

    pub(super) fn create_tag(&self, call: &Call) -> Result<Answer, Refusal> {
        let name = Payload::of(&call.body)?.text("Name")?;
        if name.is_empty() {
            return Err(Refusal::payload("invalid tag name"));
        }
        let made = self.database.write(|tables| {
            if tables.tags.iter().any(|one| one.name == name) {
                return None;
            }
            let id = tables.next_id("tags");
            let tag = Named { id, name };
            tables.tags.push(tag.clone());
            Some(tag)
        });
        let made = made.ok_or_else(|| {
            Refusal::new(
                409,
                "This name is already associated to a tag",
                "A tag already exists with this name",
            )
        })?;
        Ok(wire::json(200, &shown_tag(&made)))
    }

    pub(super) fn delete_tag(&self, id: i64) -> Result<Answer, Refusal> {
        let removed = self.database.write(|tables| {
            let before = tables.tags.len();
            tables.tags.retain(|one| one.id != id);
            before != tables.tags.len()
        });
        let message = "Unable to find a tag with the specified identifier inside the database";
        if removed {
            Ok(wire::empty(204))
        } else {
            Err(Refusal::missing(message, "tags", id))
        }
    }

    pub(super) fn groups(&self) -> Answer {
        let groups = self.database.read(|tables| {
            let first = Named {
                id: 1,
                name: "Unassigned".to_owned(),
            };
            let all = std::iter::once(&first).chain(&tables.groups);
            all.map(shown_group).collect()
        });
        wire::json(200, &groups)
    }

    pub(super) fn create_group(&self, call: &Call) -> Result<Answer, Refusal> {
        let name = Payload::of(&call.body)?.text("Name")?;
        if name.is_empty() {
            return Err(Refusal::payload("invalid environment group name"));
        }
        let group = self.database.write(|tables| {
            // The first id is that of the group that is always there.
            let id = tables.next_id("endpoint_groups") + 1;
            let group = Named { id, name };
            tables.groups.push(group.clone());
            group
        });
        Ok(wire::json(200, &shown_group(&group)))
    }
}

fn shown_tag(tag: &Named) -> Value {
    json!({"ID": tag.id, "Name": tag.name, "Endpoints": {}, "EndpointGroups": {}})
}

fn shown_group(group: &Named) -> Value {
    json!({"Id": group.id, "Name": group.name, "Description": "", "UserAccessPolicies": {}, "TeamAccessPolicies": {}, "TagIds": []})
}
