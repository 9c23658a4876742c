//! The terminal of MecaPy: calculations are written, run in a sandbox, watched and shared.
//!
//! # Map
//!
//! - [`domain`] pure data and rules: ids, calculation, tool, file, limits, parameters, pages, safe text
//! - [`samples`] the tools that come with the program, embedded from `assets/tools`
//! - [`config`] settings from layers, each value with its origin
//! - [`session`] what is open while the program works: settings, database, store, person, log
//! - [`cli`] the verbs without a screen: `--json`, exit codes
//! - [`sandbox`] running code that nobody vouches for: the engine, its shim, the runtime contract
//! - [`runs`] the life of a run: submit, supervise, watch, deliver, reconcile
//! - [`db`] sea-orm entities and queries, one file a noun; the embedded file
//! - [`admin`] what an operator does with a database: upgrade, check, adopt, partition, secure, copy
//! - [`storage`] the bytes of files: upload, download, what a key is
//! - [`tui`] the screen: everything that knows the terminal
//!
//! Arrows point one way: `main -> cli, tui -> runs -> session -> db, storage, sandbox, config -> domain`, and
//! `cli -> admin -> db`; inside the screen `runtime -> app -> panes -> widgets`. A use case that the screen and the
//! command line share is one function in the folder that owns its noun.
//!
//! # Invariants
//!
//! `tests/it/repository` checks those that a program can check.
//!
//! 1. `panes`, `app` and `widgets` are synchronous and do no input or output: no async, no tokio, no database, no clock.
//! 2. Nothing outside `tui` names ratatui or crossterm; `domain` names no library that does input or output.
//! 3. No pane names another pane; they meet in `app` through facts and intents.
//! 4. Only `runtime` (and the services, inside themselves) spawns tasks; only `runtime` touches the terminal.
//! 5. State has one owner. No `Arc<Mutex<State>>` between tasks and the screen; results come back as plain data.
//! 6. `view` takes `&App`; drawing decides nothing. Geometry is one pure function that update and view share.
//! 7. No secret is in a message, an effect, a log line or a `Debug` output.
//! 8. Whatever is shown to the user as an error is also in the log, with its cause.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "mecapy runs on Linux only: its sandbox is made of Linux namespaces, Landlock and seccomp. \
     On another system, build it inside a Linux virtual machine or container."
);

pub mod admin;
pub mod cli;
pub mod config;
pub mod db;
pub mod domain;
mod faults;
pub mod runs;
pub mod samples;
pub mod sandbox;
pub mod session;
pub mod storage;
pub mod tui;
