//! What a shim reports, in the types of the rest of the program.

use super::{
    Ended, Exit, Stopped,
    wire::{self, Reason, Sample},
};
use crate::domain::run::{Accounting, Usage};

/// The figures.
pub fn usage(sample: Sample) -> Usage {
    Usage {
        execution_time: sample.elapsed_us as f64 / 1e6,
        cpu_time: sample.cpu_us as f64 / 1e6,
        memory: sample.memory,
        peak_memory: sample.peak,
        accounting: match sample.group {
            1 => Accounting::CgroupV1,
            2 => Accounting::CgroupV2,
            _ => Accounting::Shim,
        },
    }
}

/// The end.
pub fn ended(exit: wire::Exit, reason: Option<Reason>, oom_killed: bool, sample: Sample) -> Ended {
    Ended {
        exit: match exit {
            wire::Exit::Code(code) => Exit::Code(code as i32),
            wire::Exit::Signal(signal) => Exit::Signal(signal as i32),
        },
        stopped: reason.map(|reason| match reason {
            Reason::Cancelled => Stopped::Cancelled,
            Reason::Timeout => Stopped::Timeout,
            Reason::Memory => Stopped::Memory,
            Reason::Log => Stopped::Log,
            Reason::Files => Stopped::Files,
        }),
        oom_killed,
        usage: usage(sample),
    }
}
