//! Keyset pages: lists are read by windows from an index, never by OFFSET and never whole.

use serde::{Deserialize, Serialize};

/// Which way a page is read from its anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Direction {
    /// Rows after the anchor, in the order of the list.
    #[default]
    Forward,
    /// Rows before the anchor; the page is still given in the order of the list.
    Backward,
}

/// A row's place in its list: the value of the sort column as the database spells it, and the id that breaks ties.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The sort column's value; `Null` rows stand last in either order.
    pub value: CursorValue,
    /// The row's id.
    pub id: i64,
}

/// The value of a sort column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum CursorValue {
    /// No value.
    Null,
    /// An id or a count.
    Integer(i64),
    /// A duration, seconds.
    Real(f64),
    /// A name.
    Text(String),
    /// UTC.
    Time(chrono::NaiveDateTime),
}

/// Which rows to read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageRequest {
    /// Read next to this row; from the list's start (or its end, backwards) without one.
    pub anchor: Option<Cursor>,
    /// Which way.
    pub direction: Direction,
    /// At most so many rows.
    pub limit: u32,
}

impl PageRequest {
    /// The first `limit` rows.
    pub const fn first(limit: u32) -> Self {
        Self { anchor: None, direction: Direction::Forward, limit }
    }

    /// The last `limit` rows.
    pub const fn last(limit: u32) -> Self {
        Self { anchor: None, direction: Direction::Backward, limit }
    }
}

/// A window of a list, in the list's order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Each row's place, for the next request; as long as `rows`.
    pub cursors: Vec<Cursor>,
    /// Whether rows stand before the first one.
    pub more_before: bool,
    /// Whether rows stand after the last one.
    pub more_after: bool,
}

impl<T> Page<T> {
    /// A page without rows.
    pub const fn empty() -> Self {
        Self { rows: Vec::new(), cursors: Vec::new(), more_before: false, more_after: false }
    }
}

/// The columns that the list of calculations sorts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum CalculationSort {
    /// When it was made.
    #[default]
    Created,
    /// By name.
    Name,
    /// By status.
    Status,
    /// When it started; never started last.
    Started,
    /// How long it ran; never run last.
    Duration,
}

/// What a list of calculations shows.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CalculationQuery {
    /// The column.
    pub sort: CalculationSort,
    /// Smallest first instead of largest (newest) first.
    pub ascending: bool,
    /// Only these states; all where empty.
    pub statuses: Vec<super::status::Status>,
    /// Only names that contain this text, whatever its case.
    pub text: String,
}
