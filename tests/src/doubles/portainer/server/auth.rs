//! Who asks: log-in, JSON web tokens, API keys.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use phoenix_common::digest::sha256_hex;
use serde_json::{Value, json};

use super::Server;
use super::records::{ApiKey, User};
use crate::doubles::portainer::payload::Payload;
use crate::doubles::portainer::random::random_hex;
use crate::doubles::portainer::refusal::Refusal;
use crate::doubles::portainer::wire::{self, Answer, Call};

/// How long a JSON web token counts, in seconds.
const SESSION_S: u64 = 8 * 3600;
/// The shortest password that the API takes.
pub(super) const PASSWORD_LENGTH: usize = 12;

/// A caller whose credentials were good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) user_id: i64,
    pub(super) has_key: bool,
    /// The session was made with a password that must be changed.
    pub(super) must_change: bool,
}

/// A token that was given out by this process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    user_id: i64,
    expires: u64,
    must_change: bool,
}

impl Server {
    pub(super) fn caller(&self, call: &Call) -> Result<Caller, Refusal> {
        let key = call.header("x-api-key").filter(|key| !key.is_empty());
        let header = call.header("authorization").filter(|text| !text.is_empty());
        if let (Some(_), Some(_)) = (key, header) {
            let (status, text) = self.options.version.credentials_clash();
            return Err(match status {
                401 => Refusal::unauthorized(text),
                _ => Refusal::same(status, text),
            });
        }
        if let Some(key) = key {
            return self.by_key(key);
        }
        let in_query = call.parameter("token");
        let in_query = in_query.filter(|_| self.options.version.reads_query_token());
        let cookie = call.header("cookie").and_then(|text| {
            let mut parts = text.split("; ");
            parts.find_map(|part| part.strip_prefix("portainer_api_key="))
        });
        let bearer = header.map(|text| text.strip_prefix("Bearer ").unwrap_or(text));
        let token = bearer.or(cookie).map(str::to_owned).or(in_query);
        let Some(token) = token else {
            return Err(Refusal::unauthorized(
                "A valid authorization token is missing",
            ));
        };
        let now = self.clock.unix();
        let sessions = self.sessions();
        let session = sessions.get(&token).filter(|one| one.expires > now);
        let session = session.ok_or_else(|| Refusal::unauthorized("Invalid JWT token"))?;
        Ok(Caller {
            user_id: session.user_id,
            has_key: false,
            must_change: session.must_change,
        })
    }

    fn by_key(&self, key: &str) -> Result<Caller, Refusal> {
        let digest = sha256_hex(key.as_bytes());
        let now = self.clock.unix();
        let user = self.database.read(|tables| {
            let found = tables.keys.iter().find(|one| one.digest == digest);
            found.map(|one| (one.user_id, one.last_used))
        });
        let Some((user_id, last_used)) = user else {
            return Err(Refusal::unauthorized("Invalid JWT token"));
        };
        // One store a second at most, as a hundred readings a second would only wear the disk.
        if last_used != now {
            self.database.write(|tables| {
                for one in &mut tables.keys {
                    if one.digest == digest {
                        one.last_used = now;
                    }
                }
            });
        }
        Ok(Caller {
            user_id,
            has_key: true,
            must_change: false,
        })
    }

    /// The limiter in front of everything that takes a password.
    pub(super) fn limit(&self, call: &Call) -> Result<(), Refusal> {
        let now = self.clock.elapsed();
        if self.limiter().allows(call.remote, now) {
            return Ok(());
        }
        Err(Refusal::new(
            403,
            "Access denied",
            "Access denied to resource",
        ))
    }

    pub(super) fn log_in(&self, call: &Call) -> Result<Answer, Refusal> {
        self.limit(call)?;
        let payload = Payload::of(&call.body)?;
        let name = payload.text("Username")?;
        let password = payload.text("Password")?;
        if name.is_empty() {
            return Err(Refusal::payload("invalid username"));
        }
        if password.is_empty() {
            return Err(Refusal::payload("invalid password"));
        }
        let user = self.database.read(|tables| {
            let mut users = tables.users.iter();
            let found = users.find(|one| one.name.eq_ignore_ascii_case(&name));
            found.filter(|one| is_password(one, &password)).cloned()
        });
        let Some(user) = user else {
            return Err(Refusal::new(422, "Invalid credentials", "Unauthorized"));
        };
        let expires = self.clock.unix() + SESSION_S;
        let token = token(&user, expires);
        self.sessions().insert(
            token.clone(),
            Session {
                user_id: user.id,
                expires,
                must_change: user.is_short,
            },
        );
        let mut answer = wire::json(200, &json!({"jwt": token}));
        let cookie = format!("portainer_api_key={token}; Path=/; HttpOnly; SameSite=Strict");
        if let Ok(cookie) = cookie.parse() {
            answer.headers_mut().insert("set-cookie", cookie);
        }
        Ok(answer)
    }

    pub(super) fn log_out(&self) -> Result<Answer, Refusal> {
        if self.options.version.drops_logout() {
            return Err(Refusal::Dropped);
        }
        Ok(wire::empty(204))
    }

    pub(super) fn mint(&self, call: &Call, caller: Caller, user: i64) -> Result<Answer, Refusal> {
        self.limit(call)?;
        if caller.has_key {
            return Err(Refusal::new(
                401,
                "Auth not supported",
                "Authentication required",
            ));
        }
        let payload = Payload::of(&call.body)?;
        let password = payload.text("password")?;
        if password.is_empty() {
            return Err(Refusal::payload("invalid password: cannot be empty"));
        }
        let description = payload.text("description")?;
        check_description(&description)?;
        if caller.user_id != user {
            return Err(Refusal::new(
                403,
                "Permission denied to create user access token",
                "Unauthorized",
            ));
        }
        let is_right = self.database.read(|tables| {
            let mut users = tables.users.iter();
            let found = users.find(|one| one.id == user);
            found.is_some_and(|one| is_password(one, &password))
        });
        if !is_right {
            return Err(Refusal::new(
                403,
                "Current password doesn't match",
                "Current password does not match the password provided. Please try again",
            ));
        }
        let (raw, key) = self.new_key(user, description);
        let mut shown = shown_key(&key);
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("digest".to_owned(), json!(key.digest));
        }
        let body = json!({"rawAPIKey": raw, "apiKey": shown});
        Ok(wire::json(self.options.version.minted_status(), &body))
    }

    fn new_key(&self, user_id: i64, description: String) -> (String, ApiKey) {
        let raw = format!("ptr_{}", STANDARD.encode(random_hex(16)));
        let key = self.database.write(|tables| {
            let key = ApiKey {
                id: tables.next_id("api_key"),
                user_id,
                description,
                prefix: raw.chars().take(7).collect(),
                created: self.clock.unix(),
                last_used: 0,
                digest: sha256_hex(raw.as_bytes()),
            };
            tables.keys.push(key.clone());
            key
        });
        (raw, key)
    }

    pub(super) fn list_keys(&self, user: i64) -> Answer {
        let keys = self.database.read(|tables| {
            let own = tables.keys.iter().filter(|one| one.user_id == user);
            own.map(shown_key).collect()
        });
        wire::json(200, &keys)
    }

    pub(super) fn delete_key(&self, id: i64) -> Result<Answer, Refusal> {
        let removed = self.database.write(|tables| {
            let before = tables.keys.len();
            tables.keys.retain(|one| one.id != id);
            before != tables.keys.len()
        });
        if removed {
            return Ok(wire::empty(204));
        }
        let details = format!("Object not found inside the database (bucket=api_key, key={id})");
        Err(Refusal::new(500, "API Key not found", &details))
    }
}

fn check_description(description: &str) -> Result<(), Refusal> {
    if description.is_empty() {
        return Err(Refusal::payload("invalid description: cannot be empty"));
    }
    if description.trim().is_empty() {
        return Err(Refusal::payload(
            "invalid description: cannot contain only whitespaces",
        ));
    }
    if description.len() >= 128 {
        return Err(Refusal::payload(
            "invalid description: cannot be longer than 128 characters",
        ));
    }
    Ok(())
}

fn shown_key(key: &ApiKey) -> Value {
    json!({
        "id": key.id, "userId": key.user_id, "description": key.description,
        "prefix": key.prefix, "dateCreated": key.created, "lastUsed": key.last_used,
    })
}

pub(super) fn digest(salt: &str, password: &str) -> String {
    sha256_hex(format!("{salt}:{password}").as_bytes())
}

fn is_password(user: &User, password: &str) -> bool {
    user.digest == digest(&user.salt, password)
}

/// Shaped like the real one: a client may read the claims.
fn token(user: &User, expires: u64) -> String {
    let claims = json!({
        "id": user.id, "username": user.name, "role": 1, "scope": "default",
        "forceChangePassword": user.is_short, "exp": expires,
    });
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode(random_hex(16)))
}
