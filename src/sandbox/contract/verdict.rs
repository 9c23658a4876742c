//! What is said of a run: the first reason that applies.

use super::failure::{Account, compose, crash};
use crate::{
    domain::{
        format,
        limits::{Caps, Limits},
        run::ErrorKind,
        status::Status,
    },
    sandbox::{Ended, Exit, Stopped},
};

/// Status, and for a failure its kind, message and line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Completed, failed or cancelled.
    pub status: Status,
    /// The kind of a failure.
    pub kind: Option<ErrorKind>,
    /// In plain words.
    pub message: Option<String>,
    /// The line of the code to go to.
    pub line: Option<u32>,
}

impl Verdict {
    fn failed(kind: ErrorKind, message: String, line: Option<u32>) -> Self {
        Self { status: Status::Failed, kind: Some(kind), message: Some(message), line }
    }
}

/// Judges. `result` is what the rules of the result say of it; `account` is asked for only where the code itself failed.
///
/// The order matters: a run that was cancelled stays cancelled whatever its last act was; a limit is told before the
/// signal that enforced it.
pub fn judge(
    ended: &Ended,
    limits: &Limits,
    caps: &Caps,
    result: Result<(), String>,
    log_tail: &str,
    account: impl FnOnce() -> Account,
) -> Verdict {
    let out_of_memory = || format!("out of memory: limit {} MiB", limits.memory_limit);
    match ended.stopped {
        Some(Stopped::Cancelled) => {
            return Verdict {
                status: Status::Cancelled,
                kind: None,
                message: Some("cancelled by its owner".into()),
                line: None,
            };
        }
        Some(Stopped::Timeout) => {
            return Verdict::failed(ErrorKind::Timeout, format!("timed out after {} s", limits.timeout), None);
        }
        Some(Stopped::Log) => {
            let most = format::bytes(caps.log_bytes);
            return Verdict::failed(ErrorKind::OutputLimit, format!("printed more than {most}: stopped"), None);
        }
        Some(Stopped::Files) => {
            let words = format!(
                "wrote too much: at most {} files and {} below out, and {} below scratch, are allowed",
                caps.output_files,
                format::bytes(caps.output_bytes),
                format::bytes(caps.scratch_bytes)
            );
            return Verdict::failed(ErrorKind::FilesLimit, words, None);
        }
        Some(Stopped::Memory) => return Verdict::failed(ErrorKind::Oom, out_of_memory(), None),
        None => {}
    }
    match ended.exit {
        // The counter alone may mean a child, the signal alone anybody.
        Exit::Signal(9) if ended.oom_killed => Verdict::failed(ErrorKind::Oom, out_of_memory(), None),
        Exit::Signal(signal) => {
            let (line, frames) = crash(log_tail);
            let words = format!("killed by signal {signal}{}", signal_name(signal));
            Verdict::failed(ErrorKind::Signal, compose(&words, &frames), line)
        }
        Exit::Code(0) => match result {
            Ok(()) => Verdict { status: Status::Completed, kind: None, message: None, line: None },
            Err(problem) => Verdict::failed(ErrorKind::BadResult, compose(&problem, ""), None),
        },
        Exit::Code(code) => {
            let account = account();
            let said = account.headline();
            match account.exception.as_deref() {
                Some("SystemExit") | None => {
                    let words = if account.exception.is_some() { &account.message } else { &said };
                    let separator = if words.is_empty() { "" } else { ": " };
                    let first = format!("exited with code {code}{separator}{words}");
                    Verdict::failed(ErrorKind::Exit, compose(&first, ""), account.line)
                }
                Some("MemoryError") => {
                    let first = format!("{} ({said})", out_of_memory());
                    Verdict::failed(ErrorKind::Oom, compose(&first, &account.traceback), account.line)
                }
                Some(_) => Verdict::failed(ErrorKind::Exception, compose(&said, &account.traceback), account.line),
            }
        }
    }
}

/// ` (SIGABRT)` for the signals that programs die of.
fn signal_name(signal: i32) -> &'static str {
    match signal {
        1 => " (SIGHUP)",
        2 => " (SIGINT)",
        3 => " (SIGQUIT)",
        4 => " (SIGILL)",
        5 => " (SIGTRAP)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        10 => " (SIGUSR1)",
        11 => " (SIGSEGV)",
        12 => " (SIGUSR2)",
        13 => " (SIGPIPE)",
        14 => " (SIGALRM)",
        15 => " (SIGTERM)",
        24 => " (SIGXCPU)",
        25 => " (SIGXFSZ)",
        31 => " (SIGSYS: a system call of another architecture)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::{Accounting, Usage};

    const USAGE: Usage =
        Usage { execution_time: 1.0, cpu_time: 1.0, memory: 0, peak_memory: 0, accounting: Accounting::Shim };

    fn verdict(exit: Exit, stopped: Option<Stopped>, oom_killed: bool, result: Result<(), String>) -> Verdict {
        let account = || Account {
            exception: Some("ZeroDivisionError".into()),
            message: "division by zero".into(),
            line: Some(12),
            traceback: "Traceback".into(),
        };
        let ended = Ended { exit, stopped, oom_killed, usage: USAGE };
        judge(&ended, &Limits::default(), &Caps::default(), result, "", account)
    }

    #[test]
    fn the_first_reason_counts() {
        let kind = |exit, stopped, oom| verdict(exit, stopped, oom, Ok(())).kind;
        let killed = Exit::Signal(9);
        assert_eq!(verdict(Exit::Code(0), Some(Stopped::Cancelled), false, Ok(())).status, Status::Cancelled);
        assert_eq!(kind(killed, Some(Stopped::Timeout), true), Some(ErrorKind::Timeout));
        assert_eq!(kind(Exit::Code(0), Some(Stopped::Log), false), Some(ErrorKind::OutputLimit));
        assert_eq!(kind(killed, Some(Stopped::Files), false), Some(ErrorKind::FilesLimit));
        assert_eq!(kind(killed, Some(Stopped::Memory), false), Some(ErrorKind::Oom));
        assert_eq!(kind(killed, None, true), Some(ErrorKind::Oom));
        // A child's end by the kernel is not the run's.
        assert_eq!(kind(Exit::Code(0), None, true), None);
        assert_eq!(kind(killed, None, false), Some(ErrorKind::Signal));
        let bad = verdict(Exit::Code(0), None, false, Err("the result is …".into()));
        assert_eq!(bad.kind, Some(ErrorKind::BadResult));
    }

    #[test]
    fn words() {
        let words = |exit, stopped| verdict(exit, stopped, false, Ok(())).message.unwrap();
        assert_eq!(words(Exit::Code(0), Some(Stopped::Timeout)), "timed out after 30 s");
        assert_eq!(words(Exit::Code(0), Some(Stopped::Memory)), "out of memory: limit 256 MiB");
        assert_eq!(words(Exit::Signal(6), None), "killed by signal 6 (SIGABRT)");
        assert_eq!(words(Exit::Code(1), None), "line 12: ZeroDivisionError: division by zero\nTraceback");
    }

    #[test]
    fn an_exit_by_the_code_says_its_code_and_its_text() {
        let exit = |code, account: Account| {
            let ended = Ended { exit: Exit::Code(code), stopped: None, oom_killed: false, usage: USAGE };
            judge(&ended, &Limits::default(), &Caps::default(), Ok(()), "", || account).message.unwrap()
        };
        let asked = |message: &str| Account {
            exception: Some("SystemExit".into()),
            message: message.into(),
            line: Some(3),
            traceback: String::new(),
        };
        assert_eq!(exit(3, asked("")), "exited with code 3");
        assert_eq!(exit(1, asked("bad geometry")), "exited with code 1: bad geometry");
        assert_eq!(
            exit(1, Account { message: "KeyError: 'a'".into(), ..Account::default() }),
            "exited with code 1: KeyError: 'a'"
        );
        assert_eq!(exit(4, Account::default()), "exited with code 4");
    }
}
