//! Whether the words of a spec may reach an argument list or a path. Pure.

use phoenix_common::spec::{BaseSetupSpec, GuestSpec};

use super::error::GuestError;
use crate::{files, volumes};

/// Longest line of an `authorized_keys` file taken, in bytes.
const KEY_LIMIT_BYTES: usize = 16 << 10;

/// Checks every word of the spec.
///
/// # Errors
/// The first word that is not what it should be.
pub fn check(spec: &GuestSpec) -> Result<(), GuestError> {
    if let Some(volumes) = &spec.volumes {
        volumes::plan::check(volumes)?;
    }
    if let Some(files) = &spec.files {
        let volumes = spec.volumes.as_deref().unwrap_or_default();
        files::observe::check(files, volumes)?;
    }
    spec.base_setup.as_ref().map_or(Ok(()), check_base_setup)
}

fn check_base_setup(spec: &BaseSetupSpec) -> Result<(), GuestError> {
    let names = spec
        .packages
        .iter()
        .map(|name| ("package name", name, is_package as Check));
    let user = spec
        .username
        .iter()
        .map(|name| ("user name", name, is_user as Check));
    let zone = spec
        .timezone
        .iter()
        .map(|name| ("time zone", name, is_timezone as Check));
    let locale = spec
        .locale
        .iter()
        .map(|name| ("locale", name, is_locale as Check));
    let keys = spec
        .ssh_authorized_keys
        .iter()
        .map(|line| ("line of authorized_keys", line, is_key_line as Check));
    let upgrades = spec.unattended_upgrades.iter();
    let times = upgrades
        .flat_map(|upgrades| upgrades.reboot_at.iter())
        .map(|time| ("time of day", time, is_time as Check));
    for (what, word, is_fine) in names
        .chain(user)
        .chain(zone)
        .chain(locale)
        .chain(keys)
        .chain(times)
    {
        if !is_fine(word) {
            return Err(GuestError::Word {
                what,
                word: word.clone(),
            });
        }
    }
    if spec.username.is_none() && !spec.ssh_authorized_keys.is_empty() {
        return Err(GuestError::KeysWithoutUser);
    }
    Ok(())
}

type Check = fn(&str) -> bool;

/// Debian policy 5.6.7: lower case letters, digits, `+`, `-`, `.`; at least two; alphanumeric first.
fn is_package(name: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (2..=100).contains(&name.len())
        && name.bytes().next().is_some_and(is_alphanumeric)
        && name
            .bytes()
            .all(|byte| is_alphanumeric(byte) || b"+-.".contains(&byte))
}

/// What useradd(8) takes by default, within its 32 characters.
fn is_user(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}

fn is_timezone(name: &str) -> bool {
    name.len() <= 64
        && name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('-')
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
        })
}

fn is_locale(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte))
}

fn is_time(word: &str) -> bool {
    let digits = |text: &str, limit: u8| {
        text.len() == 2
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && text.parse::<u8>().is_ok_and(|number| number < limit)
    };
    let parts = word.split_once(':');
    parts.is_some_and(|(hour, minute)| digits(hour, 24) && digits(minute, 60))
}

fn is_key_line(line: &str) -> bool {
    (1..=KEY_LIMIT_BYTES).contains(&line.trim().len()) && !line.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cannot_be_options_or_paths() {
        for (check, fine, bad) in [
            (
                is_package as Check,
                &["curl", "g++", "libstdc++6", "docker.io"][..],
                &[
                    "",
                    "a",
                    "-y",
                    "a b",
                    "Curl",
                    "a/b",
                    "curl=1",
                    "curl:amd64",
                    "./x.deb",
                ][..],
            ),
            (
                is_user,
                &["phoenix", "_apt", "a1-b"],
                &["", "-m", "Root", "a:b", "a/b", "ä", "0day", "a\nb"],
            ),
            (
                is_timezone,
                &[
                    "UTC",
                    "Europe/Berlin",
                    "Etc/GMT+5",
                    "America/Argentina/Buenos_Aires",
                ],
                &[
                    "",
                    "/etc/passwd",
                    "../x",
                    "Europe/",
                    "a//b",
                    "Europe/-x",
                    "a b",
                ],
            ),
            (
                is_locale,
                &["C.UTF-8", "en_US.UTF-8", "de_DE@euro"],
                &["", "-x", "a b", "a/b", "en_US\n"],
            ),
            (
                is_key_line,
                &[
                    "ssh-ed25519 AAAA me@there",
                    "from=\"10.0.0.0/24\" ssh-rsa AAAA",
                ],
                &["", "  ", "ssh-rsa AAAA\nssh-rsa BBBB"],
            ),
        ] {
            for word in fine {
                assert!(check(word), "{word:?}");
            }
            for word in bad {
                assert!(!check(word), "{word:?}");
            }
        }
    }

    #[test]
    fn a_time_of_day_is_four_digits() {
        for (word, fine) in [
            ("03:30", true),
            ("23:59", true),
            ("3:30", false),
            ("24:00", false),
            ("03:60", false),
            ("03:3\n", false),
        ] {
            assert_eq!(is_time(word), fine, "{word:?}");
        }
    }

    #[test]
    fn the_word_is_named() {
        let spec = GuestSpec {
            base_setup: Some(BaseSetupSpec {
                packages: vec!["curl".into(), "--purge".into()],
                ..BaseSetupSpec::default()
            }),
            ..GuestSpec::default()
        };
        let error = check(&spec).unwrap_err().to_string();
        assert_eq!(error, "\"--purge\" is no package name");
    }
}
