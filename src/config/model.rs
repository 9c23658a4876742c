//! The settings as the rest of the program sees them: plain data, already checked.
//!
//! A field is read from the key of its name in the section of its struct: the merged layers are deserialized into this.
//! A field without a setting, or a setting without a field, fails every load, the defaults' own included.

use super::{
    Paths, SecretUrl,
    read::{cores_unless_given, if_given, mib, unless_auto},
};
use crate::domain::limits::{Caps, Limits};
use serde::Deserialize;
use std::path::PathBuf;

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
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
    #[serde(with = "CapsKeys")]
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
    #[serde(skip)]
    pub profile: Option<String>,
}

/// Where the rows are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// A database other than the embedded one.
    #[serde(deserialize_with = "if_given")]
    pub url: Option<SecretUrl>,
    /// Where `url` comes from, in words; shown wherever a foreign database is used.
    #[serde(skip)]
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
    #[serde(deserialize_with = "unless_auto")]
    pub tls: Option<String>,
    /// The file of further authorities.
    #[serde(deserialize_with = "if_given")]
    pub tls_ca: Option<PathBuf>,
}

/// Where the bytes of files are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// The local object store.
    pub path: PathBuf,
}

/// Limits of calculations.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(from = "LimitKeys")]
pub struct LimitSettings {
    /// Of a calculation that says nothing.
    pub default: Limits,
    /// What a calculation may ask for.
    pub maximum: Limits,
}

/// The keys of [`LimitSettings`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitKeys {
    timeout: u32,
    memory: u32,
    cpu: f64,
    max_timeout: u32,
    max_memory: u32,
    max_cpu: f64,
}

impl From<LimitKeys> for LimitSettings {
    fn from(keys: LimitKeys) -> Self {
        Self {
            default: Limits { timeout: keys.timeout, memory_limit: keys.memory, cpu_limit: keys.cpu },
            maximum: Limits { timeout: keys.max_timeout, memory_limit: keys.max_memory, cpu_limit: keys.max_cpu },
        }
    }
}

/// The keys of [`Caps`], of which those in MiB have other names than its fields.
#[derive(Deserialize)]
#[serde(remote = "Caps", deny_unknown_fields)]
struct CapsKeys {
    pids: u32,
    #[serde(rename = "log_mib", deserialize_with = "mib")]
    log_bytes: u64,
    output_files: u32,
    #[serde(rename = "output_mib", deserialize_with = "mib")]
    output_bytes: u64,
    #[serde(rename = "scratch_mib", deserialize_with = "mib")]
    scratch_bytes: u64,
    #[serde(rename = "tmp_mib", deserialize_with = "mib")]
    tmp_bytes: u64,
    grace: u32,
}

/// How many runs go on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// Of one person on this host.
    pub max_per_user: u32,
    /// Of everybody on this host.
    #[serde(deserialize_with = "cores_unless_given")]
    pub max_per_host: u32,
}

/// The isolation of runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// Which engine.
    pub engine: Engine,
    /// Run even where nothing can be isolated.
    pub allow_unisolated: bool,
    /// The interpreter; `python3` of the PATH without one.
    #[serde(deserialize_with = "if_given")]
    pub python: Option<PathBuf>,
    /// The image of plain Python.
    pub image: String,
}

/// Where the container engine is: what Docker's own client knows by variables and flags.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Docker {
    /// `unix:///path` or `tcp://host:port`.
    #[serde(deserialize_with = "if_given")]
    pub host: Option<String>,
    /// What says so, in words.
    #[serde(skip)]
    pub host_origin: String,
    /// The name of a context of Docker's client.
    #[serde(deserialize_with = "if_given")]
    pub context: Option<String>,
    /// What says so, in words.
    #[serde(skip)]
    pub context_origin: String,
    /// Whether `host` is spoken to by TLS.
    pub tls_verify: bool,
    /// The folder of `ca.pem`, `cert.pem` and `key.pem`.
    #[serde(deserialize_with = "if_given")]
    pub cert_path: Option<PathBuf>,
    /// The folder of Docker's client: its contexts and credentials.
    pub config: PathBuf,
}

/// What runs the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// A container engine where one answers and has the image, else the sandbox made of the kernel's own means.
    Auto,
    /// A container engine, or nothing.
    Docker,
    /// The sandbox made of the kernel's own means.
    Builtin,
}

/// The screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screen {
    /// When to use colours.
    pub color: Color,
    /// Which colours.
    pub theme: Theme,
    /// Whether the mouse is captured.
    pub mouse: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// Where the terminal has them and neither NO_COLOR nor CLICOLOR=0 speaks against it.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// The terminal's own 16.
    Terminal,
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
}

/// The log file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// MiB before the file is set aside.
    pub max_mib: u64,
}
