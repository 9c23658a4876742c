//! The monthly partitions of `calculations` on a server, as anybody who may connect sees them.

use crate::domain::statistics::Gap;
use chrono::{Datelike as _, NaiveDate, NaiveDateTime};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use serde::Serialize;
use std::{fmt, str::FromStr};

/// What catches the rows that no month takes.
pub const DEFAULT: &str = "calculations_default";
/// The schema that months are detached into.
pub const ARCHIVE: &str = "archive";
/// So many months are made ahead of time unless told otherwise.
pub const AHEAD: u32 = 3;

/// A month of a year between 1 and 9999, as times without a zone have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: i32,
    month: u32,
}

impl Month {
    /// The month of a point in time; `None` outside the years that names have room for.
    pub fn of(at: NaiveDateTime) -> Option<Self> {
        (1..=9999).contains(&at.year()).then(|| Self { year: at.year(), month: at.month() })
    }

    /// The month that is so many later.
    #[must_use]
    pub fn plus(self, months: u32) -> Self {
        let all = self.month - 1 + months;
        Self { year: self.year + i32::try_from(all / 12).unwrap_or_default(), month: all % 12 + 1 }
    }

    /// Its first day as SQL spells it.
    pub fn start(self) -> String {
        format!("{:04}-{:02}-01", self.year, self.month)
    }

    /// The name of its partition, as the platform's description has it.
    pub fn partition(self) -> String {
        format!("calculations_y{:04}m{:02}", self.year, self.month)
    }

    fn first(self) -> Option<NaiveDateTime> {
        NaiveDate::from_ymd_opt(self.year, self.month, 1)?.and_hms_opt(0, 0, 0)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (year, month) = text.split_once('-')?;
            let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
            let is_right = digits(year, 4) && digits(month, 2);
            let found = Self { year: year.parse().ok()?, month: month.parse().ok()? };
            (is_right && found.year > 0 && (1..=12).contains(&found.month)).then_some(found)
        };
        read().ok_or_else(|| format!("{text}: write a month as 2024-01"))
    }
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Its table.
    pub name: String,
    /// Where it begins, UTC; `None` for the default one, or where it takes everything before its end.
    #[serde(serialize_with = "crate::domain::time::utc")]
    pub from: Option<NaiveDateTime>,
    /// Where it ends, exclusive.
    #[serde(serialize_with = "crate::domain::time::utc")]
    pub to: Option<NaiveDateTime>,
    /// Whether it catches what no other takes.
    pub is_default: bool,
    /// Rows, as the server last estimated them.
    pub rows: Option<i64>,
    /// Bytes, with its indexes.
    pub bytes: i64,
    /// Bytes of its rows alone.
    #[serde(skip)]
    pub heap: i64,
}

/// All partitions of `calculations`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Partitions {
    /// By name.
    pub all: Vec<Partition>,
    /// Now, UTC, by the server's clock.
    #[serde(serialize_with = "crate::domain::time::utc")]
    pub now: NaiveDateTime,
}

impl Partitions {
    /// The months from the present one on, `ahead` further ones with it, that no partition takes.
    pub fn missing(&self, ahead: u32) -> Vec<Month> {
        let Some(now) = Month::of(self.now) else { return Vec::new() };
        (0..=ahead).map(|months| now.plus(months)).filter(|month| !self.takes(*month)).collect()
    }

    /// Whether a partition other than the default one takes the rows of a month.
    pub fn takes(&self, month: Month) -> bool {
        let Some(first) = month.first() else { return false };
        self.all.iter().filter(|partition| !partition.is_default).any(|partition| {
            partition.from.is_none_or(|from| from <= first) && partition.to.is_none_or(|to| first < to)
        })
    }

    /// The partition that catches the rest.
    pub fn rest(&self) -> Option<&Partition> {
        self.all.iter().find(|partition| partition.is_default)
    }

    /// What an operator should know: months that are missing now or soon, rows that no month took.
    pub fn gaps(&self) -> Vec<Gap> {
        const MAKES: &str = "mecapy db partition --yes makes the months";
        let mut gaps = Vec::new();
        // The next one too, so that there is time.
        let missing: Vec<String> = self.missing(1).iter().map(ToString::to_string).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            gaps.push(Gap::until(format!("calculations has no partition for {missing}"), MAKES));
        }
        match self.rest() {
            None => gaps.push(Gap::until(
                "calculations has no default partition: rows outside the months are refused",
                "mecapy db partition --yes makes it",
            )),
            Some(rest) if rest.heap > 0 => gaps.push(Gap::until(
                format!("rows outside the months of calculations lie in {}", rest.name),
                "mecapy db partition --yes moves those of past months; times far ahead come from a wrong clock",
            )),
            Some(_) => {}
        }
        gaps
    }
}

/// Looks; `None` where `calculations` is one table.
pub async fn look(connection: &impl ConnectionTrait) -> Result<Option<Partitions>, DbErr> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(None);
    }
    let sql = "SELECT c.relname::text AS name, pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound, \
               nullif(c.reltuples, -1)::bigint AS rows, pg_catalog.pg_total_relation_size(c.oid) AS bytes, \
               pg_catalog.pg_relation_size(c.oid) AS heap, now() AT TIME ZONE 'utc' AS now \
               FROM pg_catalog.pg_class p LEFT JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid \
               LEFT JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid \
               WHERE p.relnamespace = current_schema()::text::regnamespace AND p.relname = 'calculations' \
               AND p.relkind = 'p' ORDER BY c.relname";
    let rows = connection.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut found = Partitions { all: Vec::new(), now: first.try_get("", "now")? };
    for row in &rows {
        let Some(name) = row.try_get::<Option<String>>("", "name")? else { continue };
        let bound: String = row.try_get::<Option<String>>("", "bound")?.unwrap_or_default();
        found.all.push(Partition {
            name,
            from: time_after(&bound, "FROM ('"),
            to: time_after(&bound, "TO ('"),
            is_default: bound == "DEFAULT",
            rows: row.try_get("", "rows")?,
            bytes: row.try_get("", "bytes")?,
            heap: row.try_get("", "heap")?,
        });
    }
    Ok(Some(found))
}

/// The time behind a word of a bound, as the server prints it.
fn time_after(bound: &str, word: &str) -> Option<NaiveDateTime> {
    let text = bound.split_once(word)?.1.split_once('\'')?.0;
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    fn partition(name: &str, from: &str, to: &str) -> Partition {
        Partition {
            name: name.to_owned(),
            from: month(from).first(),
            to: month(to).first(),
            is_default: false,
            rows: None,
            bytes: 0,
            heap: 0,
        }
    }

    #[test]
    fn months_have_the_names_of_the_description() {
        assert_eq!(month("2024-01").partition(), "calculations_y2024m01");
        assert_eq!((month("2024-12").plus(1), month("2024-12").plus(26)), (month("2025-01"), month("2027-02")));
        assert_eq!((month("0987-06").start(), month("2024-06").to_string()), ("0987-06-01".into(), "2024-06".into()));
        for wrong in ["2024-13", "2024-00", "2024-1", "24-01", "2024", "0000-01", "+024-01", ""] {
            assert!(wrong.parse::<Month>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn bounds_are_read_as_the_server_prints_them() {
        let bound = "FOR VALUES FROM ('2024-01-01 00:00:00') TO ('2024-02-01 00:00:00')";
        assert_eq!(time_after(bound, "FROM ('"), month("2024-01").first());
        assert_eq!(time_after(bound, "TO ('"), month("2024-02").first());
        assert_eq!(time_after("FOR VALUES FROM (MINVALUE) TO ('2024-02-01 00:00:00')", "FROM ('"), None);
    }

    #[test]
    fn missing_months_are_told_with_what_makes_them() {
        let mut found = Partitions { all: vec![partition("a", "2024-01", "2024-03")], now: NaiveDateTime::default() };
        found.now = month("2024-02").first().unwrap();
        assert_eq!(found.missing(2), [month("2024-03"), month("2024-04")]);
        let told: Vec<String> = found.gaps().iter().map(ToString::to_string).collect();
        assert_eq!(told[0], "calculations has no partition for 2024-03; mecapy db partition --yes makes the months");
        assert!(told[1].contains("no default partition"), "{told:?}");
        found.all.push(partition("b", "2024-03", "2024-04"));
        found.all.push(Partition { is_default: true, from: None, to: None, ..partition("d", "2024-01", "2024-02") });
        assert_eq!(found.gaps(), []);
        found.all[2].heap = 8_192;
        assert!(found.gaps()[0].to_string().contains("lie in d"), "{:?}", found.gaps());
    }
}
