//! Why a spool folder cannot be read or written.

use std::{io, path::PathBuf};

/// Why a spool folder cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that does not read as what it should be.
    #[error("{path} cannot be read: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Written by a newer program.
    #[error("{path} has format {found}, this mecapy knows up to {known}; a newer mecapy must finish that run")]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest one that this program knows.
        known: u32,
    },
}

impl SpoolError {
    /// Whether the disk is full: it may pass, so it is tried again.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}
