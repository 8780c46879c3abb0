//! The name of a job, which is also the name of its folder and of its systemd unit.

use std::fmt;
use std::str::FromStr;

use super::error::JobError;

/// 1 to 64 of `a-z`, `0-9` and `-`, not starting with `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobName(String);

impl JobName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JobName {
    type Err = JobError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_fine = (1..=64).contains(&text.len())
            && !text.starts_with('-')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if is_fine {
            Ok(Self(text.to_owned()))
        } else {
            Err(JobError::Name(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_folder_or_become_options() {
        assert_eq!(
            "apply-1002-a1".parse::<JobName>().unwrap().as_str(),
            "apply-1002-a1"
        );
        assert!("a".repeat(64).parse::<JobName>().is_ok());
        for bad in [
            "",
            "-x",
            "..",
            "a/b",
            "A",
            "a_b",
            "a b",
            "ä",
            "a\n",
            &"a".repeat(65),
        ] {
            assert!(bad.parse::<JobName>().is_err(), "{bad:?}");
        }
    }
}
