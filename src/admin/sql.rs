//! Names and texts as SQL spells them, alike on both engines; questions whose answer is read whole.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, TryGetable};

/// A text in single quotes.
pub(in crate::admin) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A name in double quotes.
pub(in crate::admin) fn name(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
}

/// Every row of the answer to a query.
pub(in crate::admin) async fn rows(connection: &impl ConnectionTrait, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
    connection.query_all_raw(Statement::from_string(connection.get_database_backend(), sql)).await
}

/// The first column of every row.
pub(in crate::admin) async fn column<T: TryGetable>(
    connection: &impl ConnectionTrait,
    sql: &str,
) -> Result<Vec<T>, DbErr> {
    rows(connection, sql).await?.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// The first column of the first row.
pub(in crate::admin) async fn value<T: TryGetable>(
    connection: &impl ConnectionTrait,
    sql: &str,
) -> Result<Option<T>, DbErr> {
    rows(connection, sql).await?.first().map(|row| row.try_get_by_index(0)).transpose()
}
