//! The time zone: `/etc/localtime` (timezone's one truth, localtime(5)) and Debian's `/etc/timezone`.

use std::path::Path;

use super::error::GuestError;
use super::files;
use super::observed::Timezone;
use crate::paths::Paths;

const DATABASE: &str = "/usr/share/zoneinfo";

pub(super) fn observe(paths: &Paths) -> Result<Timezone, GuestError> {
    let link = std::fs::read_link(paths.at("/etc/localtime")).ok();
    let in_etc_timezone = files::text(&paths.at("/etc/timezone"))?;
    let in_etc_timezone = in_etc_timezone.trim();
    Ok(Timezone {
        current: link.and_then(|link| name_of(&link)),
        in_etc_timezone: (!in_etc_timezone.is_empty()).then(|| in_etc_timezone.to_owned()),
        has_database: paths.at(DATABASE).join("UTC").exists(),
    })
}

/// Sets the time zone; programs that run keep the old one.
pub(super) fn set(paths: &Paths, name: &str) -> Result<(), GuestError> {
    if !paths.at(DATABASE).join(name).is_file() {
        return Err(GuestError::NoTimezone(name.to_owned()));
    }
    files::link(&paths.at("/etc/localtime"), &Path::new(DATABASE).join(name))?;
    let debians = paths.at("/etc/timezone");
    if debians.exists() {
        files::replace(&debians, &format!("{name}\n"))?;
    }
    Ok(())
}

fn name_of(link: &Path) -> Option<String> {
    let link = link.to_str()?;
    let (_, name) = link.split_once("/zoneinfo/")?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_is_what_observe_sees() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path());
        let database = paths.at(DATABASE);
        std::fs::create_dir_all(database.join("Europe")).unwrap();
        std::fs::write(database.join("UTC"), "").unwrap();
        std::fs::write(database.join("Europe/Berlin"), "").unwrap();
        std::fs::create_dir(paths.at("/etc")).unwrap();
        std::fs::write(paths.at("/etc/timezone"), "Etc/UTC\n").unwrap();
        assert_eq!(observe(&paths).unwrap().current, None);
        set(&paths, "Europe/Berlin").unwrap();
        let wanted = Timezone {
            current: Some("Europe/Berlin".into()),
            in_etc_timezone: Some("Europe/Berlin".into()),
            has_database: true,
        };
        assert_eq!(observe(&paths).unwrap(), wanted);
        let error = set(&paths, "Europe/Nowhere").unwrap_err();
        assert!(matches!(error, GuestError::NoTimezone(_)));
    }
}
