//! Renders the kept figures between two marks of a Markdown file, and the plot beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::error::BenchError;
use crate::part::Part;
use crate::plot;
use crate::result::PartResult;

const BEGIN: &str = "<!-- stack figures: begin -->";
const END: &str = "<!-- stack figures: end -->";
const PLOT: &str = "benchmarks-growth.svg";

pub(crate) fn render(file: &Path, figures: &Path) -> Result<(), BenchError> {
    let text = fs::read_to_string(file).map_err(BenchError::file("read", file))?;
    let no_marker = |marker| BenchError::NoMarker {
        path: file.to_owned(),
        marker,
    };
    let (head, rest) = text.split_once(BEGIN).ok_or_else(|| no_marker(BEGIN))?;
    let (_, tail) = rest.split_once(END).ok_or_else(|| no_marker(END))?;
    let mut body = String::new();
    let mut versions = String::new();
    for part in Part::all() {
        let Some(result) = PartResult::kept(figures, part.key())? else {
            continue;
        };
        body += &result.table();
        versions.clone_from(&result.versions);
        if !result.growth.is_empty() {
            let picture = file.with_file_name(PLOT);
            fs::write(&picture, plot::growth(&result.growth))
                .map_err(BenchError::file("write", &picture))?;
            let _ = writeln!(
                body,
                "\n![Time over services, both axes logarithmic]({PLOT})"
            );
        }
        body.push('\n');
    }
    let text = format!(
        "{head}{BEGIN}\n\n{versions}; {}.\n\n{body}{END}{tail}",
        machine()
    );
    fs::write(file, text).map_err(BenchError::file("write", file))
}

/// What it was measured on.
fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    format!("{cpus} CPUs, load average {load} at the end")
}
