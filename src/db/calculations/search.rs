//! Pages of a list, with or without a text that the names must contain.
//!
//! A text of three characters or more is looked up in the trigram index, a shorter one as the beginning of names.
//! Few matches are sorted here; where there are many, the database walks the list in its own order, in which a page of
//! them is met soon, and gives up after a while: then the matches stand far off, and the search index leads to them.
//! So neither a rare nor a common text reads or sorts everything.

use super::list::{Anchor, Entry, List, Only, Reading, name_key};
use crate::db::{Db, DbError, ExplainError, entity::calculation};
use crate::domain::{
    calculation::CalculationRow,
    id::UserId,
    page::{CalculationQuery, Direction, Page, PageRequest},
};
use sea_orm::{
    ConnectionTrait, DbBackend, ExprTrait,
    sea_query::{Asterisk, Expr, Func, Order, Query, SelectStatement, UnionType, extension::sqlite::SqliteExpr},
};
use std::sync::LazyLock;

/// Up to so many matches are taken at once, whatever there is.
const FEW: usize = 60;
/// Up to so many are sorted here where a walk met too few.
const SOME: usize = 4_000;
/// So many rows of a list are walked for a page of matches.
const WALKED: usize = 2_000;
/// So many matches are read at once through the search index.
const CHUNK: usize = 500;

/// A window of the calculations of `user`, in the list's order.
pub async fn page(
    db: &Db,
    user: UserId,
    query: &CalculationQuery,
    request: &PageRequest,
) -> Result<Page<CalculationRow>, DbError> {
    let list = List::new(db, user, query);
    let source = Source::of(&list, &query.text).await?;
    let limit = request.limit as usize;
    let anchor = |inclusive| request.anchor.as_ref().map(|cursor| Anchor { cursor, inclusive });

    let Reading { mut entries, anchored } = source.read(&list, anchor(false), request.direction, limit + 1).await?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let (opposite, forward) = match request.direction {
        Direction::Forward => (Direction::Backward, true),
        Direction::Backward => (Direction::Forward, false),
    };
    // The anchor itself is behind, unless it went meanwhile.
    let behind = anchored
        || (request.anchor.is_some() && !source.read(&list, anchor(true), opposite, 1).await?.entries.is_empty());
    if !forward {
        entries.reverse();
    }
    let (rows, cursors) = entries.into_iter().map(|entry| (entry.row, entry.cursor)).unzip();
    Ok(Page {
        rows,
        cursors,
        more_before: if forward { behind } else { more },
        more_after: if forward { more } else { behind },
    })
}

/// How many calculations of `user` the list holds. Slower than a page on large lists: ask apart.
pub async fn count(db: &Db, user: UserId, query: &CalculationQuery) -> Result<u64, DbError> {
    let list = List::new(db, user, query);
    let mut select = Query::select()
        .expr_as(Expr::cust("COUNT(*)"), "count")
        .from_as(calculation::Entity, "c")
        .and_where(Expr::col(("c", calculation::Column::UserId)).eq(user.0))
        .take();
    if !query.statuses.is_empty() {
        select.and_where(list.states());
    }
    if let Some(needle) = Needle::new(&query.text) {
        select.and_where(needle.condition(&list, None));
    }
    counted(db, &select).await
}

/// The one number that `select` gives under the name `count`.
async fn counted(db: &Db, select: &SelectStatement) -> Result<u64, DbError> {
    let row = db.connection().query_one(select).await.explain(db)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get("", "count")).explain(db)?;
    Ok(count.unsigned_abs())
}

/// Where the rows of a page come from.
enum Source {
    /// The list's own index.
    Index,
    /// The same, passing over what does not match.
    Walk(Needle),
    /// All matches, in the list's order.
    Sorted(Vec<Entry>),
}

impl Source {
    async fn of(list: &List<'_>, text: &str) -> Result<Self, DbError> {
        let Some(needle) = Needle::new(text) else { return Ok(Self::Index) };
        Ok(match sorted(list, &needle, FEW).await? {
            Some(entries) => Self::Sorted(entries),
            None => Self::Walk(needle),
        })
    }

    /// At most `limit` entries from the start or next to `anchor`, nearest first.
    async fn read(
        &self,
        list: &List<'_>,
        anchor: Option<Anchor<'_>>,
        direction: Direction,
        limit: usize,
    ) -> Result<Reading, DbError> {
        match self {
            Self::Index => list.read(anchor, direction, limit, None).await,
            Self::Walk(needle) => walk(list, needle, anchor, direction, limit).await,
            Self::Sorted(entries) => Ok(window(list, entries, anchor, direction, limit)),
        }
    }
}

/// All matches in the list's order; `None` where there are more than `most`.
async fn sorted(list: &List<'_>, needle: &Needle, most: usize) -> Result<Option<Vec<Entry>>, DbError> {
    let db = list.db;
    if !folds_itself(db) {
        // The index knows the names of everybody: how many match says nothing of how many are this person's.
        let candidates = Query::select()
            .expr_as(Expr::cust("COUNT(*)"), "count")
            .from_subquery(needle.candidates(list, Some(most + 1)), "candidates")
            .take();
        if counted(db, &candidates).await? > most as u64 {
            return Ok(None);
        }
    }
    db.wait_for_idle().await;
    let rows = db.connection().query_all(&list.matching(needle.condition(list, Some(most + 1)))).await.explain(db)?;
    if rows.len() > most {
        return Ok(None);
    }
    let mut entries = rows.iter().map(|row| list.entry(row)).collect::<Result<Vec<_>, _>>()?;
    if !folds_itself(db) {
        entries.retain(|entry| needle.matches(&entry.row.name));
    }
    entries.sort_by(|left, right| list.compare(&left.cursor, &right.cursor));
    Ok(Some(entries))
}

/// Reads from all entries of a list, in its order, as [`List::read`] does from the database.
fn window(
    list: &List<'_>,
    entries: &[Entry],
    anchor: Option<Anchor<'_>>,
    direction: Direction,
    limit: usize,
) -> Reading {
    let wanted = |entry: &&Entry| {
        anchor.is_none_or(|anchor| {
            let order = list.compare(&entry.cursor, anchor.cursor);
            let order = if direction == Direction::Forward { order } else { order.reverse() };
            order.is_gt() || (anchor.inclusive && order.is_eq())
        })
    };
    let anchored = anchor.is_some_and(|anchor| entries.iter().any(|entry| entry.cursor == *anchor.cursor));
    let entries = if direction == Direction::Forward {
        entries.iter().filter(wanted).take(limit).cloned().collect()
    } else {
        entries.iter().rev().filter(wanted).take(limit).cloned().collect()
    };
    Reading { entries, anchored }
}

/// Where many names match, a page of them is usually met soon in the list's own order. Where they stand far off (a
/// name that was common a year ago), they are sorted here, or read through the search index as well.
async fn walk(
    list: &List<'_>,
    needle: &Needle,
    anchor: Option<Anchor<'_>>,
    direction: Direction,
    limit: usize,
) -> Result<Reading, DbError> {
    let only = Only { condition: needle.filter(list.db), among: WALKED };
    let Reading { mut entries, anchored } = list.read(anchor, direction, limit, Some(&only)).await?;
    if entries.len() == limit {
        return Ok(Reading { entries, anchored });
    }
    if let Some(all) = sorted(list, needle, SOME).await? {
        return Ok(window(list, &all, anchor, direction, limit));
    }
    let among = list.among(needle.candidates(list, None));
    let mut place = anchor.map(|anchor| (anchor.cursor.clone(), anchor.inclusive));
    if let Some(last) = entries.last() {
        place = Some((last.cursor.clone(), false));
    }
    while entries.len() < limit {
        let anchor = place.as_ref().map(|(cursor, inclusive)| Anchor { cursor, inclusive: *inclusive });
        let chunk = among.read(anchor, direction, CHUNK, None).await?.entries;
        let end = chunk.last().filter(|_| chunk.len() == CHUNK).map(|entry| (entry.cursor.clone(), false));
        entries.extend(chunk.into_iter().filter(|entry| needle.matches(&entry.row.name)));
        place = end;
        if place.is_none() {
            break;
        }
    }
    entries.truncate(limit);
    Ok(Reading { entries, anchored })
}

/// What the names must hold, whatever its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Needle {
    /// Three characters or more, anywhere.
    Part(String),
    /// One or two, at the beginning: the trigram index knows nothing shorter than three.
    Prefix(String),
}

impl Needle {
    /// `None` where the text asks for nothing.
    pub(super) fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.chars().count() {
            0 => None,
            1 | 2 => Some(Self::Prefix(text.to_owned())),
            _ => Some(Self::Part(text.to_owned())),
        }
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Part(part) => fold(name).contains(&fold(part)),
            Self::Prefix(prefix) => fold(name).starts_with(&fold(prefix)),
        }
    }

    /// The condition that the name matches, looked at row by row.
    fn filter(&self, db: &Db) -> Expr {
        match self {
            Self::Part(part) if folds_itself(db) => contains(part),
            Self::Prefix(prefix) if folds_itself(db) => between(db, prefix.clone()),
            Self::Part(part) => Expr::col(("c", calculation::Column::Name)).glob(format!("*{}*", spelled(&fold(part)))),
            Self::Prefix(prefix) => {
                Expr::col(("c", calculation::Column::Name)).glob(format!("{}*", spelled(&fold(prefix))))
            }
        }
    }

    /// The condition that a row of the list is among the (first `limit`) candidates.
    pub(super) fn condition(&self, list: &List<'_>, limit: Option<usize>) -> Expr {
        Expr::col(("c", calculation::Column::Id)).in_subquery(self.candidates(list, limit))
    }

    /// Selects the ids of the rows that may match, at most `limit`.
    pub(super) fn candidates(&self, list: &List<'_>, limit: Option<usize>) -> SelectStatement {
        let mut select = match self {
            Self::Part(part) if !folds_itself(list.db) => Query::select()
                .column("rowid")
                .from("calculation_names")
                // In quotes it is one phrase to FTS5, whatever it holds.
                .and_where(Expr::col("calculation_names").matches(format!("\"{}\"", part.replace('"', "\"\""))))
                .take(),
            Self::Part(part) => named(list, contains(part)),
            Self::Prefix(prefix) if folds_itself(list.db) => beginning(list, prefix, limit),
            Self::Prefix(prefix) => {
                let mut ranges = ways(&fold(prefix)).into_iter().map(|way| named(list, between(list.db, way)));
                let mut first = ranges.next().unwrap_or_default();
                first.unions(ranges.map(|range| (UnionType::All, range))).take()
            }
        };
        if let Some(limit) = limit {
            select.limit(limit as u64);
        }
        select
    }
}

/// Selects the ids of the list's rows whose name begins with `prefix`, for PostgreSQL: state by state and by name, so
/// that it reads them from the one index that has this order.
fn beginning(list: &List<'_>, prefix: &str, limit: Option<usize>) -> SelectStatement {
    let mut ranges = list.statuses.iter().map(|status| {
        let mut range = Query::select()
            .column(("c", calculation::Column::Id))
            .from_as(calculation::Entity, "c")
            .and_where(Expr::col(("c", calculation::Column::UserId)).eq(list.user.0))
            .and_where(Expr::col(("c", calculation::Column::Status)).eq(status.name()))
            .and_where(between(list.db, prefix.to_owned()))
            .take();
        if let Some(limit) = limit {
            range.order_by_expr(name_key(list.db), Order::Asc).limit(limit as u64);
        }
        Query::select().column(Asterisk).from_subquery(range, "part").take()
    });
    let mut first = ranges.next().unwrap_or_default();
    first.unions(ranges.map(|range| (UnionType::All, range))).take()
}

/// Selects the ids of the list's rows whose name meets `condition`.
fn named(list: &List<'_>, condition: Expr) -> SelectStatement {
    Query::select()
        .column(("c", calculation::Column::Id))
        .from_as(calculation::Entity, "c")
        .and_where(Expr::col(("c", calculation::Column::UserId)).eq(list.user.0))
        .and_where(list.states())
        .and_where(condition)
        .take()
}

/// Whether the database folds letters of every script, in its own way, names and texts alike.
fn folds_itself(db: &Db) -> bool {
    db.connection().get_database_backend() == DbBackend::Postgres
}

/// For the trigram index of PostgreSQL.
fn contains(part: &str) -> Expr {
    let pattern = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Expr::cust_with_exprs(
        "lower($1) LIKE lower($2)",
        [Expr::col(("c", calculation::Column::Name)), Expr::val(format!("%{pattern}%"))],
    )
}

/// The names that begin with `prefix`, as a range of their index.
fn between(db: &Db, prefix: String) -> Expr {
    let end = format!("{prefix}\u{10ffff}");
    if folds_itself(db) {
        let bound = |text: String| Func::lower(Expr::val(text));
        return name_key(db).gte(bound(prefix)).and(name_key(db).lt(bound(end)));
    }
    name_key(db).gte(prefix).and(name_key(db).lt(end))
}

/// Every way to write `prefix` once the database has folded the name: SQLite folds ASCII letters only.
fn ways(prefix: &str) -> Vec<String> {
    prefix.chars().fold(vec![String::new()], |ways, c| {
        let others = UNFOLDED.iter().filter(|(_, folded)| *folded == c).map(|(other, _)| *other);
        let letters: Vec<char> = [c].into_iter().chain(others).collect();
        ways.iter().flat_map(|way| letters.iter().map(move |letter| format!("{way}{letter}"))).collect()
    })
}

/// The folded `text` for SQLite's `GLOB`, which folds nothing: each character in every way in which it is written.
fn spelled(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        // It would turn the class into its opposite.
        if c == '^' {
            pattern.push(c);
            continue;
        }
        pattern.push('[');
        pattern.push(c);
        pattern.extend(c.is_ascii_lowercase().then(|| c.to_ascii_uppercase()));
        pattern.extend(UNFOLDED.iter().filter(|(_, folded)| *folded == c).map(|(other, _)| *other));
        pattern.push(']');
    }
    pattern
}

/// The characters behind ASCII that folding changes, with what they become.
static UNFOLDED: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    // The last letters with case stand below.
    let all = ('\u{80}'..'\u{20000}').map(|c| (c, folded(c)));
    all.filter(|(c, folded)| c != folded).collect()
});

/// The text as the trigram index folds it: character by character, so that its length stays.
fn fold(text: &str) -> String {
    text.chars().map(folded).collect()
}

/// One character as the trigram index folds it: Unicode's simple case folding (all sigmas are one letter, and so are k
/// and the sign of the kelvin), of the letters that FTS5 knows.
fn folded(c: char) -> char {
    fn only(mut letters: impl ExactSizeIterator<Item = char>) -> Option<char> {
        if letters.len() == 1 { letters.next() } else { None }
    }
    match c {
        // The dotless i, which has no other case but in Turkish; then letters that came to Unicode, themselves or in
        // their other case, after FTS5's table was made.
        'ı'
        | '\u{37f}'
        | '\u{528}'..='\u{52f}'
        | '\u{13a0}'..='\u{13ff}'
        | '\u{1c80}'..='\u{1cbf}'
        | '\u{2c2f}'
        | '\u{a698}'..='\u{a69b}'
        | '\u{a796}'..='\u{a79f}'
        | '\u{a7ab}'..='\u{a7ff}'
        | '\u{104b0}'..='\u{1ffff}' => c,
        _ => only(c.to_uppercase())
            .and_then(|upper| only(upper.to_lowercase()))
            .or_else(|| only(c.to_lowercase()))
            .unwrap_or(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_beginnings() {
        assert_eq!(Needle::new("  "), None);
        assert_eq!(Needle::new(" Éq "), Some(Needle::Prefix("Éq".to_owned())));
        assert_eq!(Needle::new("Beam"), Some(Needle::Part("Beam".to_owned())));
        assert!(Needle::new("éq").unwrap().matches("Équilibre"));
        assert!(!Needle::new("qu").unwrap().matches("Équilibre"));
        assert!(Needle::new("QUI").unwrap().matches("Équilibre"));
    }

    #[test]
    fn a_short_text_is_looked_up_in_every_case_that_sqlite_keeps() {
        assert_eq!(ways("be"), ["be"]);
        assert_eq!(ways("éa"), ["éa", "Éa"]);
        assert_eq!(ways("éà"), ["éà", "éÀ", "Éà", "ÉÀ"]);
        assert_eq!(ways("文"), ["文"]);
        assert_eq!(ways("k"), ["k", "\u{212a}"]);
    }

    #[tokio::test]
    async fn every_character_folds_as_in_the_search_index() {
        let db = Db::open("sqlite::memory:").await.unwrap();
        let sql = "CREATE VIRTUAL TABLE letters USING fts5(name, tokenize = 'trigram'); \
                   CREATE VIRTUAL TABLE terms USING fts5vocab(letters, instance); \
                   WITH RECURSIVE c(n) AS (SELECT 33 UNION ALL SELECT n + 1 FROM c WHERE n < 0x1ffff) \
                   INSERT INTO letters (rowid, name) SELECT n, char(n) || '--' FROM c \
                   WHERE n NOT BETWEEN 0xd800 AND 0xdfff AND n NOT IN (0xfffe, 0xffff)";
        db.connection().execute_unprepared(sql).await.unwrap();
        let select = Query::select().columns(["doc", "term"]).from("terms").and_where(Expr::col("offset").eq(0)).take();
        let rows = db.connection().query_all(&select).await.unwrap();
        assert!(rows.len() > 100_000);
        for row in rows {
            let code: i64 = row.try_get("", "doc").unwrap();
            let term: String = row.try_get("", "term").unwrap();
            let c = char::from_u32(u32::try_from(code).unwrap()).unwrap();
            assert_eq!(term.chars().next(), Some(folded(c)), "U+{code:04X}");
        }
    }
}
