//! The plans of the list's statements: each reads its index and nothing more.

use super::{
    list::{Anchor, List},
    search::Needle,
};
use crate::{
    db::{
        Db,
        plans::{assert_reads_little, plan},
    },
    domain::{
        id::UserId,
        page::{CalculationQuery, CalculationSort, Cursor, CursorValue, Direction},
        status::Status,
    },
};
use chrono::NaiveDate;

const SORTS: [CalculationSort; 5] = [
    CalculationSort::Created,
    CalculationSort::Name,
    CalculationSort::Status,
    CalculationSort::Started,
    CalculationSort::Duration,
];

fn value(sort: CalculationSort) -> CursorValue {
    match sort {
        CalculationSort::Created | CalculationSort::Started => {
            CursorValue::Time(NaiveDate::from_ymd_opt(2024, 1, 15).unwrap().and_hms_opt(1, 2, 3).unwrap())
        }
        CalculationSort::Name => CursorValue::Text("beam".to_owned()),
        CalculationSort::Status => CursorValue::Text("completed".to_owned()),
        CalculationSort::Duration => CursorValue::Real(1.5),
    }
}

#[tokio::test]
async fn every_page_reads_its_index_and_sorts_nothing() {
    let db = Db::open("sqlite::memory:").await.unwrap();
    for sort in SORTS {
        for ascending in [false, true] {
            for statuses in [vec![], vec![Status::Failed], vec![Status::Completed, Status::Running]] {
                let query = CalculationQuery { sort, ascending, statuses, text: String::new() };
                let list = List::new(&db, UserId(1), &query);
                for direction in [Direction::Forward, Direction::Backward] {
                    for value in [None, Some(value(sort)), Some(CursorValue::Null)] {
                        if value == Some(CursorValue::Null)
                            && !matches!(sort, CalculationSort::Started | CalculationSort::Duration)
                        {
                            continue;
                        }
                        let cursor = value.map(|value| Cursor { value, id: 7 });
                        let anchor = cursor.as_ref().map(|cursor| Anchor { cursor, inclusive: false });
                        for statement in list.statements(anchor, direction, 50, None).unwrap() {
                            let steps = plan(&db, &statement).await;
                            assert_reads_little(&steps);
                            let (by_id, searches): (Vec<_>, Vec<_>) = steps
                                .iter()
                                .filter(|step| step.starts_with("SEARCH c "))
                                .partition(|step| step.contains("INTEGER PRIMARY KEY (rowid=?)"));
                            // What a page shows, and whether the anchor still stands there.
                            assert!(by_id.len() <= 2, "{steps:#?}");
                            assert!(!searches.is_empty());
                            for step in searches {
                                assert!(step.contains("(user_id=? AND status=?"), "{sort:?} {direction:?}: {steps:#?}");
                                let bound = step.matches('?').count() > 2;
                                assert!(
                                    bound
                                        || cursor.is_none()
                                        || sort == CalculationSort::Status
                                        || cursor.as_ref().unwrap().value != CursorValue::Null,
                                    "{steps:#?}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_search_asks_an_index_first() {
    let db = Db::open("sqlite::memory:").await.unwrap();
    for (text, index) in
        [("beam", "VIRTUAL TABLE INDEX 0:M"), ("be", "calculations_list_name"), ("é", "calculations_list_name")]
    {
        for statuses in [vec![], vec![Status::Failed]] {
            let query = CalculationQuery { statuses, text: text.to_owned(), ..CalculationQuery::default() };
            let list = List::new(&db, UserId(1), &query);
            let needle = Needle::new(text).unwrap();
            for limit in [None, Some(100)] {
                let steps = plan(&db, &needle.candidates(&list, limit)).await;
                assert_reads_little(&steps);
                assert!(steps.iter().any(|step| step.contains(index)), "{steps:#?}");
                let steps = plan(&db, &list.matching(needle.condition(&list, limit))).await;
                assert_reads_little(&steps);
            }
            for statement in
                list.among(needle.candidates(&list, None)).statements(None, Direction::Forward, 50, None).unwrap()
            {
                let steps = plan(&db, &statement).await;
                assert_reads_little(&steps);
                assert!(
                    steps.iter().any(|step| step.contains("calculations_list_created (user_id=? AND status=?)")),
                    "{steps:#?}"
                );
            }
        }
    }
}
