//! The settings as the rest of the program sees them: plain data, already checked.

use super::{Paths, SecretUrl};
use crate::domain::limits::{Caps, Limits};
use std::path::PathBuf;

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where the rows are.
    pub database: Database,
    /// Where the bytes are.
    pub storage: Storage,
    /// mecapy's folders.
    pub paths: Paths,
    /// What calculations may use.
    pub limits: LimitSettings,
    /// Bounds of every run on this host.
    pub caps: Caps,
    /// How many runs go on at once.
    pub runs: Runs,
    /// The isolation of runs.
    pub sandbox: Sandbox,
    /// Where the container engine is.
    pub docker: Docker,
    /// The screen.
    pub screen: Screen,
    /// The log file.
    pub log: Log,
    /// The chosen profile.
    pub profile: Option<String>,
}

/// Where the rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// A database other than the embedded one.
    pub url: Option<SecretUrl>,
    /// Where `url` comes from, in words; shown wherever a foreign database is used.
    pub url_origin: String,
    /// Connections to a server that are kept for reuse.
    pub pool_size: u32,
    /// Connections beyond those.
    pub max_overflow: u32,
    /// Seconds that a task waits for a connection.
    pub pool_timeout: u32,
    /// Seconds after which a connection is replaced.
    pub recycle: u32,
    /// Seconds that a server may take to answer.
    pub connect_timeout: u32,
    /// Seconds that a statement may take; 0: any time.
    pub statement_timeout: u32,
    /// How much of TLS is demanded; `None`: what the host's place calls for.
    pub tls: Option<String>,
    /// The file of further authorities.
    pub tls_ca: Option<PathBuf>,
}

/// Where the bytes of files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The local object store.
    pub path: PathBuf,
}

/// Limits of calculations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitSettings {
    /// Of a calculation that says nothing.
    pub default: Limits,
    /// What a calculation may ask for.
    pub maximum: Limits,
}

/// How many runs go on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Of one person on this host.
    pub max_per_user: u32,
    /// Of everybody on this host.
    pub max_per_host: u32,
}

/// The isolation of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// Which engine.
    pub engine: Engine,
    /// Run even where nothing can be isolated.
    pub allow_unisolated: bool,
    /// The interpreter; `python3` of the PATH without one.
    pub python: Option<PathBuf>,
    /// The image of plain Python.
    pub image: String,
}

/// Where the container engine is: what Docker's own client knows by variables and flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Docker {
    /// `unix:///path` or `tcp://host:port`.
    pub host: Option<String>,
    /// What says so, in words.
    pub host_origin: String,
    /// The name of a context of Docker's client.
    pub context: Option<String>,
    /// What says so, in words.
    pub context_origin: String,
    /// Whether `host` is spoken to by TLS.
    pub tls_verify: bool,
    /// The folder of `ca.pem`, `cert.pem` and `key.pem`.
    pub cert_path: Option<PathBuf>,
    /// The folder of Docker's client: its contexts and credentials.
    pub config: PathBuf,
}

/// What runs the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// A container engine where one answers and has the image, else the sandbox made of the kernel's own means.
    Auto,
    /// A container engine, or nothing.
    Docker,
    /// The sandbox made of the kernel's own means.
    Builtin,
}

/// The screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// When to use colours.
    pub color: Color,
    /// Which colours.
    pub theme: Theme,
    /// Whether the mouse is captured.
    pub mouse: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Where the terminal has them and neither NO_COLOR nor CLICOLOR=0 speaks against it.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// The terminal's own 16.
    Terminal,
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
}

/// The log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// MiB before the file is set aside.
    pub max_mib: u64,
}
