//! The columns `timeout`, `memory_limit` and `cpu_limit`, which four tables have.

use super::validate::small;
use crate::domain::{FieldError, limits::Limits};

/// What the columns hold at most; the configuration's maxima are lower and are the caller's to check.
pub(super) const MAXIMUM: Limits =
    Limits { timeout: i32::MAX as u32, memory_limit: i32::MAX as u32, cpu_limit: f64::MAX };

/// As they are written.
pub(super) fn columns(limits: &Limits) -> Result<(i32, i32, f64), FieldError> {
    Ok((small("timeout", limits.timeout)?, small("memory_limit", limits.memory_limit)?, limits.cpu_limit))
}

/// As they are read; the CHECK of the columns leaves nothing negative.
pub(super) fn read(timeout: i32, memory_limit: i32, cpu_limit: f64) -> Limits {
    Limits { timeout: timeout.unsigned_abs(), memory_limit: memory_limit.unsigned_abs(), cpu_limit }
}
