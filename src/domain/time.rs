//! How a point in time is told to other programs.

use chrono::{NaiveDateTime, SecondsFormat};
use serde::{Serialize as _, Serializer};

/// RFC 3339 in UTC, with microseconds always, so that such texts sort as the times do: `2024-01-15T10:20:30.000000Z`.
pub fn rfc3339(utc: NaiveDateTime) -> String {
    utc.and_utc().to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A field (UTC) as [`rfc3339`] spells it, or null: `#[serde(serialize_with = "time::utc")]`.
pub fn utc<T, S>(time: &T, to: S) -> Result<S::Ok, S::Error>
where
    T: Copy + Into<Option<NaiveDateTime>>,
    S: Serializer,
{
    (*time).into().map(rfc3339).serialize(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    #[derive(serde::Serialize)]
    struct Times {
        #[serde(serialize_with = "utc")]
        always: NaiveDateTime,
        #[serde(serialize_with = "utc")]
        sometimes: Option<NaiveDateTime>,
    }

    #[test]
    fn times_carry_their_zone_and_sort_as_text() {
        let at = |micro| NaiveDate::from_ymd_opt(2024, 1, 15).unwrap().and_hms_micro_opt(10, 20, 30, micro).unwrap();
        let json = |times: &Times| serde_json::to_string(times).unwrap();
        assert_eq!(
            json(&Times { always: at(0), sometimes: Some(at(120_000)) }),
            r#"{"always":"2024-01-15T10:20:30.000000Z","sometimes":"2024-01-15T10:20:30.120000Z"}"#
        );
        assert_eq!(
            json(&Times { always: at(1), sometimes: None }),
            r#"{"always":"2024-01-15T10:20:30.000001Z","sometimes":null}"#
        );
        assert!(rfc3339(at(0)) < rfc3339(at(1)));
    }
}
