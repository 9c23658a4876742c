//! Figures and states as sentences of the command line.

use crate::domain::calculation::CalculationRow;
use chrono::{Local, NaiveDateTime, TimeZone as _};

/// A stored time (UTC) in the user's zone, with the zone.
pub fn local(utc: NaiveDateTime) -> String {
    Local.from_utc_datetime(&utc).format("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// The state of a row: glyph and word, with what makes it special.
pub fn status(row: &CalculationRow) -> String {
    format!("{} {}", row.status.glyph(), row.state())
}
