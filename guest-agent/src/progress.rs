//! The steps of long work, one JSON line each, for who watches.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use phoenix_common::wire::Progress;

/// Most lines kept; work that says more is still done.
const LINES_LIMIT: usize = 5000;
/// Longest message kept, in characters.
const MESSAGE_CHARACTERS: usize = 400;

/// Where work says what it does. A line that cannot be written never stops the work.
#[derive(Debug)]
pub struct ProgressLog {
    /// `None`: only the journal hears of it.
    file: Option<File>,
    lines: usize,
}

impl ProgressLog {
    /// Appends to the file `path`, mode 0600.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn to_file(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            file: Some(file),
            lines: 0,
        })
    }

    /// For short work that nobody follows.
    pub fn to_journal() -> Self {
        Self {
            file: None,
            lines: 0,
        }
    }

    /// Reports that `step` (`docker`, `service dev1_shop_web`) has come to `message`. No secrets.
    pub fn step(&mut self, step: &str, message: &str) {
        tracing::info!(step, "{message}");
        let Some(file) = self.file.as_mut().filter(|_| self.lines < LINES_LIMIT) else {
            return;
        };
        self.lines += 1;
        let progress = Progress {
            step: step.chars().take(MESSAGE_CHARACTERS).collect(),
            message: message.chars().take(MESSAGE_CHARACTERS).collect(),
        };
        if let Ok(mut line) = serde_json::to_vec(&progress) {
            line.push(b'\n');
            // One write per line: a reader sees whole lines.
            let _ = file.write_all(&line);
        }
    }
}
