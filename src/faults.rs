//! Faults that tests ask for; nothing of it is in a release build.

/// Names the step at which a supervisor kills itself, `MECAPY_FAULT=kill:claimed`, or waits until a file is there,
/// `MECAPY_FAULT=pause:claimed:/path/of/gate`; while it waits there is `/path/of/gate.reached`.
#[cfg(debug_assertions)]
pub(crate) const VARIABLE: &str = "MECAPY_FAULT";

/// A step of a supervisor's life, where a test may end it.
#[cfg(debug_assertions)]
pub(crate) fn at(step: &str) {
    let Ok(fault) = std::env::var(VARIABLE) else { return };
    if fault.strip_prefix("kill:") == Some(step) {
        // SIGKILL: nothing is tidied up, as when the kernel or an administrator does it.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
    let paused = fault.strip_prefix("pause:").and_then(|pause| pause.split_once(':'));
    if let Some((_, gate)) = paused.filter(|(at, _)| *at == step) {
        let _ = std::fs::write(format!("{gate}.reached"), "");
        while !std::path::Path::new(gate).exists() {
            #[expect(clippy::disallowed_methods, reason = "a test wants the process to stand still right here")]
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

/// A step of a supervisor's life.
#[cfg(not(debug_assertions))]
pub(crate) const fn at(_step: &str) {}

/// A patience, which a test may make short: `MECAPY_FAULT=impatient`.
#[cfg(debug_assertions)]
pub(crate) fn patience(usual: std::time::Duration) -> std::time::Duration {
    let is_short = std::env::var(VARIABLE).is_ok_and(|fault| fault == "impatient");
    if is_short { std::time::Duration::from_secs(1) } else { usual }
}

/// A patience.
#[cfg(not(debug_assertions))]
pub(crate) const fn patience(usual: std::time::Duration) -> std::time::Duration {
    usual
}
