//! The doubles as programs, with the command lines of the real server and agent.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use super::agent;
use super::behaviour::ServerVersion;
use super::clock::Clock;
use super::double;
use super::error::DoubleError;
use super::listen;
use super::options::Options;
use super::request_log::RequestLog;
use super::server::{Server, Surroundings};

/// The log of requests in the data folder, one JSON object a line.
pub const REQUEST_LOG: &str = "double-requests.jsonl";

/// Portainer's server and agent, as doubles.
#[derive(Debug, Parser)]
struct CommandLine {
    /// The version to behave as and to report.
    #[arg(long, env = "PORTAINER_DOUBLE_VERSION", default_value = "2.39.6")]
    double_version: String,
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// As `portainer/portainer-ce`.
    Server(Box<ServerFlags>),
    /// As `portainer/agent`.
    Agent(AgentFlags),
}

#[derive(Debug, Args)]
struct ServerFlags {
    #[arg(long, default_value = ":9000")]
    bind: String,
    #[arg(long, default_value = ":9443")]
    bind_https: String,
    #[arg(long)]
    http_disabled: bool,
    #[arg(long, default_value = "/data")]
    data: PathBuf,
    #[arg(long)]
    admin_password_file: Option<PathBuf>,
    #[arg(long, env = "PORTAINER_SETUP_TOKEN")]
    setup_token: Option<String>,
    #[arg(long, env = "PORTAINER_NO_SETUP_TOKEN")]
    no_setup_token: bool,
    #[arg(long, visible_alias = "sslcert")]
    tlscert: Option<PathBuf>,
    #[arg(long, visible_alias = "sslkey")]
    tlskey: Option<PathBuf>,
    #[arg(long, env = "AGENT_SECRET", hide_env_values = true)]
    agent_secret: Option<String>,
    /// Taken and not used: there are no Edge agents.
    #[arg(long)]
    tunnel_addr: Option<String>,
    #[arg(long)]
    tunnel_port: Option<u16>,
    #[arg(long)]
    snapshot_interval: Option<String>,
    #[arg(long)]
    log_level: Option<String>,
    #[arg(long)]
    log_mode: Option<String>,
}

#[derive(Debug, Args)]
struct AgentFlags {
    #[arg(long, env = "AGENT_HOST", default_value = "0.0.0.0")]
    host: String,
    #[arg(long, env = "AGENT_PORT", default_value = "9001")]
    port: u16,
    #[arg(long, env = "AGENT_SECRET", hide_env_values = true)]
    secret: Option<String>,
    #[arg(long, default_value = "/var/run/docker.sock")]
    socket: PathBuf,
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// What keeps it from starting; the real programs end there too.
pub fn run() -> Result<(), DoubleError> {
    let line = CommandLine::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| DoubleError::Runtime { source })?;
    runtime.block_on(async {
        tokio::select! {
            served = serve(line) => served,
            () = stopped() => Ok(()),
        }
    })
}

async fn serve(line: CommandLine) -> Result<(), DoubleError> {
    match line.part {
        Part::Server(flags) => serve_server(flags, &line.double_version).await,
        Part::Agent(flags) => {
            let address = format!("{}:{}", flags.host, flags.port);
            agent::serve_socket(&address, flags.socket, flags.secret, line.double_version).await
        }
    }
}

async fn serve_server(flags: Box<ServerFlags>, version: &str) -> Result<(), DoubleError> {
    let password = match &flags.admin_password_file {
        Some(path) => Some(password_of(path)?),
        None => None,
    };
    let options = Options {
        version: ServerVersion::of(version),
        http: (!flags.http_disabled).then(|| any_address(&flags.bind)),
        https: any_address(&flags.bind_https),
        admin_password: password,
        agent_secret: flags.agent_secret.filter(|secret| !secret.is_empty()),
        setup_token: flags.setup_token,
        no_setup_token: flags.no_setup_token,
        certificate: flags.tlscert.zip(flags.tlskey),
        tools: PathBuf::from("/usr/bin"),
        data: flags.data,
    };
    let around = Surroundings {
        clock: Arc::new(Clock::new()),
        faults: Arc::default(),
        log: Arc::new(RequestLog::in_file(options.data.join(REQUEST_LOG))),
    };
    let acceptor = double::identity(&options)?.acceptor()?;
    let https = listen::bind(&options.https)?;
    let http = options.http.as_deref().map(listen::bind).transpose()?;
    let server = Server::new(options, around)?;
    if let Some(http) = http {
        tokio::spawn(listen::serve(http, None, server.clone()));
    }
    listen::serve(https, Some(acceptor), server).await;
    Ok(())
}

/// One line end at the end is not part of the password.
fn password_of(path: &PathBuf) -> Result<String, DoubleError> {
    let text = fs::read_to_string(path).map_err(DoubleError::path("read", path))?;
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

/// `:9000` as an address that can be bound.
fn any_address(text: &str) -> String {
    if text.starts_with(':') {
        return format!("0.0.0.0{text}");
    }
    text.to_owned()
}

async fn stopped() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
