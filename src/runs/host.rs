//! Which machine this is.

/// The host's name: runs belong to the host they were submitted on.
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
