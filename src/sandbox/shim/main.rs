//! The shim: sets a sandbox up, is PID 1 in it, holds the clock, enforces the limits, ends everything.
//!
//! Its own small static executable (std and the C library's calls, no crate), so that it runs whatever the host or an
//! image has installed. It is embedded in the program and started from memory. Descriptor 0 is the socket
//! to the program: the [`Plan`] comes in, [`Report`]s go out; 1 and 2 are the code's output.
//!
//! ```text
//! outer stage   new session, (as root: clones the mounts it may see, becomes nobody), new namespaces, waits
//!   inner stage   PID 1: private root, then watches: clock, memory, files, CPU share
//!     the code      no capabilities, rlimits, Landlock, seccomp, exec
//! ```
//!
//! This folder is the only place with unsafe code, and `sys` holds nearly all of it.

#![allow(unsafe_code, reason = "the kernel's calls are made here and nowhere else; each block says why it is sound")]
#![expect(
    clippy::disallowed_methods,
    reason = "a process of its own with one thread and no terminal: it enters the sandbox's root and ends with a code"
)]

#[path = "../wire/mod.rs"]
#[allow(dead_code, reason = "the program's half of the codec is in the same file")]
mod wire;

mod aside;
mod channel;
mod contained;
mod disk;
mod group;
mod landlock;
mod mounts;
mod namespaces;
mod outputs;
mod pace;
mod procs;
mod progress;
mod sys;
mod user;
mod watch;

use channel::Channel;
use std::os::{fd::FromRawFd, unix::net::UnixStream};
use sys::Trouble;
use wire::{Plan, Report, Walls};

fn main() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == wire::CONTAINED) {
        std::process::exit(contained::main());
    }
    // SAFETY: the program starts us with the socket as descriptor 0, and nothing else here owns that number.
    let mut socket = unsafe { UnixStream::from_raw_fd(0) };
    let Ok(plan) = Plan::read(&mut socket) else { std::process::exit(2) };
    if let Err(trouble) = run(&plan, &mut socket) {
        let _ = Report::Failed(trouble.step.into(), trouble.problem.into()).write(&mut socket);
        std::process::exit(1);
    }
}

/// Both stages; returns in the outer one when the inner one is over.
fn run(plan: &Plan, socket: &mut UnixStream) -> Result<(), Trouble> {
    sys::set_name(c"mecapy-shim");
    sys::new_session();
    if plan.walls != Walls::Namespaces {
        // Without a process namespace, orphans come to us so that they can be found and ended.
        sys::become_subreaper()?;
        return inner(plan, None, socket);
    }
    let clones = namespaces::enter(plan)?;
    match sys::fork("fork PID 1")? {
        0 => {
            let ended = inner(plan, Some(clones), socket);
            if let Err(trouble) = ended {
                let _ = Report::Failed(trouble.step.into(), trouble.problem.into()).write(socket);
            }
            std::process::exit(0)
        }
        child => {
            // The inner stage alone holds the ends of the pipes and the socket.
            drop(clones);
            sys::close_from(0);
            sys::wait_for(child);
            Ok(())
        }
    }
}

fn inner(plan: &Plan, clones: Option<mounts::Clones>, socket: &mut UnixStream) -> Result<(), Trouble> {
    if let Some(clones) = clones {
        // With the outer stage, PID 1 goes, and with PID 1 the whole namespace.
        sys::die_with_parent()?;
        mounts::build(plan, &clones)?;
    }
    // A process of the same uid could otherwise stop us by ptrace, and the clock with us.
    sys::set_undumpable()?;
    if plan.probe {
        let _ = Report::Started(landlock::abi().unwrap_or(0).into()).write(socket);
        return Ok(());
    }
    let ours = socket.try_clone().map_err(|error| Trouble::of("control socket", &error))?;
    watch::run(plan, &mut Channel::Socket(ours)).map(drop)
}
