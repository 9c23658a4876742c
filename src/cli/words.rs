//! Figures and states as sentences of the command line.

use crate::domain::{calculation::CalculationRow, status::Status};
use chrono::{Local, NaiveDateTime, TimeZone as _};

/// A stored time (UTC) in the user's zone, with the zone.
pub fn local(utc: NaiveDateTime) -> String {
    Local.from_utc_datetime(&utc).format("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// The state of a row: glyph and word, with what makes it special.
pub fn status(row: &CalculationRow) -> String {
    let glyph = row.status.glyph();
    match row.status {
        Status::Pending if !row.queued => format!("{glyph} not started"),
        Status::Failed => match row.error_kind.as_deref() {
            Some("timeout") => format!("{glyph} timed out"),
            _ => format!("{glyph} failed"),
        },
        status => format!("{glyph} {status}"),
    }
}
