//! Lists of calculations, read by keyset pages.
//!
//! A list is a merge of ordered ranges, one for each status it shows, each read from the index that holds
//! `(user_id, status, sort column, id)`. The database merges the ranges (`UNION ALL` under one `ORDER BY`) and stops
//! at the page's end, so that the cost depends neither on the depth nor on how rare a status is. Where the sort
//! column may be NULL those rows stand last in either order and are a part of their own.

use super::status;
use crate::db::{
    Db, DbError, Explain, Timestamp,
    entity::{calculation, calculation_run},
};
use crate::domain::{
    FieldError,
    calculation::CalculationRow,
    id::{CalculationId, UserId},
    page::{CalculationQuery, CalculationSort, Cursor, CursorValue, Direction},
    status::Status,
};
use sea_orm::{
    ConnectionTrait, DbBackend, ExprTrait, QueryResult,
    sea_query::{Asterisk, Condition, Expr, Func, Order, Query, SelectStatement, UnionType, Value},
};
use std::cmp::Ordering;

/// A list of one person's calculations: which states, in which order.
pub(super) struct List<'a> {
    pub(super) db: &'a Db,
    pub(super) user: UserId,
    pub(super) statuses: Vec<Status>,
    sort: CalculationSort,
    ascending: bool,
    among: Option<SelectStatement>,
}

/// A row and its place in the list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) row: CalculationRow,
    pub(super) cursor: Cursor,
}

/// The row a reading starts from.
#[derive(Clone, Copy)]
pub(super) struct Anchor<'a> {
    pub(super) cursor: &'a Cursor,
    /// Whether the row itself is read too.
    pub(super) inclusive: bool,
}

/// A part of what stands before or behind an anchor.
///
/// `Same` and `Values` together say `(key, id) > (value, anchor)`. SQLite would read that row value by its first column
/// alone, since the second is the row's id, and pass over every row of the same name to find the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The rows with the anchor's value, by id.
    Same,
    /// The rows with another value, by value and id.
    Values,
    /// The rows without a value, by id: last in either order.
    Nulls,
}

impl<'a> List<'a> {
    pub(super) fn new(db: &'a Db, user: UserId, query: &CalculationQuery) -> Self {
        let statuses = Status::ALL
            .into_iter()
            .filter(|status| query.statuses.is_empty() || query.statuses.contains(status))
            .collect();
        Self { db, user, statuses, sort: query.sort, ascending: query.ascending, among: None }
    }

    /// The same list of the rows whose ids `among` selects only, still read in the order of its index.
    pub(super) fn among(&self, among: SelectStatement) -> Self {
        Self { statuses: self.statuses.clone(), among: Some(among), ..*self }
    }

    /// At most `limit` entries from the list's start (or its end, backwards) or next to `anchor`, nearest first.
    pub(super) async fn read(
        &self,
        anchor: Option<Anchor<'_>>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Entry>, DbError> {
        let mut entries = Vec::new();
        for statement in self.statements(anchor, direction, limit)? {
            self.db.settled().await;
            for row in self.db.connection().query_all(&statement).await.of(self.db)? {
                entries.push(self.entry(&row)?);
            }
            if entries.len() >= limit {
                break;
            }
        }
        entries.truncate(limit);
        Ok(entries)
    }

    /// What [`List::read`] asks, one after the other until it has enough.
    pub(super) fn statements(
        &self,
        anchor: Option<Anchor<'_>>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<SelectStatement>, FieldError> {
        if let Some(anchor) = anchor {
            self.value(&anchor.cursor.value)?;
        }
        let parts = self.parts(anchor, direction).into_iter();
        parts.filter_map(|(part, anchor)| self.statement(part, anchor, direction, limit).transpose()).collect()
    }

    /// Which parts a reading passes, in its order, and the anchor that bounds each.
    fn parts<'b>(&self, anchor: Option<Anchor<'b>>, direction: Direction) -> Vec<(Part, Option<Anchor<'b>>)> {
        let forward = direction == Direction::Forward;
        let nulls = self.has_nulls().then_some((Part::Nulls, None));
        match anchor {
            None if forward => [Some((Part::Values, None)), nulls].into_iter().flatten().collect(),
            None => [nulls, Some((Part::Values, None))].into_iter().flatten().collect(),
            Some(anchor) if anchor.cursor.value == CursorValue::Null => {
                let values = (!forward).then_some((Part::Values, None));
                [Some((Part::Nulls, Some(anchor))), values].into_iter().flatten().collect()
            }
            Some(_) => {
                let nulls = nulls.filter(|_| forward);
                [Some((Part::Same, anchor)), Some((Part::Values, anchor)), nulls].into_iter().flatten().collect()
            }
        }
    }

    /// Reads one part: `None` where no row can be in it.
    fn statement(
        &self,
        part: Part,
        anchor: Option<Anchor<'_>>,
        direction: Direction,
        limit: usize,
    ) -> Result<Option<SelectStatement>, FieldError> {
        let upwards = self.ascending == (direction == Direction::Forward);
        let mut ranges = Vec::new();
        for status in &self.statuses {
            let mut range = self.range(*status);
            if self.has_nulls() && part == Part::Values {
                range.and_where(self.key().is_not_null());
            } else if part == Part::Nulls {
                range.and_where(self.key().is_null());
            }
            if let Some(anchor) = anchor {
                let Some(beyond) = self.beyond(part, *status, anchor, upwards)? else { continue };
                range.cond_where(beyond);
            }
            ranges.push(range);
        }
        let sorted = |statement: &mut SelectStatement| {
            let order = if upwards { Order::Asc } else { Order::Desc };
            if part == Part::Values {
                statement.order_by("sort_key", order.clone());
            }
            statement.order_by("id", order).limit(limit as u64);
        };
        let mut ranges = ranges.into_iter().map(|mut range| {
            if !self.is_postgres() {
                return range;
            }
            // SQLite stops reading each range once the page is full; PostgreSQL reads them whole unless told.
            let order = if upwards { Order::Asc } else { Order::Desc };
            // Also where all of them are NULL: it is by this that the index is known to have the order.
            range.order_by_expr(self.key(), order.clone());
            range.order_by(("c", calculation::Column::Id), order).limit(limit as u64);
            Query::select().column(Asterisk).from_subquery(range, "part").take()
        });
        let Some(mut statement) = ranges.next() else { return Ok(None) };
        statement.unions(ranges.map(|range| (UnionType::All, range)));
        sorted(&mut statement);
        Ok(Some(statement))
    }

    /// The condition on the rows of `status` in `part` beyond `anchor`: `None` where there are none.
    fn beyond(
        &self,
        part: Part,
        status: Status,
        anchor: Anchor<'_>,
        upwards: bool,
    ) -> Result<Option<Condition>, FieldError> {
        let further = |left: Expr, right: Expr, inclusive: bool| match (upwards, inclusive) {
            (true, false) => left.gt(right),
            (true, true) => left.gte(right),
            (false, false) => left.lt(right),
            (false, true) => left.lte(right),
        };
        let id = further(Expr::col(("c", calculation::Column::Id)), Expr::val(anchor.cursor.id), anchor.inclusive);
        let all = Condition::all();
        let condition = match (part, self.sort, &anchor.cursor.value) {
            (Part::Nulls, ..) => all.add(id),
            // The status is constant within a range: it lies before, at, or beyond the anchor's as a whole.
            (_, CalculationSort::Status, CursorValue::Text(name)) => {
                let order = status.name().cmp(name.as_str());
                match (part, if upwards { order } else { order.reverse() }) {
                    (Part::Same, Ordering::Equal) if self.is_postgres() => {
                        let here = Expr::tuple([Expr::val(status.name()), Expr::val(anchor.cursor.id)]);
                        let row = [calculation::Column::Status, calculation::Column::Id];
                        let row = Expr::tuple(row.map(|column| Expr::col(("c", column))));
                        all.add(further(row, here, anchor.inclusive))
                    }
                    (Part::Same, Ordering::Equal) => all.add(id),
                    (Part::Values, Ordering::Greater) => all,
                    _ => return Ok(None),
                }
            }
            (Part::Same, _, value) => all.add(self.key().eq(self.value(value)?)).add(id),
            (Part::Values, _, value) => all.add(further(self.key(), Expr::val(self.value(value)?), false)),
        };
        Ok(Some(condition))
    }

    /// Whether the sort column may be NULL.
    const fn has_nulls(&self) -> bool {
        matches!(self.sort, CalculationSort::Started | CalculationSort::Duration)
    }

    /// A cursor's value as the database spells it.
    fn value(&self, value: &CursorValue) -> Result<Value, FieldError> {
        match (self.sort, value) {
            (CalculationSort::Created | CalculationSort::Started, CursorValue::Time(at)) => {
                Ok(self.db.time(*at).into())
            }
            (CalculationSort::Name | CalculationSort::Status, CursorValue::Text(text)) => Ok(text.as_str().into()),
            (CalculationSort::Duration, CursorValue::Real(seconds)) => Ok((*seconds).into()),
            (_, CursorValue::Null) if self.has_nulls() => Ok(Value::String(None)),
            _ => Err(FieldError::new("anchor", format!("is no place in a list sorted by {:?}", self.sort))),
        }
    }

    /// The sort column.
    fn key(&self) -> Expr {
        match self.sort {
            CalculationSort::Created => Expr::col(("c", calculation::Column::CreatedAt)),
            CalculationSort::Name => name_key(self.db),
            CalculationSort::Status => Expr::col(("c", calculation::Column::Status)),
            CalculationSort::Started => Expr::col(("c", calculation::Column::StartedAt)),
            CalculationSort::Duration => Expr::col(("c", calculation::Column::ExecutionTime)),
        }
    }

    fn is_postgres(&self) -> bool {
        self.db.connection().get_database_backend() == DbBackend::Postgres
    }

    /// Selects the entries of one state.
    ///
    /// Sorted by the state they are sorted by id, which PostgreSQL may read from the table's own key, through
    /// everybody's rows. As a range the state is no constant to it, and only the list's index has the order.
    fn range(&self, status: Status) -> SelectStatement {
        if self.is_postgres() && self.sort == CalculationSort::Status {
            let state = || Expr::col(("c", calculation::Column::Status));
            return self.select().and_where(state().gte(status.name())).and_where(state().lte(status.name())).take();
        }
        self.select().and_where(Expr::col(("c", calculation::Column::Status)).eq(status.name())).take()
    }

    /// Selects entries of the list's owner.
    fn select(&self) -> SelectStatement {
        let mut select = rows();
        select.expr_as(self.key(), "sort_key").and_where(Expr::col(("c", calculation::Column::UserId)).eq(self.user.0));
        if let Some(among) = &self.among {
            // The sum keeps the planner from looking the ids up one by one, which would end in sorting them all.
            select.and_where(Expr::col(("c", calculation::Column::Id)).add(0).in_subquery(among.clone()));
        }
        select
    }

    /// Selects the entries that meet `condition`, without order.
    pub(super) fn matching(&self, condition: Expr) -> SelectStatement {
        self.select().and_where(self.states()).and_where(condition).take()
    }

    /// The condition that a row has one of the list's states.
    pub(super) fn states(&self) -> Expr {
        Expr::col(("c", calculation::Column::Status)).is_in(self.statuses.iter().map(|status| status.name()))
    }

    pub(super) fn entry(&self, result: &QueryResult) -> Result<Entry, DbError> {
        let row = from_result(self.db, result)?;
        let value = match self.sort {
            CalculationSort::Created => CursorValue::Time(row.created_at),
            // As the database folds it.
            CalculationSort::Name => CursorValue::Text(result.try_get("", "sort_key").of(self.db)?),
            CalculationSort::Status => CursorValue::Text(row.status.name().to_owned()),
            CalculationSort::Started => row.started_at.map_or(CursorValue::Null, CursorValue::Time),
            CalculationSort::Duration => row.execution_time.map_or(CursorValue::Null, CursorValue::Real),
        };
        Ok(Entry { cursor: Cursor { value, id: row.id.0 }, row })
    }

    /// How two places stand in the list.
    pub(super) fn compare(&self, left: &Cursor, right: &Cursor) -> Ordering {
        let directed = |ordering: Ordering| if self.ascending { ordering } else { ordering.reverse() };
        let values = match (&left.value, &right.value) {
            (CursorValue::Null, CursorValue::Null) => Ordering::Equal,
            (CursorValue::Null, _) => return Ordering::Greater,
            (_, CursorValue::Null) => return Ordering::Less,
            (CursorValue::Time(a), CursorValue::Time(b)) => a.cmp(b),
            (CursorValue::Text(a), CursorValue::Text(b)) => a.cmp(b),
            (CursorValue::Real(a), CursorValue::Real(b)) => a.total_cmp(b),
            _ => Ordering::Equal,
        };
        directed(values.then(left.id.cmp(&right.id)))
    }
}

/// The name as the lists are sorted by it: folded as the database folds it, in the order of its bytes.
pub(super) fn name_key(db: &Db) -> Expr {
    let lower = Func::lower(Expr::col(("c", calculation::Column::Name)));
    match db.connection().get_database_backend() {
        DbBackend::Postgres => Expr::cust_with_expr("$1 COLLATE \"C\"", lower),
        _ => lower.into(),
    }
}

/// One row as the lists show it.
pub async fn row(db: &Db, user: UserId, id: CalculationId) -> Result<Option<CalculationRow>, DbError> {
    let select = rows()
        .and_where(Expr::col(("c", calculation::Column::UserId)).eq(user.0))
        .and_where(Expr::col(("c", calculation::Column::Id)).eq(id.0))
        .take();
    let found = db.connection().query_one(&select).await.of(db)?;
    found.map(|result| from_result(db, &result)).transpose()
}

/// Selects what [`CalculationRow`] holds: no long text is read.
fn rows() -> SelectStatement {
    Query::select()
        // Under an alias of its own: the order of a compound statement knows nothing else.
        .expr_as(Expr::col(("c", calculation::Column::Id)), "id")
        .columns(
            [
                calculation::Column::Name,
                calculation::Column::Status,
                calculation::Column::CreatedAt,
                calculation::Column::StartedAt,
                calculation::Column::CompletedAt,
                calculation::Column::ExecutionTime,
            ]
            .map(|column| ("c", column)),
        )
        .expr_as(Expr::col(("c", calculation::Column::MemoryUsed)).cast_as("bigint"), "memory_used")
        .expr_as(Expr::col(("r", calculation_run::Column::Id)).is_not_null(), "queued")
        .column(("r", calculation_run::Column::ErrorKind))
        .from_as(calculation::Entity, "c")
        .join_as(
            sea_orm::JoinType::LeftJoin,
            calculation_run::Entity,
            "r",
            Expr::col(("r", calculation_run::Column::CalculationId)).equals(("c", calculation::Column::Id)),
        )
        .take()
}

fn from_result(db: &Db, result: &QueryResult) -> Result<CalculationRow, DbError> {
    let time = |column| result.try_get::<Option<Timestamp>>("", column).of(db).map(|at| at.map(Timestamp::time));
    Ok(CalculationRow {
        id: CalculationId(result.try_get("", "id").of(db)?),
        name: result.try_get("", "name").of(db)?,
        status: status(db, &result.try_get::<String>("", "status").of(db)?)?,
        queued: result.try_get("", "queued").of(db)?,
        created_at: result.try_get::<Timestamp>("", "created_at").of(db)?.time(),
        started_at: time("started_at")?,
        completed_at: time("completed_at")?,
        execution_time: result.try_get("", "execution_time").of(db)?,
        memory_used: result.try_get("", "memory_used").of(db)?,
        error_kind: result.try_get("", "error_kind").of(db)?,
    })
}
