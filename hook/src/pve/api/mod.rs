//! Proxmox's API, over one of two transports: `pvesh` on the node, or REST with a token.
//!
//! Paths and parameters are the same for both (`PVE/API2`); what differs is how an answer, an error and a task's
//! progress come back.

mod answer;
mod calls;
mod connect;
mod error;
mod local;
mod rest;
mod task;
mod token;
mod upid;

use std::fmt;

use phoenix_common::retry::Deadline;
use serde_json::Value;

pub use calls::{CloneRequest, GuestAddress, GuestEntry, GuestStatus};
pub use connect::ConnectError;
pub use error::{ApiError, Refusal};
pub use local::Local;
pub use rest::Rest;
pub use token::{ApiToken, TokenError};
pub use upid::Upid;

/// Proxmox's API as this process reaches it.
#[derive(Debug, Clone)]
pub enum Pve {
    /// `pvesh`, as root on the node; no credentials.
    Local(Local),
    /// REST with an API token; cannot set a hookscript, nor pass over a lock (root only).
    Rest(Rest),
}

/// What is done to a path of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Create,
    Set,
    Delete,
}

/// One call: `set /nodes/pve1/qemu/1001/config`, with its parameters unencoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub parameters: Vec<(String, String)>,
}

impl Call {
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            parameters: Vec::new(),
        }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.parameters.push((name.to_owned(), value.into()));
        self
    }
}

/// As `pvesh` calls it, without the parameters.
impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method.word(), self.path)
    }
}

impl Method {
    /// `pvesh`'s word for it.
    fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Create => "create",
            Self::Set => "set",
            Self::Delete => "delete",
        }
    }
}

/// Hears what a task prints, line by line.
pub type OnLine<'line> = &'line mut (dyn FnMut(&str) + Send);

impl Pve {
    /// Whether it may do what Proxmox keeps for `root@pam`: hookscripts, locks of dead tasks.
    pub fn is_root(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// The answer's value. A call that begins a task answers with its UPID, which says nothing of how the task ends.
    ///
    /// # Errors
    /// Proxmox refused, or there was no whole answer before the deadline.
    pub async fn call(
        &self,
        call: &Call,
        deadline: Deadline,
        on_line: OnLine<'_>,
    ) -> Result<Value, ApiError> {
        tracing::debug!("{call}");
        match self {
            Self::Local(local) => local.call(call, deadline, on_line).await,
            Self::Rest(rest) => rest.call(call, deadline).await,
        }
    }

    /// A question that changes nothing.
    async fn get(&self, call: Call) -> Result<Value, ApiError> {
        let deadline = Deadline::after(calls::QUESTION);
        self.call(&call, deadline, &mut |_| {}).await
    }
}
