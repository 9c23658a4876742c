//! What several integration tests use.

pub mod home;
pub mod pty;

pub mod user;

/// Says that a test found not what it needs, and fails where everything is required to be there.
#[expect(clippy::print_stderr, reason = "the test runner shows it")]
pub fn skipped(reason: &str) {
    let required = std::env::var_os("MECAPY_REQUIRE_SERVICES").is_some_and(|value| value == "1");
    assert!(!required, "required here: {reason}");
    eprintln!("SKIPPED: {reason}");
}
