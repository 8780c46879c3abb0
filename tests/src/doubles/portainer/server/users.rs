//! The administrator: made once, by the API or by the password file.

use serde_json::{Value, json};

use super::Server;
use super::auth::{Caller, PASSWORD_LENGTH, digest};
use super::records::User;
use crate::doubles::portainer::payload::Payload;
use crate::doubles::portainer::random::random_hex;
use crate::doubles::portainer::refusal::Refusal;
use crate::doubles::portainer::wire::{self, Answer, Call};

impl Server {
    pub(super) fn has_administrator(&self) -> bool {
        self.database.read(|tables| !tables.users.is_empty())
    }

    /// Makes `admin` from the password file, when there is nobody yet.
    pub(super) fn make_administrator(&self, password: &str) {
        if !self.has_administrator() {
            self.add_user("admin", password);
        }
    }

    pub(super) fn check_administrator(&self) -> Result<Answer, Refusal> {
        if self.has_administrator() {
            return Ok(wire::empty(204));
        }
        Err(Refusal::new(
            404,
            "No administrator account found inside the database",
            "Object not found inside the database",
        ))
    }

    pub(super) fn init_administrator(&self, call: &Call) -> Result<Answer, Refusal> {
        if let Some(token) = &self.setup_token
            && call.header("x-setup-token") != Some(token)
        {
            return Err(Refusal::new(
                403,
                "Invalid or missing setup token. Provide the X-Setup-Token header with the \
                     token printed in the server logs at startup.",
                "Invalid or missing setup token",
            ));
        }
        let payload = Payload::of(&call.body)?;
        let name = payload.text("Username")?;
        let password = payload.text("Password")?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(Refusal::payload(
                "invalid username. Must not contain any whitespace",
            ));
        }
        if password.is_empty() {
            return Err(Refusal::payload("invalid password"));
        }
        if self.has_administrator() {
            return Err(Refusal::new(
                409,
                "Unable to create administrator user",
                "An administrator user already exists",
            ));
        }
        if password.len() < PASSWORD_LENGTH {
            return Err(Refusal::same(
                400,
                "Password does not meet the requirements",
            ));
        }
        let user = self.add_user(&name, &password);
        let mut shown = shown(&user);
        if let Some(shown) = shown.as_object_mut() {
            // The real answer holds the hash too: nobody may log it.
            shown.insert(
                "Password".to_owned(),
                json!(format!("$2a$10${}", user.digest)),
            );
        }
        Ok(wire::json(200, &shown))
    }

    fn add_user(&self, name: &str, password: &str) -> User {
        let salt = random_hex(8);
        self.database.write(|tables| {
            let user = User {
                id: tables.next_id("users"),
                name: name.to_owned(),
                digest: digest(&salt, password),
                is_short: password.len() < PASSWORD_LENGTH,
                salt,
            };
            tables.users.push(user.clone());
            user
        })
    }

    pub(super) fn me(&self, caller: Caller) -> Result<Answer, Refusal> {
        let user = self.database.read(|tables| {
            let mut users = tables.users.iter();
            users.find(|one| one.id == caller.user_id).cloned()
        });
        let user = user.ok_or_else(|| Refusal::unauthorized("Unauthorized"))?;
        let mut shown = shown(&user);
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("forceChangePassword".to_owned(), json!(caller.must_change));
        }
        Ok(wire::json(200, &shown))
    }

    pub(super) fn list_users(&self) -> Answer {
        let users = self
            .database
            .read(|tables| tables.users.iter().map(shown).collect());
        wire::json(200, &users)
    }

    pub(super) fn user_name(&self, caller: Caller) -> String {
        self.database.read(|tables| {
            let mut users = tables.users.iter();
            let found = users.find(|one| one.id == caller.user_id);
            found.map_or_else(String::new, |one| one.name.clone())
        })
    }
}

fn shown(user: &User) -> Value {
    json!({
        "Id": user.id, "Username": user.name, "Role": 1, "TokenIssueAt": 0,
        "ThemeSettings": {"color": ""}, "UseCache": false, "PortainerAuthorizations": null,
        "EndpointAuthorizations": null,
    })
}
