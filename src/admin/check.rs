//! What differs between the schema of this mecapy and the database at hand, row security and partitions included.

use super::{
    catalogue,
    compare::{Difference, compare},
    connection::Admin,
    partition, secure,
};
use crate::db::{DbError, partitions};
use migrations::Dialect;

impl Admin {
    /// What differs between the schema of this mecapy and the database. Steps that are missing show as what they
    /// would make.
    pub async fn check(&self) -> Result<Vec<Difference>, DbError> {
        let mut found = catalogue::read(&self.connection).await.map_err(|error| self.explain(error))?;
        if self.dialect == Dialect::Sqlite {
            return Ok(compare(&catalogue::expected(self.dialect), &found));
        }
        if self.is_secured().await? {
            secure::remove_secured(&mut found);
        }
        let expected = catalogue::expected(self.dialect);
        let partitioned = partitions::look(&self.connection).await.map_err(|error| self.explain(error))?.is_some();
        let expected = if partitioned { partition::expected(expected) } else { expected };
        let mut all = compare(&expected, &found);
        all.extend(secure::differences(&self.connection).await.map_err(|error| self.explain(error))?);
        Ok(all)
    }
}
