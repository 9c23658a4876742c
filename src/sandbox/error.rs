//! What can go wrong around a sandbox. None of it is the fault of the code that was to run.

use super::python::PythonError;
use std::{io, path::PathBuf};

/// Trouble of the engine or the host.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The host offers no isolation and the configuration does not allow to go without.
    #[error("this host isolates nothing ({reason}); sandbox.allow_unisolated = true runs code with your own rights")]
    Unisolated {
        /// What was tried and failed.
        reason: String,
    },
    /// The code needs what this level cannot give.
    #[error("{0}")]
    Refused(String),
    /// The image is to be fetched first, which nobody agreed to.
    #[error(
        "the image {image} is not on this host: `mecapy images pull {image}` fetches it, or run with --pull{}",
        if *.instead { "; to run it with this host's Python all the same, say so: --engine builtin" } else { "" }
    )]
    ImageMissing {
        /// Its name.
        image: String,
        /// Whether the built-in engine could run the code instead, where the person says so.
        instead: bool,
    },
    /// A step of the set-up failed.
    #[error("sandbox: {step}: {problem}")]
    Setup {
        /// The step, with the path it was about.
        step: String,
        /// What the kernel said.
        problem: String,
    },
    /// The shim could not be started.
    #[error("sandbox: cannot start its supervisor process: {0}")]
    Spawn(#[source] io::Error),
    /// The shim ended without saying how the run ended.
    #[error("sandbox: its supervisor process ended unexpectedly ({0}); everything in the sandbox ended with it")]
    Lost(String),
    /// No usable interpreter.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// Trouble of the container engine, in words.
    #[error("{0}")]
    Container(String),
    /// A folder of the run is not there or cannot be used.
    #[error("sandbox: {}: {source}", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
