//! How often the database is asked for one operation: each statement is a way to a server and back.

use super::{
    engines::{Place, on_each_engine},
    story::{self, identity},
};
use mecapy::{
    db::{calculations, users},
    domain::page::{CalculationQuery, CalculationSort, Direction, PageRequest},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

async fn a_page_is_one_statement_and_a_detail_two(place: Place) {
    let mut db = place.open().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    assert!(db.observe(move |statement| {
        assert!(!statement.is_empty());
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let mut id = None;
    for n in 0..12 {
        id = Some(calculations::create(&db, ann, &story::calculation(&format!("Beam {n}"))).await.unwrap());
    }
    assert!(asked.swap(0, Ordering::Relaxed) > 12, "they are counted");
    for sort in [CalculationSort::Created, CalculationSort::Name, CalculationSort::Status] {
        for ascending in [false, true] {
            let query = CalculationQuery { sort, ascending, ..CalculationQuery::default() };
            let first = calculations::page(&db, ann, &query, &PageRequest::first(5)).await.unwrap();
            assert_eq!((first.rows.len(), asked.swap(0, Ordering::Relaxed)), (5, 1), "{query:?}");
            for direction in [Direction::Forward, Direction::Backward] {
                let middle = PageRequest { anchor: first.cursors.get(2).cloned(), direction, limit: 2 };
                let next = calculations::page(&db, ann, &query, &middle).await.unwrap();
                assert!(next.rows.len() == 2 && (next.more_before || direction == Direction::Backward), "{query:?}");
                // What SQLite reads apart: the rows of the same name.
                let most = if sort == CalculationSort::Name && !place.is_postgres() { 2 } else { 1 };
                let count = asked.swap(0, Ordering::Relaxed);
                assert!((1..=most).contains(&count), "{query:?} {direction:?}: {count} statements");
            }
        }
    }
    assert!(calculations::detail(&db, ann, id.unwrap()).await.unwrap().is_some());
    assert_eq!(asked.swap(0, Ordering::Relaxed), 2);
    assert_eq!(calculations::count(&db, ann, &CalculationQuery::default()).await.unwrap(), 12);
    assert_eq!(asked.swap(0, Ordering::Relaxed), 1);
    // Who shares it is not watched.
    let mut shared = db.clone();
    assert!(!shared.observe(|_| {}));
}

on_each_engine!(a_page_is_one_statement_and_a_detail_two);
