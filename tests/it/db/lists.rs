//! Lists of calculations: every order, filter and direction against the same rows sorted here.

use super::{
    engines::{Place, on_each_engine},
    story::identity,
};
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use mecapy::{
    db::{Db, calculations, users},
    domain::{
        calculation::CalculationRow,
        id::UserId,
        page::{CalculationQuery, CalculationSort, Direction, Page, PageRequest},
        status::Status,
    },
};
use sea_orm::ConnectionTrait;
use std::{cmp::Ordering, fmt::Write};

const SORTS: [CalculationSort; 5] = [
    CalculationSort::Created,
    CalculationSort::Name,
    CalculationSort::Status,
    CalculationSort::Started,
    CalculationSort::Duration,
];

fn instant(second: i64, microsecond: i64) -> NaiveDateTime {
    let start = NaiveDate::from_ymd_opt(2024, 1, 15).unwrap().and_hms_opt(10, 20, 30).unwrap();
    start + TimeDelta::seconds(second) + TimeDelta::microseconds(microsecond)
}

/// As SQLAlchemy writes a time into SQLite.
fn python(at: NaiveDateTime) -> String {
    format!("'{}'", at.format("%Y-%m-%d %H:%M:%S%.6f"))
}

/// Rows with ties and gaps in every column, written as another program does. Deterministic.
async fn fill(place: &Place, user: UserId, count: i64) {
    let mut sql = String::new();
    for n in 0..count {
        let status = Status::ALL[(n * 7 % 5) as usize];
        let name = ["Beam", "beam", "Bolt M12", "Équilibre", "100 % \"load\"", "a_b"][(n * 11 % 6) as usize];
        // Fractions that SQLAlchemy pads: .123 is written .123000.
        let created = instant(n % 13, [0, 123_000, 123_456, 500_000][(n % 4) as usize]);
        let started = if n % 3 == 0 { "NULL".to_owned() } else { python(instant(n % 5, n % 2 * 123_000)) };
        let duration = if n % 4 == 1 { "NULL".to_owned() } else { format!("{}", (n % 6) as f64 / 4.0) };
        write!(
            sql,
            "INSERT INTO calculations (user_id, name, status, code, created_at, updated_at, started_at, execution_time) \
             VALUES ({user}, '{name}', '{status}', 'x', {0}, {0}, {started}, {duration});",
            python(created)
        )
        .unwrap();
    }
    place.connect().await.execute_unprepared(&sql).await.unwrap();
}

async fn all(db: &Db, user: UserId) -> Vec<CalculationRow> {
    calculations::page(db, user, &CalculationQuery::default(), &PageRequest::first(100_000)).await.unwrap().rows
}

/// The order that the list promises: NULLs last either way, ties by id.
fn compare(query: &CalculationQuery, a: &CalculationRow, b: &CalculationRow) -> Ordering {
    fn nulls_last<T: PartialOrd>(a: Option<T>, b: Option<T>) -> Result<Ordering, Ordering> {
        match (a, b) {
            (None, Some(_)) => Err(Ordering::Greater),
            (Some(_), None) => Err(Ordering::Less),
            (a, b) => Ok(a.partial_cmp(&b).unwrap()),
        }
    }
    let by_value = match query.sort {
        CalculationSort::Created => Ok(a.created_at.cmp(&b.created_at)),
        CalculationSort::Name => Ok(a.name.to_ascii_lowercase().cmp(&b.name.to_ascii_lowercase())),
        CalculationSort::Status => Ok(a.status.name().cmp(b.status.name())),
        CalculationSort::Started => nulls_last(a.started_at, b.started_at),
        CalculationSort::Duration => nulls_last(a.execution_time, b.execution_time),
    };
    match by_value {
        Err(order) => order,
        Ok(order) => {
            let order = order.then(a.id.cmp(&b.id));
            if query.ascending { order } else { order.reverse() }
        }
    }
}

/// Reads the whole list by pages of `limit`, from its start or from its end.
async fn walk(
    db: &Db,
    user: UserId,
    query: &CalculationQuery,
    direction: Direction,
    limit: u32,
) -> Vec<CalculationRow> {
    let mut rows: Vec<CalculationRow> = Vec::new();
    let mut request = PageRequest { anchor: None, direction, limit };
    loop {
        let Page { rows: page, cursors, more_before, more_after } =
            calculations::page(db, user, query, &request).await.unwrap();
        assert_eq!(page.len(), cursors.len());
        let (ahead, behind) = match direction {
            Direction::Forward => (more_after, more_before),
            Direction::Backward => (more_before, more_after),
        };
        assert_eq!(behind, !rows.is_empty(), "{query:?} {direction:?}: rows behind the page");
        request.anchor = match direction {
            Direction::Forward => cursors.last().cloned(),
            Direction::Backward => cursors.first().cloned(),
        };
        match direction {
            Direction::Forward => rows.extend(page),
            Direction::Backward => {
                rows.splice(0..0, page);
            }
        }
        if !ahead {
            return rows;
        }
    }
}

async fn every_order_pages_without_skipping_or_repeating(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let bob = users::sign_in(&db, &identity("bob")).await.unwrap().id;
    fill(&place, bob, 20).await;
    fill(&place, ann, 180).await;
    let rows = all(&db, ann).await;
    assert_eq!(rows.len(), 180, "only her own");
    for sort in SORTS {
        for ascending in [false, true] {
            for statuses in
                [vec![], vec![Status::Pending], vec![Status::Failed, Status::Completed], vec![Status::Running]]
            {
                for text in ["", "beam", "BO", "é", "équ", "% \"lo", "_b", "nothing like it"] {
                    let query = CalculationQuery { sort, ascending, statuses: statuses.clone(), text: text.to_owned() };
                    let mut expected: Vec<CalculationRow> = rows
                        .iter()
                        .filter(|row| statuses.is_empty() || statuses.contains(&row.status))
                        .filter(|row| {
                            let name = row.name.to_lowercase();
                            let text = text.to_lowercase();
                            if text.chars().count() < 3 { name.starts_with(&text) } else { name.contains(&text) }
                        })
                        .cloned()
                        .collect();
                    expected.sort_by(|a, b| compare(&query, a, b));
                    for (direction, limit) in [(Direction::Forward, 7), (Direction::Backward, 11)] {
                        let found = walk(&db, ann, &query, direction, limit).await;
                        assert_eq!(
                            found.iter().map(|row| row.id).collect::<Vec<_>>(),
                            expected.iter().map(|row| row.id).collect::<Vec<_>>(),
                            "{query:?} {direction:?}"
                        );
                    }
                    let count = calculations::count(&db, ann, &query).await.unwrap();
                    assert_eq!(count, expected.len() as u64, "{query:?}");
                }
            }
        }
    }
}

async fn a_text_in_nearly_every_name_is_found_by_walking(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let mut sql = String::from("BEGIN;");
    for n in 0..3_000 {
        let name = if n % 10 == 0 { "plate" } else { "Beam under load" };
        write!(sql, "INSERT INTO calculations (user_id, name, code) VALUES ({ann}, '{name} {n:04}', 'x');").unwrap();
    }
    sql.push_str("COMMIT;");
    place.connect().await.execute_unprepared(&sql).await.unwrap();
    for text in ["UNDER", "be"] {
        let query = CalculationQuery {
            text: text.to_owned(),
            sort: CalculationSort::Name,
            ascending: true,
            ..Default::default()
        };
        assert_eq!(calculations::count(&db, ann, &query).await.unwrap(), 2_700);
        for direction in [Direction::Forward, Direction::Backward] {
            let found = walk(&db, ann, &query, direction, 100).await;
            assert_eq!(found.len(), 2_700);
            assert!(found.is_sorted_by(|a, b| a.name < b.name));
        }
    }
}

async fn many_matches_far_from_the_page_are_found_through_the_search_index(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let mut sql = String::from("BEGIN;");
    for n in 0..7_500 {
        let name = if n < 4_400 { "Old beam" } else { "plate" };
        let at = python(instant(n, 0));
        write!(
            sql,
            "INSERT INTO calculations (user_id, name, code, created_at) VALUES ({ann}, '{name} {n}', 'x', {at});"
        )
        .unwrap();
    }
    sql.push_str("COMMIT;");
    place.connect().await.execute_unprepared(&sql).await.unwrap();
    for text in ["beam", "ol"] {
        let query = CalculationQuery { text: text.to_owned(), ..Default::default() };
        for direction in [Direction::Forward, Direction::Backward] {
            let found = walk(&db, ann, &query, direction, 600).await;
            let ids: Vec<i64> = found.iter().map(|row| row.id.0).collect();
            assert_eq!(ids, (1..=4_400).rev().collect::<Vec<_>>(), "{text} {direction:?}");
        }
    }
}

async fn a_name_is_found_by_itself_in_any_case_and_counted_alike(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let names = ["İstanbul", "ΣΊΣΥΦΟΣ", "\u{212a}ELVIN", "STRAẞE", "ılık", "ᲐᲑᲒ", "ſtress", "Équilibre"];
    for name in names {
        calculations::create(&db, ann, &super::story::calculation(name)).await.unwrap();
    }
    let parts = ["Σί", "kelvin", "ke", "straße", "st", "İs", "ıl", "ᲐᲑ", "ÉQ", "équ"];
    // How letters at the end of a word or of an old print fold is the server's own affair.
    let sqlites = ["σίσυφος", "σίσυφοσ", "STRESS"];
    for text in names.into_iter().chain(parts).chain(place.pick(&sqlites[..], &[]).iter().copied()) {
        let query = CalculationQuery { text: text.to_owned(), ..Default::default() };
        let found = calculations::page(&db, ann, &query, &PageRequest::first(10)).await.unwrap().rows;
        let found: Vec<&str> = found.iter().map(|row| row.name.as_str()).collect();
        assert!(!found.is_empty() && (!names.contains(&text) || found.contains(&text)), "{text}: {found:?}");
        assert_eq!(calculations::count(&db, ann, &query).await.unwrap(), found.len() as u64, "{text}");
    }
}

async fn more_memory_than_the_column_is_meant_for_is_read(place: Place) {
    if place.is_postgres() {
        // The column takes no more there.
        return;
    }
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    fill(&place, ann, 1).await;
    place.connect().await.execute_unprepared("UPDATE calculations SET memory_used = 1 << 40").await.unwrap();
    let row = all(&db, ann).await.remove(0);
    assert_eq!(row.memory_used, Some(1 << 40));
    assert_eq!(calculations::get(&db, ann, row.id).await.unwrap().unwrap().memory_used, Some(1 << 40));
}

async fn a_page_survives_rows_that_come_and_go(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    fill(&place, ann, 30).await;
    let query = CalculationQuery { sort: CalculationSort::Name, ascending: true, ..Default::default() };
    let first = calculations::page(&db, ann, &query, &PageRequest::first(10)).await.unwrap();
    let request = PageRequest { anchor: first.cursors.last().cloned(), direction: Direction::Forward, limit: 10 };
    let second = calculations::page(&db, ann, &query, &request).await.unwrap();
    // The anchor's own row goes, and so do all before it: the next page is the same.
    for row in &first.rows {
        place
            .connect()
            .await
            .execute_unprepared(&format!("DELETE FROM calculations WHERE id = {}", row.id))
            .await
            .unwrap();
    }
    let again = calculations::page(&db, ann, &query, &request).await.unwrap();
    assert_eq!(again.rows, second.rows);
    assert!(second.more_before && !again.more_before);
    // A renamed row moves in the search index as well.
    let id = again.rows[0].id;
    place
        .connect()
        .await
        .execute_unprepared(&format!("UPDATE calculations SET name = 'Zylinder' WHERE id = {id}"))
        .await
        .unwrap();
    let query = CalculationQuery { text: "zylinder".to_owned(), ..Default::default() };
    let found = calculations::page(&db, ann, &query, &PageRequest::first(10)).await.unwrap();
    assert_eq!(found.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id]);
}

async fn an_anchor_of_another_order_is_refused(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    fill(&place, ann, 5).await;
    let first = calculations::page(&db, ann, &CalculationQuery::default(), &PageRequest::first(1)).await.unwrap();
    let request = PageRequest { anchor: first.cursors.last().cloned(), direction: Direction::Forward, limit: 1 };
    let query = CalculationQuery { sort: CalculationSort::Name, ..Default::default() };
    let error = calculations::page(&db, ann, &query, &request).await.unwrap_err().to_string();
    assert!(error.contains("no place in a list sorted by Name"), "{error}");
}

/// The rows as SQLAlchemy 2 wrote them: six digits always, so that a page boundary at .123 is none between spellings.
async fn rows_that_python_wrote_page_whole(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    for time in ["10:20:30.000000", "10:20:30.123000", "10:20:30.123000", "10:20:30.123456", "10:20:31.000000"] {
        let sql = format!(
            "INSERT INTO calculations (user_id, name, description, status, started_at, completed_at, code, created_at, \
             updated_at) VALUES ({ann}, 'from python', NULL, 'completed', '2024-01-15 {time}', NULL, 'x', \
             '2024-01-15 {time}', '2024-01-15 {time}')"
        );
        place.connect().await.execute_unprepared(&sql).await.unwrap();
    }
    for sort in [CalculationSort::Created, CalculationSort::Started] {
        for ascending in [false, true] {
            for direction in [Direction::Forward, Direction::Backward] {
                let query = CalculationQuery { sort, ascending, ..Default::default() };
                let mut ids: Vec<i64> = walk(&db, ann, &query, direction, 1).await.iter().map(|row| row.id.0).collect();
                if !ascending {
                    ids.reverse();
                }
                assert_eq!(ids, [1, 2, 3, 4, 5], "{query:?} {direction:?}");
            }
        }
    }
    let row = calculations::row(&db, ann, mecapy::domain::id::CalculationId(2)).await.unwrap().unwrap();
    assert_eq!(row.started_at, Some(instant(0, 123_000)));
}

on_each_engine!(
    every_order_pages_without_skipping_or_repeating,
    a_text_in_nearly_every_name_is_found_by_walking,
    many_matches_far_from_the_page_are_found_through_the_search_index,
    a_name_is_found_by_itself_in_any_case_and_counted_alike,
    more_memory_than_the_column_is_meant_for_is_read,
    a_page_survives_rows_that_come_and_go,
    an_anchor_of_another_order_is_refused,
    rows_that_python_wrote_page_whole,
);

/// Only SQL can write such a time; it is a row like others.
#[tokio::test]
async fn a_time_beyond_the_calendar_is_its_end() {
    let Some(place) = Place::postgres() else { return };
    let db = place.open().await;
    let user = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let times = ["infinity", "-infinity", "294276-12-31 23:59:59.999999", "2024-01-15 10:20:30.123456"];
    for time in times {
        let sql = format!(
            "INSERT INTO calculations (user_id, name, code, created_at, started_at) VALUES ({user}, '{time}', 'x', '{time}', '{time}')"
        );
        place.connect().await.execute_unprepared(&sql).await.unwrap();
    }
    let rows = all(&db, user).await;
    let seen: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.created_at.to_string())).collect();
    let last = "9999-12-31 23:59:59.999999".to_owned();
    assert_eq!(
        seen,
        [
            (times[0], last.clone()),
            (times[2], last),
            (times[3], "2024-01-15 10:20:30.123456".to_owned()),
            (times[1], "0001-01-01 00:00:00".to_owned()),
        ]
    );
    for row in rows {
        let whole = calculations::get(&db, user, row.id).await.unwrap().unwrap();
        assert_eq!(whole.started_at, row.started_at);
    }
}
