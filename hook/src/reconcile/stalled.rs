//! When a run stops hoping: nothing moves any more, or the same actions come back again and again. Pure.

use std::time::{Duration, Instant};

use crate::plan::Plan;

/// How often the same actions may succeed and be planned again.
const REPEATS: usize = 2;

/// What the last looks had in common.
#[derive(Debug, Default)]
pub(super) struct Stalled {
    waiting: Option<(Vec<String>, Instant)>,
    done: Vec<String>,
    repeats: usize,
}

impl Stalled {
    /// Whether everything that is waited for has had its time without any change.
    pub(super) fn waited_enough(&mut self, plan: &Plan, now: Instant) -> bool {
        let reasons: Vec<String> = plan
            .waiting
            .iter()
            .map(|waiting| waiting.reason.clone())
            .collect();
        let since = match &self.waiting {
            Some((known, since)) if *known == reasons => *since,
            _ => {
                self.waiting = Some((reasons, now));
                now
            }
        };
        let longest = plan
            .waiting
            .iter()
            .map(|waiting| waiting.patience_seconds)
            .collect::<Option<Vec<u64>>>()
            .and_then(|patience| patience.into_iter().max());
        longest.is_some_and(|seconds| now.duration_since(since) >= Duration::from_secs(seconds))
    }

    /// Notes actions that were all carried out.
    pub(super) fn carried_out(&mut self, plan: &Plan) {
        let actions = texts(plan);
        if actions == self.done {
            self.repeats += 1;
        } else {
            self.done = actions;
            self.repeats = 0;
        }
    }

    /// Whether the plan asks once more for what was done again and again.
    pub(super) fn goes_in_circles(&self, plan: &Plan) -> bool {
        self.repeats >= REPEATS && texts(plan) == self.done
    }
}

fn texts(plan: &Plan) -> Vec<String> {
    plan.actions.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Waiting;
    use crate::plan::action::Action;
    use phoenix_common::vmid::Vmid;

    fn waits(reasons: &[(&str, Option<u64>)]) -> Plan {
        let waiting = reasons.iter().map(|(reason, patience_seconds)| Waiting {
            on: None,
            reason: (*reason).to_owned(),
            patience_seconds: *patience_seconds,
        });
        Plan {
            waiting: waiting.collect(),
            ..Plan::default()
        }
    }

    #[test]
    fn a_wait_ends_when_nothing_moves_and_only_then() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut stalled = Stalled::default();
        let plan = waits(&[("web 0/2", Some(60))]);
        assert!(!stalled.waited_enough(&plan, at(0)));
        assert!(!stalled.waited_enough(&plan, at(59)));
        assert!(stalled.waited_enough(&plan, at(60)));
        let moved = waits(&[("web 1/2", Some(60))]);
        assert!(!stalled.waited_enough(&moved, at(61)));
        let with_other = waits(&[("web 1/2", Some(60)), ("it boots", None)]);
        assert!(!stalled.waited_enough(&with_other, at(62)));
        assert!(!stalled.waited_enough(&with_other, at(600)));
    }

    #[test]
    fn the_same_actions_three_times_are_a_circle() {
        let install = || Plan {
            actions: vec![Action::InstallAgent {
                vmid: Vmid::new(1002).unwrap(),
                from: None,
                to: "1".to_owned(),
            }],
            ..Plan::default()
        };
        let mut stalled = Stalled::default();
        for _ in 0..3 {
            assert!(!stalled.goes_in_circles(&install()));
            stalled.carried_out(&install());
        }
        assert!(stalled.goes_in_circles(&install()));
        assert!(!stalled.goes_in_circles(&Plan::default()));
    }
}
