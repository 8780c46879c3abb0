//! "Did you mean": the known word nearest to what was written.

/// The candidate that `written` most likely stands for, if any is near enough.
pub(super) fn nearest<'word>(
    written: &str,
    candidates: impl IntoIterator<Item = &'word str>,
) -> Option<&'word str> {
    /// Below this Jaro-Winkler similarity words are strangers (`vmid`/`vm_id` 0.94, `cpus`/`cores` 0.72).
    const NEAR: f64 = 0.84;
    let written = written.to_lowercase();
    candidates
        .into_iter()
        .map(|word| (strsim::jaro_winkler(&written, &word.to_lowercase()), word))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, word)| word)
}

/// ``did you mean `word`?``, or else the words there are, if they fit on a line.
pub(super) fn hint<'word>(
    written: &str,
    candidates: impl IntoIterator<Item = &'word str> + Clone,
) -> Option<String> {
    if let Some(word) = nearest(written, candidates.clone()) {
        return Some(format!("did you mean `{word}`?"));
    }
    let words: Vec<&str> = candidates.into_iter().collect();
    (1..=24)
        .contains(&words.len())
        .then(|| format!("known here: {}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_their_word() {
        let words = ["vmid", "memory_mb", "docker_stacks", "network_config"];
        for (written, wanted) in [
            ("docker_stack", Some("docker_stacks")),
            ("memory", Some("memory_mb")),
            ("VMID", Some("vmid")),
            ("networkconfig", Some("network_config")),
            ("colour", None),
        ] {
            assert_eq!(nearest(written, words), wanted, "{written}");
        }
        let hint = hint("colour", ["a", "b"]);
        assert_eq!(hint.as_deref(), Some("known here: a, b"));
    }
}
