//! What differs between the recorded versions, by behaviour and not by number alone.

use std::fmt;

/// A server version: the text it reports, and how it behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVersion {
    text: String,
    line: Line,
}

/// The recorded lines; versions between them behave as the nearest older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Line {
    V2_23,
    V2_39,
    V2_43,
}

impl ServerVersion {
    /// Of a text such as `2.39.6`: up to 2.30 as 2.23.0, up to 2.40 as 2.39.0, above as 2.43.0.
    pub fn of(text: &str) -> Self {
        let minor = text.split('.').nth(1).and_then(|part| part.parse().ok());
        let line = match minor {
            Some(0..=30) => Line::V2_23,
            Some(31..=40) => Line::V2_39,
            _ => Line::V2_43,
        };
        let text = text.to_owned();
        Self { text, line }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// A create or update answers before it deploys.
    pub(super) fn is_asynchronous(&self) -> bool {
        self.line >= Line::V2_43
    }

    /// An uninitialised server wants `X-Setup-Token`.
    pub(super) fn has_setup_token(&self) -> bool {
        self.line >= Line::V2_43
    }

    /// The status of a minted API key.
    pub(super) fn minted_status(&self) -> u16 {
        if self.line == Line::V2_23 { 201 } else { 200 }
    }

    /// Docker's 201 of a create through the proxy arrives as 200.
    pub(super) fn rewrites_created(&self) -> bool {
        self.line == Line::V2_23
    }

    /// A Bearer-only log-out hits a nil pointer and drops the connection.
    pub(super) fn drops_logout(&self) -> bool {
        self.line == Line::V2_23
    }

    /// `?token=` is read as a JWT.
    pub(super) fn reads_query_token(&self) -> bool {
        self.line < Line::V2_43
    }

    /// `types=2` works like `types[]=2`.
    pub(super) fn reads_plain_lists(&self) -> bool {
        self.line >= Line::V2_43
    }

    /// Empty lists of an environment are left out of the answer.
    pub(super) fn leaves_empty_out(&self) -> bool {
        self.line >= Line::V2_43
    }

    /// `POST /api/endpoints/delete` exists.
    pub(super) fn has_batch_delete(&self) -> bool {
        self.line >= Line::V2_39
    }

    /// A dead agent gives the proxy's caller an empty 502.
    pub(super) fn proxy_failure_is_empty(&self) -> bool {
        self.line == Line::V2_23
    }

    /// `POST /api/stacks?type=&method=` still exists.
    pub(super) fn has_old_create(&self) -> bool {
        self.line == Line::V2_23
    }

    /// The record of a Swarm stack tells whether it was pruned.
    pub(super) fn keeps_prune(&self) -> bool {
        self.line >= Line::V2_39
    }

    /// Writes that a browser sends from another site are refused.
    pub(super) fn refuses_cross_origin(&self) -> bool {
        self.line >= Line::V2_43
    }

    /// Prune takes orphans of a standalone stack down.
    pub(super) fn prunes_standalone(&self) -> bool {
        self.line >= Line::V2_43
    }

    /// A name whose containers run, with a record of that name anywhere, is refused.
    pub(super) fn refuses_name_of_other_environment(&self) -> bool {
        self.line < Line::V2_43
    }

    /// The deploy program is run as a child, whose errors have no prefix of the operation.
    pub(super) fn runs_deploy_program(&self) -> bool {
        self.line == Line::V2_23
    }

    pub(super) fn support(&self) -> Option<&'static str> {
        match self.line {
            Line::V2_23 => None,
            Line::V2_39 => Some("LTS"),
            Line::V2_43 => Some("STS"),
        }
    }

    pub(super) fn credentials_clash(&self) -> (u16, &'static str) {
        if self.line >= Line::V2_43 {
            (
                401,
                "API key and auth header are not allowed at the same time",
            )
        } else {
            (
                403,
                "api key and auth header are not allowed at the same time",
            )
        }
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
