//! Variables of the surroundings that the PostgreSQL driver would obey and cannot be told to ignore.

use std::{env, os::unix::process::CommandExt as _, process::Command};

/// Everything else of libpq's variables is overruled where a connection is made.
const OBEYED: [&str; 3] = ["PGOPTIONS", "PGSSLCERT", "PGSSLKEY"];

/// Becomes the same program without them, where they are set: a variable that is meant for `psql` must not choose
/// whose certificate mecapy shows, or which schema it works in.
pub(super) fn forget_drivers_variables() {
    if OBEYED.iter().all(|name| env::var_os(name).is_none()) {
        return;
    }
    let mut arguments = env::args_os();
    let mut again = Command::new("/proc/self/exe");
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    again.args(arguments);
    for name in OBEYED {
        again.env_remove(name);
    }
    let error = again.exec();
    super::output::Output::default()
        .always_say(format_args!("mecapy: {} cannot be ignored: {error}", OBEYED.join(", ")));
}
