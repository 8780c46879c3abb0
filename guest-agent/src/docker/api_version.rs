//! Versions of the Docker Engine API.

use std::fmt;
use std::str::FromStr;

/// A version of the Engine API, as in `/v1.41/info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    pub major: usize,
    pub minor: usize,
}

/// The oldest version whose answers are known to be understood (Docker 20.10 of Debian 12).
pub const OLDEST: ApiVersion = ApiVersion::new(1, 41);
/// The newest version whose answers are known to be understood (Docker 29).
pub const NEWEST: ApiVersion = ApiVersion::new(1, 52);

/// Why a text is no API version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an API version")]
pub struct ApiVersionError(String);

impl ApiVersion {
    pub const fn new(major: usize, minor: usize) -> Self {
        Self { major, minor }
    }

    /// The version to speak with an engine that speaks `oldest` to `newest`; `None` if there is none.
    pub fn negotiate(oldest: Self, newest: Self) -> Option<Self> {
        let version = newest.min(NEWEST);
        (version >= OLDEST && version >= oldest).then_some(version)
    }
}

impl FromStr for ApiVersion {
    type Err = ApiVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || -> Option<Self> {
            let (major, minor) = text.split_once('.')?;
            Some(Self::new(major.parse().ok()?, minor.parse().ok()?))
        };
        parse().ok_or_else(|| ApiVersionError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_both_know_is_spoken() {
        for (oldest, newest, wanted) in [
            ("1.12", "1.41", Some("1.41")),
            ("1.24", "1.45", Some("1.45")),
            ("1.44", "1.60", Some("1.52")),
            ("1.53", "1.60", None),
            ("1.12", "1.40", None),
        ] {
            let version = ApiVersion::negotiate(oldest.parse().unwrap(), newest.parse().unwrap());
            assert_eq!(
                version.map(|version| version.to_string()).as_deref(),
                wanted,
                "{newest}"
            );
        }
        assert!("1".parse::<ApiVersion>().is_err());
        assert!("1.x".parse::<ApiVersion>().is_err());
    }
}
