//! The one way in: an API key, minted once and kept.

use std::time::Duration;

use phoenix_common::secret::Secret;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::client::{Authentication, Call, Client};
use super::credentials::SecretFiles;
use super::error::PortainerError;
use super::types::{Jwt, MintedKey, ServerStatus, User};

/// How long a question may take.
pub(super) const QUESTION: Duration = Duration::from_secs(30);
/// Under this name the key stands in Portainer's list.
const KEY_DESCRIPTION: &str = "phoenix";

/// A server, and the key to it.
#[derive(Debug)]
pub struct Session {
    client: Client,
    key: Option<Secret>,
    /// Texts that no error may show.
    hidden: Vec<Secret>,
}

impl Session {
    /// With the stored key, if there is one.
    ///
    /// # Errors
    /// A secret's file cannot be read.
    pub fn open(client: Client, files: &SecretFiles) -> Result<Self, PortainerError> {
        let key = files.api_key()?;
        let mut hidden: Vec<Secret> = key.iter().cloned().collect();
        if let Some(secrets) = files.instance()? {
            hidden.extend([secrets.admin_password, secrets.agent_secret]);
        }
        Ok(Self {
            client,
            key,
            hidden,
        })
    }

    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Where the web page is.
    pub fn url(&self) -> &str {
        self.client.url()
    }

    /// `GET /api/system/status`, which needs no key.
    pub async fn status(&self) -> Result<ServerStatus, PortainerError> {
        let call = Call::new(Method::GET, "/system/status", Duration::from_secs(10));
        self.client
            .answer(call, Authentication::Nobody, &self.hidden())
            .await
    }

    /// Logs in once, mints a key, and keeps it. The caller holds Portainer's lock.
    ///
    /// # Errors
    /// The password is not the administrator's, the address is banned, or the key cannot be kept.
    pub async fn mint(&mut self, user: &str, files: &SecretFiles) -> Result<(), PortainerError> {
        let Some(secrets) = files.instance()? else {
            return Err(wrong_password(user, files));
        };
        files.pace_login().await;
        let password = secrets.admin_password.expose();
        let login = Call::new(Method::POST, "/auth", QUESTION)
            .json(&json!({"Username": user, "Password": password}));
        let login = self.ask::<Jwt>(login, Authentication::Nobody).await;
        let token = match login {
            Ok(answer) => answer.jwt,
            Err(error) if error.status() == Some(422) => {
                return Err(wrong_password(user, files));
            }
            Err(error) if error.status() == Some(403) => return Err(PortainerError::Banned),
            Err(error) => return Err(error),
        };
        let who = Authentication::Token(&token);
        let me: User = self
            .ask(Call::new(Method::GET, "/users/me", QUESTION), who)
            .await?;
        let path = format!("/users/{}/tokens", me.id);
        let mint = Call::new(Method::POST, &path, QUESTION)
            .json(&json!({"password": password, "description": KEY_DESCRIPTION}));
        let minted: MintedKey = self.ask(mint, who).await?;
        files.store_api_key(&minted.raw_api_key)?;
        self.hidden.push(minted.raw_api_key.clone());
        self.key = Some(minted.raw_api_key);
        Ok(())
    }

    pub(super) async fn answer<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
    ) -> Result<T, PortainerError> {
        self.ask(call, self.who()).await
    }

    pub(super) async fn exchange(&self, call: Call<'_>) -> Result<Vec<u8>, PortainerError> {
        self.client.exchange(call, self.who(), &self.hidden()).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        who: Authentication<'_>,
    ) -> Result<T, PortainerError> {
        self.client.answer(call, who, &self.hidden()).await
    }

    fn who(&self) -> Authentication<'_> {
        match &self.key {
            Some(key) => Authentication::Key(key),
            None => Authentication::Nobody,
        }
    }

    fn hidden(&self) -> Vec<&Secret> {
        self.hidden.iter().collect()
    }
}

fn wrong_password(user: &str, files: &SecretFiles) -> PortainerError {
    PortainerError::Password {
        user: user.to_owned(),
        file: files.admin_password_file().display().to_string(),
    }
}
