//! When to look whether a write to the file was a commit.

use std::time::Duration;
use tokio::time::Instant;

/// From the first look after a write, which is at once, to the next ones.
///
/// The kernel tells when a commit is written to the log; it counts only once that has reached the disk, and nothing
/// tells of that. A disk needs milliseconds for it, a busy one seconds.
const GAPS: [Duration; 7] = [
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(90),
    Duration::from_millis(250),
    Duration::from_millis(600),
    Duration::from_millis(1_500),
    Duration::from_millis(3_500),
];
/// A flood of writes is looked at no more often.
const PACE: Duration = Duration::from_millis(200);

/// The looks that are still to come.
#[derive(Debug, Default)]
pub(super) struct Looks {
    written: Option<Instant>,
    done: usize,
    last: Option<Instant>,
}

impl Looks {
    /// Something was written.
    pub(super) fn begin(&mut self, now: Instant) {
        self.written = Some(now);
        self.done = 0;
    }

    /// Whether a write waits for its first look: further writes are seen by the same look.
    pub(super) fn is_due_anyway(&self) -> bool {
        self.written.is_some() && self.done == 0
    }

    /// When to look next.
    pub(super) fn due(&self) -> Option<Instant> {
        let written = self.written?;
        match (self.done, self.last) {
            (0, Some(last)) => Some(written.max(last + PACE)),
            (_, None) => Some(written),
            (done, Some(last)) => Some(last + *GAPS.get(done - 1)?),
        }
    }

    /// Looked.
    pub(super) fn looked(&mut self, now: Instant) {
        self.done += 1;
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_is_slow_to_reach_the_disk_is_still_looked_for_and_then_there_is_rest() {
        let start = Instant::now();
        let mut looks = Looks::default();
        assert_eq!(looks.due(), None);
        looks.begin(start);
        let mut at = Vec::new();
        while let Some(due) = looks.due() {
            looks.looked(due);
            at.push(due.duration_since(start).as_millis());
        }
        assert_eq!(at, [0, 20, 60, 150, 400, 1_000, 2_500, 6_000]);
        assert_eq!(looks.due(), None, "an idle program does not wake");
    }

    #[test]
    fn a_flood_is_looked_at_five_times_a_second_and_its_end_is_not_missed() {
        let start = Instant::now();
        let mut looks = Looks::default();
        let mut seen = Vec::new();
        for millisecond in 0..1_000 {
            let now = start + Duration::from_millis(millisecond);
            if !looks.is_due_anyway() {
                looks.begin(now);
            }
            while looks.due().is_some_and(|due| due <= now) {
                looks.looked(now);
                seen.push(now);
            }
        }
        assert!((5..=6).contains(&seen.len()), "{seen:?}");
        assert!(looks.due().is_some(), "what came last is looked at");
    }
}
