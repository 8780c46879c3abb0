//! The server: what answers under `/api`.

mod agents;
mod auth;
mod database;
mod deploy;
mod environment_create;
mod environment_view;
mod environments;
mod labels;
mod login_limit;
mod proxy;
mod records;
mod routes;
mod snapshot;
mod stack_create;
mod stack_power;
mod stack_update;
mod stack_view;
mod system;
mod tools;
mod users;

use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio_rustls::rustls::ClientConfig;

use super::agent::pairing::SigningKey;
use super::clock::Clock;
use super::error::DoubleError;
use super::fault::{Fault, Faults};
use super::listen::Handler;
use super::options::Options;
use super::random::random_hex;
use super::refusal::Refusal;
use super::request_log::{Recorded, RequestLog};
use super::tls;
use super::wire::{self, Answer, Call};
use auth::{Caller, Session};
use database::Database;
use login_limit::LoginLimit;
use routes::Route;

/// What outlives one run of the server.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    pub(super) clock: Arc<Clock>,
    pub(super) faults: Arc<Faults>,
    pub(super) log: Arc<RequestLog>,
}

/// One run of the server: tokens, bans and the setup token end with it.
#[derive(Debug)]
pub(super) struct Server {
    options: Options,
    database: Database,
    signing: SigningKey,
    connector: Arc<ClientConfig>,
    sessions: Mutex<HashMap<String, Session>>,
    limiter: Mutex<LoginLimit>,
    setup_token: Option<String>,
    clock: Arc<Clock>,
    /// On the clock.
    started: Duration,
    /// One deployment at a time over all environments.
    deploying: tokio::sync::Mutex<()>,
    faults: Arc<Faults>,
    log: Arc<RequestLog>,
    this: Weak<Server>,
}

impl Server {
    /// Opens or makes the data and gets ready to answer.
    pub(super) fn new(options: Options, around: Surroundings) -> Result<Arc<Self>, DoubleError> {
        let database = Database::open(&options.data)?;
        let signing = signing_key(&options)?;
        let has_administrator =
            options.admin_password.is_some() || database.read(|tables| !tables.users.is_empty());
        let wants_token =
            options.version.has_setup_token() && !options.no_setup_token && !has_administrator;
        let given = options.setup_token.clone();
        let connector = tls::connector()?;
        let server = Arc::new_cyclic(|this| Self {
            setup_token: wants_token.then(|| given.unwrap_or_else(|| random_hex(32))),
            started: around.clock.elapsed(),
            clock: around.clock,
            faults: around.faults,
            log: around.log,
            this: this.clone(),
            connector,
            database,
            signing,
            sessions: Mutex::default(),
            limiter: Mutex::default(),
            deploying: tokio::sync::Mutex::default(),
            options,
        });
        server.database.write(|tables| {
            if tables.instance_id.is_empty() {
                let id = random_hex(16);
                tables.instance_id = format!("{}-{}", &id[..8], &id[8..]);
            }
            server
                .options
                .version
                .text()
                .clone_into(&mut tables.version);
        });
        if let Some(password) = server.options.admin_password.clone() {
            server.make_administrator(&password);
        }
        if let Some(token) = &server.setup_token
            && !server.has_administrator()
        {
            tracing::info!("setup_token={token}");
        }
        server.interrupt_deployments();
        Ok(server)
    }

    pub(super) fn setup_token(&self) -> Option<&str> {
        self.setup_token.as_deref()
    }

    fn this(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limiter(&self) -> MutexGuard<'_, LoginLimit> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn respond(&self, call: &Call) -> Option<Answer> {
        if let Some(answer) = self.locked_out(call) {
            return Some(answer);
        }
        let answered = self.dispatch(call).await;
        answered.map_or_else(Refusal::answer, Some)
    }

    async fn dispatch(&self, call: &Call) -> Result<Answer, Refusal> {
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let Some(("api", parts)) = parts.split_first().map(|(first, rest)| (*first, rest)) else {
            return Err(Refusal::not_found());
        };
        let route = match routes::find(call.method.as_str(), parts) {
            Ok(route) => route,
            Err(true) => return Ok(wire::empty(405)),
            Err(false) => return Err(Refusal::not_found()),
        };
        if self.options.version.refuses_cross_origin() && is_cross_origin(call) {
            let text = "Forbidden\n";
            return Err(Refusal::Text { status: 403, text });
        }
        if route.is_public() {
            return self.public(call, route);
        }
        let caller = self.caller(call)?;
        match route {
            Route::Environments
            | Route::CreateEnvironment
            | Route::SnapshotAll
            | Route::BatchDelete
            | Route::BatchDeleteOld
            | Route::Environment(_)
            | Route::UpdateEnvironment(_)
            | Route::DeleteEnvironment(_)
            | Route::Snapshot(_)
            | Route::Docker(_) => self.on_environments(call, caller, route).await,
            Route::Stacks
            | Route::CreateStack(..)
            | Route::CreateStackOld
            | Route::Stack(_)
            | Route::StackFile(_)
            | Route::UpdateStack(_)
            | Route::DeleteStack(_)
            | Route::StartStack(_)
            | Route::StopStack(_)
            | Route::Associate(_) => self.on_stacks(call, caller, route).await,
            other => self.on_rest(call, caller, other),
        }
    }

    fn public(&self, call: &Call, route: Route<'_>) -> Result<Answer, Refusal> {
        match route {
            Route::Status => Ok(self.status()),
            Route::PublicSettings => Ok(self.public_settings()),
            Route::AdminCheck => self.check_administrator(),
            Route::AdminInit => self.init_administrator(call),
            Route::LogIn => self.log_in(call),
            Route::LogOut => self.log_out(),
            _ => Err(Refusal::not_found()),
        }
    }

    fn on_rest(&self, call: &Call, caller: Caller, route: Route<'_>) -> Result<Answer, Refusal> {
        match route {
            Route::Version => Ok(self.version()),
            Route::Info => Ok(self.info()),
            Route::Me => self.me(caller),
            Route::Users => Ok(self.list_users()),
            Route::Keys(id) => Ok(self.list_keys(number(id, "user")?)),
            Route::Mint(id) => self.mint(call, caller, number(id, "user")?),
            Route::DeleteKey(id) => self.delete_key(number(id, "api-key")?),
            Route::Tags => Ok(self.tags()),
            Route::CreateTag => self.create_tag(call),
            Route::DeleteTag(id) => self.delete_tag(number(id, "tag")?),
            Route::Groups => Ok(self.groups()),
            Route::CreateGroup => self.create_group(call),
            _ => Err(Refusal::not_found()),
        }
    }

    async fn on_environments(
        &self,
        call: &Call,
        caller: Caller,
        route: Route<'_>,
    ) -> Result<Answer, Refusal> {
        let id = |text| number(text, "environment");
        match route {
            Route::Environments => Ok(self.environments(call)),
            Route::CreateEnvironment => self.create_environment(call).await,
            Route::SnapshotAll => Ok(self.snapshot_all().await),
            Route::BatchDelete if !self.options.version.has_batch_delete() => Ok(wire::empty(405)),
            Route::BatchDelete | Route::BatchDeleteOld => self.delete_environments(call),
            Route::Environment(text) => self.show_environment(call, id(text)?),
            Route::UpdateEnvironment(text) => self.update_environment(call, id(text)?),
            Route::DeleteEnvironment(text) => self.delete_environment(id(text)?),
            Route::Snapshot(text) => self.snapshot(id(text)?).await,
            Route::Docker(text) => self.proxy(call, caller, id(text)?).await,
            _ => Err(Refusal::not_found()),
        }
    }

    async fn on_stacks(
        &self,
        call: &Call,
        caller: Caller,
        route: Route<'_>,
    ) -> Result<Answer, Refusal> {
        let id = |text| number(text, "stack");
        match route {
            Route::Stacks => self.stacks(call),
            Route::CreateStackOld if !self.options.version.has_old_create() => Ok(wire::empty(405)),
            Route::CreateStackOld => {
                let kind = match call.parameter("type").as_deref() {
                    Some("1") => "swarm",
                    Some("2") => "standalone",
                    _ => "",
                };
                let source = call.parameter("method").unwrap_or_default();
                self.create_stack(call, caller, (kind, &source)).await
            }
            Route::CreateStack(kind, source) => {
                self.create_stack(call, caller, (kind, source)).await
            }
            Route::Stack(text) => self.show_stack(id(text)?),
            Route::StackFile(text) => self.stack_file(id(text)?),
            Route::UpdateStack(text) => self.update_stack(call, caller, id(text)?).await,
            Route::DeleteStack(text) => self.delete_stack(call, id(text)?).await,
            Route::StartStack(text) => self.start_stack(call, id(text)?).await,
            Route::StopStack(text) => self.stop_stack(call, id(text)?).await,
            Route::Associate(text) => self.associate(call, id(text)?),
            _ => Err(Refusal::not_found()),
        }
    }

    async fn with_fault(&self, call: &Call, fault: Fault) -> Option<Answer> {
        if let Some(answer) = fault.instead() {
            return Some(answer);
        }
        match fault {
            Fault::LostRequest => None,
            Fault::Late(time) => {
                tokio::time::sleep(time).await;
                self.respond(call).await
            }
            fault => fault.spoil(self.respond(call).await?).await,
        }
    }
}

impl Handler for Server {
    async fn handle(self: Arc<Self>, call: Call) -> Option<Answer> {
        let path = match call.query.as_str() {
            "" => call.path.clone(),
            query => format!("{}?{query}", call.path),
        };
        let method = call.method.to_string();
        // A task of its own: like the real one it goes on when the client leaves.
        let server = self.clone();
        let working = tokio::spawn(async move {
            match server.faults.take(&call) {
                Some(fault) => server.with_fault(&call, fault).await,
                None => server.respond(&call).await,
            }
        });
        let answer = working.await.ok().flatten();
        self.log.add(Recorded {
            method,
            path,
            status: answer.as_ref().map(|answer| answer.status().as_u16()),
        });
        answer
    }
}

/// The id in a path.
fn number(text: &str, object: &str) -> Result<i64, Refusal> {
    text.parse().map_err(|_| {
        let message = format!("Invalid {object} identifier route variable");
        let details = format!("strconv.Atoi: parsing \"{text}\": invalid syntax");
        Refusal::new(400, message, &details)
    })
}

/// The key that agents know this server by: lost with the data.
fn signing_key(options: &Options) -> Result<SigningKey, DoubleError> {
    let path = options.data.join("portainer.key");
    if let Ok(bytes) = fs::read(&path) {
        return SigningKey::of(&bytes);
    }
    let bytes = SigningKey::generate()?;
    fs::write(&path, &bytes).map_err(DoubleError::path("write", &path))?;
    SigningKey::of(&bytes)
}

/// A write that a browser sends on behalf of another site.
fn is_cross_origin(call: &Call) -> bool {
    if call.method == hyper::Method::GET || call.method == hyper::Method::HEAD {
        return false;
    }
    match (call.header("sec-fetch-site"), call.header("origin")) {
        (Some(site), _) => site != "same-origin" && site != "none",
        (None, Some(origin)) => {
            let host = origin.split_once("://").map_or(origin, |(_, host)| host);
            call.header("host") != Some(host)
        }
        (None, None) => false,
    }
}
