//! What the screen and the command line work with once the program is open: settings, identity, log.

pub mod identity;
pub mod logging;
