//! Points in time as the connected database keeps them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};
use sea_orm::{
    ColIdx, DbBackend, DbErr, QueryResult, TryGetError, TryGetable,
    sea_query::{ArrayType, ColumnType, Nullable, Value, ValueType, ValueTypeErr},
};
use sqlx::Row as _;

/// A point in time, naive UTC, microseconds at most.
///
/// SQLite keeps it as text and compares it as text, so it is written in one spelling: SQLAlchemy's, with six
/// fractional digits. (The driver would write none, three, six or nine, and a page boundary at `.123` against a
/// stored `.123000` skips or repeats rows.)
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    at: NaiveDateTime,
    text: bool,
}

/// How SQLAlchemy spells a time on SQLite.
const SPELLING: &str = "%Y-%m-%d %H:%M:%S%.6f";

impl Timestamp {
    /// `at` as `backend` keeps it; what is below a microsecond is cut, as PostgreSQL would round it.
    pub fn new(backend: DbBackend, at: NaiveDateTime) -> Self {
        Self { at: microseconds(at), text: backend == DbBackend::Sqlite }
    }

    /// The time itself.
    pub const fn time(self) -> NaiveDateTime {
        self.at
    }
}

/// `at` without what is below a microsecond.
fn microseconds(at: NaiveDateTime) -> NaiveDateTime {
    // A leap second counts nanoseconds past 10^9; neither database knows one.
    at.with_nanosecond(at.nanosecond().min(999_999_999) / 1_000 * 1_000).unwrap_or(at)
}

/// The time that PostgreSQL sends as microseconds since the start of 2000; `-infinity` and `infinity` are the first and
/// the last instant of the years 1 to 9999, as in Python.
fn from_server(micros: i64) -> NaiveDateTime {
    const EPOCH: i64 = 946_684_800;
    const FIRST: i64 = -62_135_596_800;
    const LAST: i64 = 253_402_300_800 * 1_000_000 - 1;
    let since_1970 = (micros.saturating_add(EPOCH * 1_000_000)).clamp(FIRST * 1_000_000, LAST);
    (DateTime::UNIX_EPOCH + TimeDelta::microseconds(since_1970)).naive_utc()
}

/// Now, UTC, cut to microseconds.
pub(super) fn now() -> NaiveDateTime {
    microseconds(Utc::now().naive_utc())
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Timestamp {}

impl From<Timestamp> for Value {
    fn from(timestamp: Timestamp) -> Self {
        if timestamp.text {
            Self::String(Some(timestamp.at.format(SPELLING).to_string()))
        } else {
            Self::ChronoDateTime(Some(timestamp.at))
        }
    }
}

impl TryGetable for Timestamp {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        if let Some(server) = row.try_as_pg_row() {
            // As it is sent: the driver panics at what is beyond its calendar, and `infinity` is.
            let micros: Option<i64> = server
                .try_get_unchecked(index.as_sqlx_postgres_index())
                .map_err(|error| TryGetError::DbErr(DbErr::Type(format!("{index:?}: {error}"))))?;
            let micros = micros.ok_or_else(|| TryGetError::Null(format!("{index:?}")))?;
            return Ok(Self { at: from_server(micros), text: false });
        }
        // The driver tries one spelling after the other, which takes more than all else of a row.
        if let Some(file) = row.try_as_sqlite_row()
            && let Ok(Some(at)) =
                file.try_get::<Option<&str>, _>(index.as_sqlx_sqlite_index()).map(|text| text.and_then(spelled))
        {
            return Ok(Self { at, text: true });
        }
        let at = NaiveDateTime::try_get_by(row, index)?;
        Ok(Self { at, text: true })
    }
}

/// The time in a text in [`SPELLING`]; `None` in any other.
fn spelled(text: &str) -> Option<NaiveDateTime> {
    let text: &[u8; 26] = text.as_bytes().try_into().ok()?;
    let between = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':'), (19, b'.')];
    if between.iter().any(|(at, sign)| text[*at] != *sign) {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to]
            .iter()
            .try_fold(0, |number: u32, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
    };
    NaiveDate::from_ymd_opt(number(0, 4)?.cast_signed(), number(5, 7)?, number(8, 10)?)?.and_hms_micro_opt(
        number(11, 13)?,
        number(14, 16)?,
        number(17, 19)?,
        number(20, 26)?,
    )
}

impl ValueType for Timestamp {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        match value {
            Value::ChronoDateTime(Some(at)) => Ok(Self { at, text: false }),
            Value::String(Some(text)) => NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f")
                .map(|at| Self { at, text: true })
                .map_err(|_| ValueTypeErr),
            _ => Err(ValueTypeErr),
        }
    }

    fn type_name() -> String {
        "Timestamp".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::ChronoDateTime
    }

    fn column_type() -> ColumnType {
        ColumnType::DateTime
    }
}

impl Nullable for Timestamp {
    fn null() -> Value {
        Value::ChronoDateTime(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanosecond: u32) -> NaiveDateTime {
        NaiveDate::from_ymd_opt(2024, 1, 15).unwrap().and_hms_nano_opt(10, 20, 30, nanosecond).unwrap()
    }

    #[test]
    fn sqlite_gets_six_digits_whatever_the_fraction() {
        for (nanosecond, text) in [
            (0, "2024-01-15 10:20:30.000000"),
            (123_000_000, "2024-01-15 10:20:30.123000"),
            (123_456_789, "2024-01-15 10:20:30.123456"),
            (999_999_999, "2024-01-15 10:20:30.999999"),
        ] {
            let value = Value::from(Timestamp::new(DbBackend::Sqlite, at(nanosecond)));
            assert_eq!(value, Value::String(Some(text.to_owned())));
        }
    }

    #[test]
    fn the_one_spelling_is_read_and_every_other_is_left_to_the_driver() {
        for nanosecond in [0, 1_000, 123_000_000, 999_999_000] {
            assert_eq!(spelled(&at(nanosecond).format(SPELLING).to_string()), Some(at(nanosecond)));
        }
        for other in [
            "",
            "2024-01-15 10:20:30",
            "2024-01-15T10:20:30.000000",
            "2024-02-30 10:20:30.000000",
            "2024-01-15 10:20:60.000000",
            "2024-01-15 10:20:30.00000 ",
            "2024-01-15 10:20:30.00000é",
            "-024-01-15 10:20:30.000000",
        ] {
            assert_eq!(spelled(other), None, "{other}");
        }
    }

    #[test]
    fn a_leap_second_stays_inside_its_second() {
        let leap = NaiveDate::from_ymd_opt(2016, 12, 31).unwrap().and_hms_nano_opt(23, 59, 59, 1_500_000_000).unwrap();
        let value = Value::from(Timestamp::new(DbBackend::Sqlite, leap));
        assert_eq!(value, Value::String(Some("2016-12-31 23:59:59.999999".to_owned())));
    }

    #[test]
    fn what_a_server_sends_beyond_the_calendar_is_its_end() {
        let text = |micros| from_server(micros).format(SPELLING).to_string();
        assert_eq!(text(0), "2000-01-01 00:00:00.000000");
        assert_eq!(text(-1), "1999-12-31 23:59:59.999999");
        assert_eq!(text(758_629_230_123_456), "2024-01-15 10:20:30.123456");
        assert_eq!(text(i64::MAX), "9999-12-31 23:59:59.999999");
        assert_eq!(text(i64::MIN), "0001-01-01 00:00:00.000000");
    }

    #[test]
    fn postgres_gets_a_time_of_microseconds() {
        let value = Value::from(Timestamp::new(DbBackend::Postgres, at(123_456_789)));
        assert_eq!(value, Value::ChronoDateTime(Some(at(123_456_000))));
    }
}
