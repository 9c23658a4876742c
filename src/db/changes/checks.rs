//! When to check whether a write to the file was a commit.

use std::time::Duration;
use tokio::time::Instant;

/// From the first check after a write, which is at once, to the next ones.
///
/// The kernel tells when a commit is written to the log; it counts only once that has reached the disk, and nothing
/// tells of that. A disk needs milliseconds for it, a busy one seconds.
const DELAYS: [Duration; 7] = [
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(90),
    Duration::from_millis(250),
    Duration::from_millis(600),
    Duration::from_millis(1_500),
    Duration::from_millis(3_500),
];
/// Checks after a flood of writes are at least so far apart.
const MINIMUM: Duration = Duration::from_millis(200);

/// The checks that are still to come.
#[derive(Debug, Default)]
pub(super) struct Checks {
    written: Option<Instant>,
    done: usize,
    last: Option<Instant>,
}

impl Checks {
    /// Something was written: they begin again.
    pub(super) fn restart(&mut self, now: Instant) {
        self.written = Some(now);
        self.done = 0;
    }

    /// Whether a write waits for its first check: further writes are seen by the same one.
    pub(super) fn is_first_due(&self) -> bool {
        self.written.is_some() && self.done == 0
    }

    /// When to check next.
    pub(super) fn next(&self) -> Option<Instant> {
        let written = self.written?;
        match (self.done, self.last) {
            (0, Some(last)) => Some(written.max(last + MINIMUM)),
            (_, None) => Some(written),
            (done, Some(last)) => Some(last + *DELAYS.get(done - 1)?),
        }
    }

    /// It was checked.
    pub(super) fn checked(&mut self, now: Instant) {
        self.done += 1;
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_is_slow_to_reach_the_disk_is_checked_for_and_then_there_is_rest() {
        let start = Instant::now();
        let mut checks = Checks::default();
        assert_eq!(checks.next(), None);
        checks.restart(start);
        let mut at = Vec::new();
        while let Some(due) = checks.next() {
            checks.checked(due);
            at.push(due.duration_since(start).as_millis());
        }
        assert_eq!(at, [0, 20, 60, 150, 400, 1_000, 2_500, 6_000]);
        assert_eq!(checks.next(), None, "an idle program does not wake");
    }

    #[test]
    fn a_flood_is_checked_five_times_a_second_and_its_end_is_not_missed() {
        let start = Instant::now();
        let mut checks = Checks::default();
        let mut seen = Vec::new();
        for millisecond in 0..1_000 {
            let now = start + Duration::from_millis(millisecond);
            if !checks.is_first_due() {
                checks.restart(now);
            }
            while checks.next().is_some_and(|due| due <= now) {
                checks.checked(now);
                seen.push(now);
            }
        }
        assert!((5..=6).contains(&seen.len()), "{seen:?}");
        assert!(checks.next().is_some(), "what came last is checked");
    }
}
