//! What a run used lately, for its charts.

use crate::domain::run::Usage;
use std::collections::VecDeque;

/// Samples kept: more than the widest chart shows.
const KEPT: usize = 240;

/// CPU and memory over the last samples.
#[derive(Debug, Default)]
pub struct Samples {
    last: Option<Usage>,
    /// Cores.
    cpu: VecDeque<f64>,
    /// Bytes.
    memory: VecDeque<f64>,
}

impl Samples {
    /// Takes the newest sample; one that was seen already changes nothing.
    pub fn push(&mut self, usage: Usage) {
        let Some(last) = self.last.replace(usage) else {
            // The first: the mean since the start, where there was time enough for one.
            if usage.execution_time > 0.05 {
                keep(&mut self.cpu, usage.cpu_time / usage.execution_time);
            }
            keep(&mut self.memory, usage.memory as f64);
            return;
        };
        let elapsed = usage.execution_time - last.execution_time;
        if elapsed <= 0.0 {
            return;
        }
        keep(&mut self.cpu, ((usage.cpu_time - last.cpu_time) / elapsed).max(0.0));
        keep(&mut self.memory, usage.memory as f64);
    }

    /// Cores used between the two newest samples.
    pub fn cpu_now(&self) -> Option<f64> {
        self.cpu.back().copied()
    }

    /// Cores, oldest first.
    pub fn cpu(&self) -> impl ExactSizeIterator<Item = f64> {
        self.cpu.iter().copied()
    }

    /// Bytes, oldest first.
    pub fn memory(&self) -> impl ExactSizeIterator<Item = f64> {
        self.memory.iter().copied()
    }
}

fn keep(values: &mut VecDeque<f64>, value: f64) {
    if values.len() == KEPT {
        values.pop_front();
    }
    values.push_back(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::Accounting;

    fn usage(execution_time: f64, cpu_time: f64, memory: u64) -> Usage {
        Usage { execution_time, cpu_time, memory, peak_memory: memory, accounting: Accounting::Shim }
    }

    #[test]
    fn rates_come_from_differences() {
        let mut samples = Samples::default();
        samples.push(usage(1.0, 0.5, 10));
        samples.push(usage(2.0, 0.75, 20));
        samples.push(usage(2.0, 0.75, 20));
        assert_eq!(samples.cpu().collect::<Vec<_>>(), [0.5, 0.25]);
        assert_eq!(samples.memory().collect::<Vec<_>>(), [10.0, 20.0]);
        for second in 3..1_000 {
            samples.push(usage(f64::from(second), 1.0, 5));
        }
        assert_eq!(samples.memory().len(), KEPT);
        assert_eq!(samples.cpu_now(), Some(0.0));
    }
}
