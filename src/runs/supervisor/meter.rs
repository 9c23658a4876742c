//! Figures and progress on their way from a sandbox into the live state.

use super::{output::Joiner, state_file::StateFile};
use crate::{domain::run::Usage, sandbox::contract::ProgressReader};
use std::time::{Duration, Instant};

/// Figures of memory and CPU are passed on this often: a screen that watches ten runs sleeps in between.
const USAGE_EVERY: Duration = Duration::from_secs(1);

/// How many lines of the progress file that are none get a mark in the log.
const MAX_SKIPPED: usize = 10;

/// Passes figures and progress on, as often as anybody can see.
pub(super) struct Meter {
    progress: ProgressReader,
    skipped: usize,
    passed_on: Option<Instant>,
}

impl Meter {
    pub(super) const fn new(progress: ProgressReader) -> Self {
        Self { progress, skipped: 0, passed_on: None }
    }

    /// Takes what is new.
    pub(super) fn read(&mut self, usage: Usage, state: &mut StateFile, joiner: &mut Joiner) {
        self.look(state, joiner);
        if self.passed_on.is_some_and(|passed_on| passed_on.elapsed() < USAGE_EVERY) {
            return;
        }
        // Time passes by itself, and shared pages cost less as others start who share them: a run that does nothing
        // changes nothing.
        let changed = state.get().usage.is_none_or(|before| {
            let enough = (before.memory / 100).max(2 << 20);
            usage.memory.abs_diff(before.memory) >= enough || usage.cpu_time - before.cpu_time >= 0.01
        });
        if changed {
            self.passed_on = Some(Instant::now());
            state.change(|state| state.usage = Some(usage));
        }
    }

    /// Whether there was anything new.
    fn look(&mut self, state: &mut StateFile, joiner: &mut Joiner) -> bool {
        let update = self.progress.poll();
        let is_new = !update.lines.is_empty() || !update.skipped.is_empty();
        for line in update.skipped {
            self.skipped += 1;
            if self.skipped <= MAX_SKIPPED {
                joiner.note(&format!("out/progress.jsonl: no JSON object, skipped: {line}"));
            }
        }
        if let Some(newest) = update.lines.into_iter().next_back() {
            state.change(|state| state.progress = Some(newest));
        }
        is_new
    }

    /// Takes what is left at the end.
    pub(super) fn last(&mut self, state: &mut StateFile, joiner: &mut Joiner) {
        // Bounded, whatever the file holds: a look reads up to 1 MiB.
        for _ in 0..64 {
            if !self.look(state, joiner) {
                break;
            }
        }
    }
}
