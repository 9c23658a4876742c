//! How the connections to a shared database are made and kept.

use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// Settings of the connections to a PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Connections that may be kept for reuse.
    pub pool_size: u32,
    /// Connections beyond those, closed as soon as they are given back.
    pub max_overflow: u32,
    /// So long a task waits for a connection when all are in use.
    pub pool_timeout: Duration,
    /// A connection older than this is replaced.
    pub recycle: Duration,
    /// A connection that rests longer than this is closed.
    pub idle_timeout: Duration,
    /// A listening connection without a message for so long is asked whether its server is still there.
    pub quiet: Duration,
    /// So long a server may take to answer a new connection.
    pub connect_timeout: Duration,
    /// So long one statement may take; none where it is zero.
    pub statement_timeout: Duration,
    /// `disable`, `prefer`, `require`, `verify-ca` or `verify-full`; without one `verify-full`, and `prefer` for a
    /// server of this very host. The address may say otherwise.
    pub tls: Option<String>,
    /// Certificates (PEM) of authorities to trust beside the usual ones.
    pub root_certificate: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pool_size: 10,
            max_overflow: 20,
            pool_timeout: Duration::from_secs(30),
            recycle: Duration::from_hours(1),
            idle_timeout: Duration::from_mins(1),
            // One wake-up in so long; a firewall forgets a silent connection after minutes.
            quiet: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_mins(1),
            tls: None,
            root_certificate: None,
        }
    }
}
