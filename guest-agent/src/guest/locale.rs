//! Locales as Debian and Ubuntu make them: `/etc/locale.gen`, `locale-gen`, `/etc/default/locale`.

use std::time::Duration;

use super::error::GuestError;
use super::files;
use super::observed::Locale;
use crate::paths::Paths;
use crate::program;

const DEFAULT: &str = "/etc/default/locale";

pub(super) async fn observe(paths: &Paths, name: &str) -> Result<Locale, GuestError> {
    Ok(Locale {
        exists: exists(paths, name).await?,
        default: language(&files::text(&paths.at(DEFAULT))?),
        has_generator: paths.program("locale-gen").is_some(),
    })
}

/// Makes the locale.
pub(super) async fn make(paths: &Paths, name: &str) -> Result<(), GuestError> {
    let supported = files::text(&paths.at("/usr/share/i18n/SUPPORTED"))?;
    let line = supported
        .lines()
        .find(|line| line.split(' ').next() == Some(name))
        .ok_or_else(|| GuestError::NoLocale(name.to_owned()))?;
    let list = paths.at("/etc/locale.gen");
    let text = files::text(&list)?;
    if !text.lines().any(|have| have.trim() == line) {
        let break_before = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        files::replace(&list, &format!("{text}{break_before}{line}\n"))?;
    }
    program::command(paths, "locale-gen")?
        .deadline(Duration::from_mins(10))
        .run()
        .await?;
    Ok(())
}

/// Makes the locale the default of new sessions and services.
pub(super) fn set_default(paths: &Paths, name: &str) -> Result<(), GuestError> {
    let path = paths.at(DEFAULT);
    let text = files::text(&path)?;
    let kept = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("LANG="));
    let lines: Vec<String> = std::iter::once(format!("LANG={name}"))
        .chain(kept.map(str::to_owned))
        .collect();
    files::replace(&path, &format!("{}\n", lines.join("\n")))?;
    Ok(())
}

async fn exists(paths: &Paths, name: &str) -> Result<bool, GuestError> {
    if ["C", "POSIX", "C.UTF-8"].contains(&name) {
        return Ok(true);
    }
    let output = program::command(paths, "locale")?
        .arg("-a")
        .deadline(Duration::from_secs(20))
        .run()
        .await?;
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(output.lines().any(|have| normal(have) == normal(name)))
}

/// `locale -a` writes `en_US.utf8` for `en_US.UTF-8`.
fn normal(name: &str) -> String {
    name.to_lowercase().replace('-', "")
}

fn language(text: &str) -> Option<String> {
    let value = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("LANG="))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_replaced_and_the_rest_kept() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path());
        std::fs::create_dir_all(paths.at("/etc/default")).unwrap();
        let path = paths.at(DEFAULT);
        std::fs::write(&path, "# theirs\nLANG=\"C\"\nLC_TIME=C\n").unwrap();
        assert_eq!(language(&files::text(&path).unwrap()), Some("C".to_owned()));
        set_default(&paths, "en_US.UTF-8").unwrap();
        let text = files::text(&path).unwrap();
        assert_eq!(text, "LANG=en_US.UTF-8\n# theirs\nLC_TIME=C\n");
        assert_eq!(normal("en_US.UTF-8"), normal("en_US.utf8"));
    }
}
