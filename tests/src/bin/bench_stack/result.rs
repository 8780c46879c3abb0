//! The figures of a part: kept as JSON, shown as a table.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::BenchError;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PartResult {
    pub(crate) key: String,
    pub(crate) title: String,
    /// What was done, and what it stands for.
    pub(crate) how: String,
    pub(crate) versions: String,
    /// The first is ours.
    pub(crate) rows: Vec<Row>,
    pub(crate) goal: Option<Goal>,
    pub(crate) growth: Vec<Point>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) runs: usize,
    pub(crate) median_ms: f64,
    pub(crate) least_ms: f64,
    pub(crate) most_ms: f64,
    /// Asked of the engine in one run, where that was counted.
    pub(crate) writes: Option<usize>,
}

/// How many times as long as ours another contender shall take.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Goal {
    pub(crate) than: String,
    pub(crate) times: f64,
}

/// The medians at one size.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) services: usize,
    pub(crate) phoenix_ms: f64,
    pub(crate) docker_ms: f64,
    pub(crate) lists_ms: f64,
}

impl PartResult {
    /// How many times as long as ours the goal's contender took.
    fn reached(&self) -> Option<(f64, &Goal)> {
        let goal = self.goal.as_ref()?;
        let ours = self.rows.first()?.median_ms;
        let other = self.rows.iter().find(|row| row.name == goal.than)?;
        Some((other.median_ms / ours, goal))
    }

    pub(crate) fn is_met(&self) -> bool {
        self.reached()
            .is_none_or(|(reached, goal)| reached >= goal.times)
    }

    /// As Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("### {}\n\n{}\n\n", self.title, self.how);
        let ours = self.rows.first().map_or(f64::NAN, |row| row.median_ms);
        if !self.rows.is_empty() {
            text += "| | runs | median | least | most | times ours | writes |\n|---|---:|---:|---:|---:|---:|---:|\n";
        }
        for row in &self.rows {
            let writes = row
                .writes
                .map_or(String::new(), |writes| writes.to_string());
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {:.2} | {writes} |",
                row.name,
                row.runs,
                shown(row.median_ms),
                shown(row.least_ms),
                shown(row.most_ms),
                row.median_ms / ours
            );
        }
        if let Some((reached, goal)) = self.reached() {
            let verdict = if reached >= goal.times {
                "met"
            } else {
                "missed"
            };
            let _ = write!(
                text,
                "\nGoal: {} takes at least {} times as long; {reached:.1}: {verdict}.\n",
                goal.than, goal.times
            );
        }
        if !self.growth.is_empty() {
            text += "| services | phoenix | docker | bare lists |\n|---:|---:|---:|---:|\n";
        }
        for point in &self.growth {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                point.services,
                shown(point.phoenix_ms),
                shown(point.docker_ms),
                shown(point.lists_ms)
            );
        }
        text
    }

    pub(crate) fn keep(&self, folder: &Path) -> Result<(), BenchError> {
        fs::create_dir_all(folder).map_err(BenchError::file("create", folder))?;
        let path = folder.join(format!("{}.json", self.key));
        let text = serde_json::to_string_pretty(self).map_err(|source| BenchError::Figures {
            path: path.clone(),
            source,
        })?;
        fs::write(&path, text).map_err(BenchError::file("write", &path))
    }

    /// The part's kept figures, if there are any.
    pub(crate) fn kept(folder: &Path, key: &str) -> Result<Option<Self>, BenchError> {
        let path = folder.join(format!("{key}.json"));
        let Ok(text) = fs::read_to_string(&path) else {
            return Ok(None);
        };
        let result =
            serde_json::from_str(&text).map_err(|source| BenchError::Figures { path, source })?;
        Ok(Some(result))
    }
}

/// `12.3 ms`, `4.56 s`
fn shown(milliseconds: f64) -> String {
    if milliseconds < 1000.0 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{:.2} s", milliseconds / 1000.0)
    }
}
