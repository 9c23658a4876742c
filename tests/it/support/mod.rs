//! What several integration tests use.

pub mod docker;
pub mod fill;
pub mod home;
pub mod postgres;
pub mod proxy;
pub mod pty;
pub mod python;
pub mod user;

use std::{
    io::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Says that a test found not what it needs, with how many did so far, and fails where everything is required to be
/// there.
pub fn skipped(reason: &str) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let required = std::env::var_os("MECAPY_REQUIRE_SERVICES").is_some_and(|value| value == "1");
    assert!(!required, "required here: {reason}");
    let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    // Written past the harness, which keeps what a passing test prints.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason} ({count} skipped so far)");
}
