//! Faults that tests ask for; nothing of it is in a release build.

/// Names the step at which a supervisor kills itself: `MECAPY_FAULT=kill:claimed`.
#[cfg(debug_assertions)]
pub(super) const VARIABLE: &str = "MECAPY_FAULT";

/// A step of a supervisor's life, where a test may end it.
#[cfg(debug_assertions)]
pub(super) fn at(step: &str) {
    let Ok(fault) = std::env::var(VARIABLE) else { return };
    if fault.strip_prefix("kill:") == Some(step) {
        // SIGKILL: nothing is tidied up, as when the kernel or an administrator does it.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// A step of a supervisor's life.
#[cfg(not(debug_assertions))]
pub(super) const fn at(_step: &str) {}
