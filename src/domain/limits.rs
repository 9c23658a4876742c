//! What one run may use, and what the configuration allows it to ask for.

use super::FieldError;
use serde::{Deserialize, Serialize};

/// The limits of one run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds of wall clock from the start of the user's process.
    pub timeout: u32,
    /// Memory of all processes together, MiB (2^20 bytes).
    pub memory_limit: u32,
    /// CPU share, cores.
    pub cpu_limit: f64,
}

impl Default for Limits {
    /// The platform's defaults for a tool: 30 s, 256 MiB, half a core.
    fn default() -> Self {
        Self { timeout: 30, memory_limit: 256, cpu_limit: 0.5 }
    }
}

/// Less than this and the Python interpreter itself does not start.
pub const MIN_MEMORY_MIB: u32 = 16;
/// Less than this and a run makes no visible progress.
pub const MIN_CPU: f64 = 0.01;

impl Limits {
    /// Checks every limit against its lower bound and the configured maximum.
    pub fn check(&self, maximum: &Self) -> Result<(), FieldError> {
        if self.timeout == 0 || self.timeout > maximum.timeout {
            return Err(FieldError::new(
                "timeout",
                format!(
                    "{} s is outside 1 to {} s (limits.max_timeout raises the maximum)",
                    self.timeout, maximum.timeout
                ),
            ));
        }
        if self.memory_limit < MIN_MEMORY_MIB || self.memory_limit > maximum.memory_limit {
            return Err(FieldError::new(
                "memory_limit",
                format!(
                    "{} MiB is outside {MIN_MEMORY_MIB} to {} MiB (limits.max_memory raises the maximum)",
                    self.memory_limit, maximum.memory_limit
                ),
            ));
        }
        // Written so that NaN is refused too.
        if !(self.cpu_limit >= MIN_CPU && self.cpu_limit <= maximum.cpu_limit) {
            return Err(FieldError::new(
                "cpu_limit",
                format!(
                    "{} cores is outside {MIN_CPU} to {} (limits.max_cpu raises the maximum)",
                    self.cpu_limit, maximum.cpu_limit
                ),
            ));
        }
        Ok(())
    }
}

/// Bounds that belong to the host, not to a calculation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// Processes and threads of one run together.
    pub pids: u32,
    /// Bytes of stdout and stderr kept together; past it the run is stopped.
    pub log_bytes: u64,
    /// Files kept from `out/files` and `out/artifacts`.
    pub output_files: u32,
    /// Bytes of all output files together, by blocks used.
    pub output_bytes: u64,
    /// Bytes of `scratch/`.
    pub scratch_bytes: u64,
    /// Bytes of the private `/tmp`.
    pub tmp_bytes: u64,
    /// Seconds between SIGTERM and SIGKILL.
    pub grace: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            pids: 128,
            log_bytes: 256 << 20,
            output_files: 1_000,
            output_bytes: 64 << 20,
            scratch_bytes: 1 << 30,
            tmp_bytes: 64 << 20,
            grace: 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Limits = Limits { timeout: 86_400, memory_limit: 16_384, cpu_limit: 8.0 };

    #[test]
    fn zero_nan_negative_and_absurd_are_refused_by_name() {
        let good = Limits::default();
        assert_eq!(good.check(&MAX), Ok(()));
        for (bad, field) in [
            (Limits { timeout: 0, ..good }, "timeout"),
            (Limits { timeout: u32::MAX, ..good }, "timeout"),
            (Limits { memory_limit: 0, ..good }, "memory_limit"),
            (Limits { memory_limit: 99_999_999, ..good }, "memory_limit"),
            (Limits { cpu_limit: 0.0, ..good }, "cpu_limit"),
            (Limits { cpu_limit: -1.0, ..good }, "cpu_limit"),
            (Limits { cpu_limit: f64::NAN, ..good }, "cpu_limit"),
            (Limits { cpu_limit: f64::INFINITY, ..good }, "cpu_limit"),
        ] {
            assert_eq!(bad.check(&MAX).unwrap_err().field, field, "{bad:?}");
        }
    }
}
