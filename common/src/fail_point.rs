//! Step boundaries at which a test kills the process, to prove that the next run finishes what this one began.
//!
//! Only in builds with the feature `fail-points`, which no released package has: there [`reach`] is empty.

use std::fmt::Arguments;

/// Where a test arms the points by making the folder; each point that was reached leaves a file there.
pub const FOLDER: &str = "/var/lib/phoenix/fail-points";

/// Names a step boundary: `fail_point!("before {action}")`.
#[macro_export]
macro_rules! fail_point {
    ($($argument:tt)*) => {
        $crate::fail_point::reach(format_args!($($argument)*))
    };
}

/// Kills this process with SIGKILL when the points are armed and this one is reached for the first time.
#[cfg(feature = "fail-points")]
pub fn reach(point: Arguments<'_>) {
    use std::path::Path;

    let root = std::env::var_os("PHOENIX_ROOT").unwrap_or_default();
    let folder = Path::new(&root).join(FOLDER.trim_start_matches('/'));
    let folder = if root.is_empty() {
        Path::new(FOLDER)
    } else {
        &folder
    };
    if std::fs::File::create_new(folder.join(file_name(point))).is_ok() {
        // Nothing is flushed, nothing is dropped: as the kernel or an operator would do it.
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}

/// Does nothing in this build.
#[cfg(not(feature = "fail-points"))]
#[inline]
pub fn reach(_point: Arguments<'_>) {}

/// A point's name as that of a file: letters, digits and dashes.
#[cfg(any(feature = "fail-points", test))]
fn file_name(point: Arguments<'_>) -> String {
    let mut name = String::new();
    for character in point.to_string().chars().take(120) {
        if character.is_ascii_alphanumeric() || character == '_' {
            name.push(character);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_point_never_names_a_path() {
        assert_eq!(
            file_name(format_args!("before {}: ../x", "deploy stack dev1_shop")),
            "before-deploy-stack-dev1_shop-x"
        );
    }
}
