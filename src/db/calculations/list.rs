//! Lists of calculations, read by keyset pages.
//!
//! A list is a merge of ordered ranges, one for each status it shows, each read from the index that holds
//! `(user_id, status, sort column, id)`. The database merges the ranges (`UNION ALL` under one `ORDER BY`) and stops
//! at the page's end, so that the cost depends neither on the depth nor on how rare a status is. What else a row shows
//! is joined to the rows of the page alone. Where the sort column may be NULL those rows stand last in either order and
//! are a part of their own: nearly every page is one statement.

use super::rows;
use crate::db::{Db, DbError, ExplainError, entity::calculation};
use crate::domain::{
    FieldError,
    calculation::CalculationRow,
    id::UserId,
    page::{CalculationQuery, CalculationSort, Cursor, CursorValue, Direction},
    status::Status,
};
use sea_orm::{
    ConnectionTrait, DbBackend, ExprTrait, JoinType, QueryResult,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The rows with the anchor's value, by id, where they are apart.
    Same,
    /// The rows with a value, by value and id.
    Values,
    /// The rows without a value, by id: last in either order.
    Nulls,
}

/// What a reading passes over.
#[derive(Clone, Debug)]
pub(super) struct Only {
    /// The rows that are wanted.
    pub(super) condition: Expr,
    /// Among so many at most, counted from where the reading starts.
    pub(super) among: usize,
}

/// What a reading found.
#[derive(Debug)]
pub(super) struct Reading {
    /// Nearest first.
    pub(super) entries: Vec<Entry>,
    /// The row of the anchor stands where it stood; `false` where that is not known.
    pub(super) anchored: bool,
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
        only: Option<&Only>,
    ) -> Result<Reading, DbError> {
        let (mut entries, mut anchored) = (Vec::new(), false);
        for statement in self.statements(anchor, direction, limit, only)? {
            self.db.wait_for_idle().await;
            let rows = self.db.connection().query_all(&statement).await.explain(self.db)?;
            if let Some(row) = rows.first() {
                anchored |= row.try_get::<bool>("", "anchored").explain(self.db)?;
            }
            for row in rows {
                entries.push(self.entry(&row)?);
            }
            if entries.len() >= limit {
                break;
            }
        }
        entries.truncate(limit);
        Ok(Reading { entries, anchored })
    }

    /// What [`List::read`] asks, one after the other until it has enough.
    pub(super) fn statements(
        &self,
        anchor: Option<Anchor<'_>>,
        direction: Direction,
        limit: usize,
        only: Option<&Only>,
    ) -> Result<Vec<SelectStatement>, FieldError> {
        if let Some(anchor) = anchor {
            self.value(&anchor.cursor.value)?;
        }
        let mut statements = Vec::new();
        let parts = self.parts(anchor, direction).into_iter();
        // Where some rows are passed over the end of a part is not known to be reached.
        for (part, bound) in parts.take(if only.is_some() { 1 } else { usize::MAX }) {
            if let Some(merged) = self.merged(part, bound, direction, only.map_or(limit, |only| only.among))? {
                let mut statement = self.shown(part, merged, direction, limit, only);
                let anchored = match anchor {
                    Some(anchor) => Expr::exists(self.at(anchor.cursor, only)?),
                    None => Expr::val(false),
                };
                statements.push(statement.expr_as(anchored, "anchored").take());
            }
        }
        Ok(statements)
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
                let same = self.has_same().then_some((Part::Same, anchor));
                [same, Some((Part::Values, anchor)), nulls.filter(|_| forward)].into_iter().flatten().collect()
            }
        }
    }

    /// The first `limit` rows of one part, merged from its ranges: on PostgreSQL all that the table has of them to show,
    /// else what places them, for which the index is enough. `None` where no row can be in it.
    fn merged(
        &self,
        part: Part,
        anchor: Option<Anchor<'_>>,
        direction: Direction,
        limit: usize,
    ) -> Result<Option<SelectStatement>, FieldError> {
        let order = self.order(direction);
        let mut ranges = Vec::new();
        for status in &self.statuses {
            let beyond = match anchor {
                Some(anchor) => self.beyond(part, *status, anchor, order == Order::Asc)?,
                None => vec![Condition::all()],
            };
            for beyond in beyond {
                let mut range = self.range(*status);
                if self.has_nulls() && part == Part::Values {
                    range.and_where(self.key().is_not_null());
                } else if part == Part::Nulls {
                    range.and_where(self.key().is_null());
                }
                range.cond_where(beyond);
                if part == Part::Nulls && self.is_postgres() {
                    // A state and a missing value go together, which its planner does not know: it takes the rows for
                    // few and would sort them all. What each costs here keeps it to the index.
                    rows::with_run(&mut range);
                }
                ranges.push(range);
            }
        }
        let mut ranges = ranges.into_iter().map(|mut range| {
            if !self.is_postgres() {
                return range;
            }
            // SQLite stops reading each range once the page is full; PostgreSQL reads them whole unless told.
            // Also where all of them are NULL: it is by this that the index is known to have the order.
            range.order_by_expr(self.key(), order.clone());
            range.order_by(("c", calculation::Column::Id), order.clone()).limit(limit as u64);
            Query::select().column(Asterisk).from_subquery(range, "part").take()
        });
        let Some(mut merged) = ranges.next() else { return Ok(None) };
        merged.unions(ranges.map(|range| (UnionType::All, range)));
        if part == Part::Values {
            merged.order_by("sort_key", order.clone());
        }
        Ok(Some(merged.order_by("id", order).limit(limit as u64).take()))
    }

    /// Selects what the merged rows show, of those that are wanted `limit` at most.
    fn shown(
        &self,
        part: Part,
        merged: SelectStatement,
        direction: Direction,
        limit: usize,
        only: Option<&Only>,
    ) -> SelectStatement {
        if !self.is_postgres() {
            // The order of the tables in a cross join is the order in which SQLite reads them, and so that of the rows;
            // told to sort them it would.
            let mut select = Query::select().from_subquery(merged, "k").take();
            select
                .join_as(JoinType::CrossJoin, calculation::Entity, "c", Condition::all())
                .expr_as(Expr::col(("k", "sort_key")), "sort_key")
                .and_where(Expr::col(("c", calculation::Column::Id)).equals(("k", "id")));
            if let Some(only) = only {
                select.and_where(only.condition.clone()).limit(limit as u64);
            }
            return rows::with_run(rows::columns(&mut select)).take();
        }
        let merged = match only {
            None => merged,
            Some(only) => Query::select()
                .column(Asterisk)
                .from_subquery(merged, "c")
                .and_where(only.condition.clone())
                .order_by("sort_key", self.order(direction))
                .order_by("id", self.order(direction))
                .limit(limit as u64)
                .take(),
        };
        let mut select = Query::select()
            .from_subquery(merged, "c")
            .expr_as(Expr::col(("c", "sort_key")), "sort_key")
            .order_by(("c", "sort_key"), self.order(direction))
            .order_by(("c", "id"), self.order(direction))
            .take();
        rows::columns(&mut select);
        if part == Part::Nulls {
            return rows::run_columns(&mut select).take();
        }
        rows::with_run(&mut select).take()
    }

    /// The order in which a reading in this direction goes.
    fn order(&self, direction: Direction) -> Order {
        if self.ascending == (direction == Direction::Forward) { Order::Asc } else { Order::Desc }
    }

    /// Selects the row of a cursor if it still stands there.
    fn at(&self, cursor: &Cursor, only: Option<&Only>) -> Result<SelectStatement, FieldError> {
        let of_id = |select: &mut SelectStatement| {
            let id = Expr::col(("c", calculation::Column::Id)).eq(cursor.id);
            select.from_as(calculation::Entity, "c").and_where(id).take()
        };
        let mut select = Query::select().expr(Expr::val(1)).take();
        let mut select = if self.is_postgres() {
            let columns = [calculation::Column::UserId].into_iter().chain(rows::COLUMNS).map(|column| ("c", column));
            // Its planner may read another index, of a whole partition; the limit keeps the other conditions out.
            let row = of_id(Query::select().columns(columns).limit(2));
            select.from_subquery(row, "c").take()
        } else {
            of_id(&mut select)
        };
        select
            .and_where(Expr::col(("c", calculation::Column::UserId)).eq(self.user.0))
            .and_where(self.states())
            .and_where(match &cursor.value {
                CursorValue::Null => self.key().is_null(),
                value => self.key().eq(self.value(value)?),
            });
        if let Some(only) = only {
            select.and_where(only.condition.clone());
        }
        Ok(select)
    }

    /// The conditions on the rows of `status` in `part` beyond `anchor`, one for each range of the index: none where
    /// there are no such rows.
    fn beyond(
        &self,
        part: Part,
        status: Status,
        anchor: Anchor<'_>,
        upwards: bool,
    ) -> Result<Vec<Condition>, FieldError> {
        let further = |left: Expr, right: Expr, inclusive: bool| match (upwards, inclusive) {
            (true, false) => left.gt(right),
            (true, true) => left.gte(right),
            (false, false) => left.lt(right),
            (false, true) => left.lte(right),
        };
        let all = Condition::all;
        let id = || Expr::col(("c", calculation::Column::Id));
        let by_id = || all().add(further(id(), Expr::val(anchor.cursor.id), anchor.inclusive));
        let by_value = |value: Value| {
            let row = Expr::tuple([self.key(), id()]);
            let here = Expr::tuple([Expr::val(value), Expr::val(anchor.cursor.id)]);
            vec![all().add(further(row, here, anchor.inclusive))]
        };
        Ok(match (part, self.sort, &anchor.cursor.value) {
            (Part::Nulls, ..) => vec![by_id()],
            // The status is constant within a range: it lies before, at, or beyond the anchor's as a whole.
            (_, CalculationSort::Status, CursorValue::Text(name)) => {
                let order = status.name().cmp(name.as_str());
                match if upwards { order } else { order.reverse() } {
                    Ordering::Equal if self.is_postgres() => by_value(status.name().into()),
                    Ordering::Equal => vec![by_id()],
                    Ordering::Greater => vec![all()],
                    Ordering::Less => Vec::new(),
                }
            }
            (_, _, value) if self.is_postgres() => by_value(self.value(value)?),
            // SQLite would read a row value by its first column alone, since the second is the row's id, and pass over
            // every row of the same name to find the next one.
            (_, _, value) => {
                let value = self.value(value)?;
                let same = by_id().add(self.key().eq(value.clone()));
                let other = all().add(further(self.key(), Expr::val(value), false));
                match part {
                    Part::Same => vec![same],
                    _ if self.has_same() => vec![other],
                    _ => vec![same, other],
                }
            }
        })
    }

    /// Whether the rows with the anchor's value are a part of their own: SQLite does not see that an expression is
    /// constant among them, and would sort them all to merge them with the others.
    fn has_same(&self) -> bool {
        self.sort == CalculationSort::Name && !self.is_postgres()
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

    /// Selects what is read of the list's owner in the order of an index.
    fn select(&self) -> SelectStatement {
        let mut select = Query::select()
            .expr_as(Expr::col(("c", calculation::Column::Id)), "id")
            .expr_as(self.key(), "sort_key")
            .from_as(calculation::Entity, "c")
            .and_where(Expr::col(("c", calculation::Column::UserId)).eq(self.user.0))
            .take();
        if self.is_postgres() {
            select.columns(rows::COLUMNS.map(|column| ("c", column)));
        }
        if let Some(among) = &self.among {
            // The sum keeps the planner from looking the ids up one by one, which would end in sorting them all.
            select.and_where(Expr::col(("c", calculation::Column::Id)).add(0).in_subquery(among.clone()));
        }
        select
    }

    /// Selects the entries that meet `condition`, without order.
    pub(super) fn matching(&self, condition: Expr) -> SelectStatement {
        let mut select = Query::select().from_as(calculation::Entity, "c").expr_as(self.key(), "sort_key").take();
        rows::with_run(rows::columns(&mut select))
            .and_where(Expr::col(("c", calculation::Column::UserId)).eq(self.user.0))
            .and_where(self.states())
            .and_where(condition)
            .take()
    }

    /// The condition that a row has one of the list's states.
    pub(super) fn states(&self) -> Expr {
        Expr::col(("c", calculation::Column::Status)).is_in(self.statuses.iter().map(|status| status.name()))
    }

    pub(super) fn entry(&self, result: &QueryResult) -> Result<Entry, DbError> {
        let row = rows::taken(self.db, result)?;
        let value = match self.sort {
            CalculationSort::Created => CursorValue::Time(row.created_at),
            // As the database folds it.
            CalculationSort::Name => CursorValue::Text(result.try_get("", "sort_key").explain(self.db)?),
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
