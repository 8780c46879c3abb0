//! Where this machine gets its Debian packages from: the lab's trees come from the same place.

use std::path::Path;

use super::error::LabError;

/// The first Debian mirror in the machine's own apt sources.
///
/// # Errors
/// [`LabError::NoMirror`].
pub(super) fn mirror() -> Result<String, LabError> {
    mirror_in(Path::new("/etc/apt"))
}

fn mirror_in(etc_apt: &Path) -> Result<String, LabError> {
    let mut files = vec![etc_apt.join("sources.list")];
    if let Ok(entries) = std::fs::read_dir(etc_apt.join("sources.list.d")) {
        let mut more: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        more.sort();
        files.extend(more);
    }
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        let found = match file.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => from_deb822(&text),
            Some("list") => from_one_line(&text),
            _ => None,
        };
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(LabError::NoMirror)
}

/// `Types: deb` stanzas (deb822 format, man sources.list(5)).
fn from_deb822(text: &str) -> Option<String> {
    text.split("\n\n").find_map(|stanza| {
        let field = |name: &str| {
            stanza.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let binary = field("Types")?.split_whitespace().any(|kind| kind == "deb");
        let enabled = field("Enabled").is_none_or(|value| !value.eq_ignore_ascii_case("no"));
        let uri = field("URIs")?.split_whitespace().next()?;
        (binary && enabled && main_archive(uri, field("Suites")?)).then(|| uri.to_owned())
    })
}

/// `deb [options] uri suite components` lines.
fn from_one_line(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']')?.1,
            None => rest,
        };
        let mut words = rest.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        main_archive(uri, suite).then(|| uri.to_owned())
    })
}

/// Whether this is Debian's own archive: a release or its updates, not security, not a third party.
fn main_archive(uri: &str, suites: &str) -> bool {
    let names = ["bookworm", "trixie", "stable", "testing", "sid"];
    uri.starts_with("http")
        && uri.trim_end_matches('/').ends_with("/debian")
        && suites
            .split_whitespace()
            .any(|suite| names.contains(&suite))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_and_passes_others_over() {
        let deb822 = "Types: deb\nURIs: https://other.example/debian\nSuites: nodistro\n\n\
            Types: deb-src\nURIs: http://src.example/debian\nSuites: bookworm\n\n\
            Types: deb\n# note\nURIs: http://deb.example/debian\nSuites: bookworm bookworm-updates\n";
        assert_eq!(
            from_deb822(deb822).as_deref(),
            Some("http://deb.example/debian")
        );
        let one_line = "# deb http://no.example/debian bookworm main\n\
            deb http://deb.example/debian-security bookworm-security main\n\
            deb [arch=amd64 signed-by=/x] http://one.example/debian trixie main\n";
        assert_eq!(
            from_one_line(one_line).as_deref(),
            Some("http://one.example/debian")
        );
        assert_eq!(
            from_one_line("deb http://x.example/ubuntu jammy main"),
            None
        );
    }

    #[test]
    fn a_folder_of_sources_is_searched_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let parts = folder.path().join("sources.list.d");
        std::fs::create_dir(&parts).unwrap();
        assert!(matches!(mirror_in(folder.path()), Err(LabError::NoMirror)));
        std::fs::write(
            parts.join("debian.sources"),
            "Types: deb\nURIs: http://a.example/debian/\nSuites: trixie\n",
        )
        .unwrap();
        assert_eq!(
            mirror_in(folder.path()).unwrap(),
            "http://a.example/debian/"
        );
    }
}
