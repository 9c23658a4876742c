//! Tools and their versions.

use super::{
    Db, DbError, ExplainError,
    entity::{tool, tool_version},
    limits, validate,
};
use crate::domain::{
    FieldError,
    id::{ToolId, ToolVersionId, UserId},
    page::{Cursor, CursorValue, Direction, Page, PageRequest},
    tool::{NewTool, Tool},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
    sea_query::{Expr, Order, Query},
};

/// Rows read at once while a text filter passes over the catalogue.
const CHUNK: u64 = 200;

/// Installs `tools` into a database that has none; `false`, and `tools` is not called, where there are some. Two
/// processes at once install once.
pub async fn seed(db: &Db, author: UserId, tools: impl FnOnce() -> Vec<NewTool>) -> Result<bool, DbError> {
    if tool::Entity::find().limit(1).count(db.connection()).await.explain(db)? > 0 {
        return Ok(false);
    }
    let tools = tools();
    for tool in &tools {
        check(tool)?;
    }
    let transaction = db.begin().await?;
    db.alone(&transaction, "samples").await?;
    // Asked again under the write lock: another process may have been first.
    if tool::Entity::find().limit(1).count(&transaction).await.explain(db)? > 0 {
        return Ok(false);
    }
    for new in &tools {
        let tool = tool::Entity::insert(values(db, author, new)?).exec(&transaction).await.explain(db)?;
        append_version(db, &transaction, author, tool.last_insert_id, new).await?;
    }
    transaction.commit().await.explain(db)?;
    Ok(true)
}

/// Offered tools by name; `text` keeps those whose name, title or description contains it, whatever its case.
pub async fn list(db: &Db, text: &str, request: &PageRequest) -> Result<Page<Tool>, DbError> {
    let limit = request.limit as usize;
    let needle = text.trim().to_lowercase();
    let forward = request.direction == Direction::Forward;
    let anchor = request.anchor.as_ref().map(|cursor| name_of(&cursor.value)).transpose()?;
    let mut found = matching(db, &needle, anchor.as_deref(), forward, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let behind = match &anchor {
        None => false,
        Some(name) => {
            // The anchor's own row stands behind the page as well, if it is still there and matches.
            let own = rows(db, offered().filter(tool::Column::Name.eq(name))).await?;
            own.iter().any(|tool| contains(tool, &needle))
                || !matching(db, &needle, Some(name), !forward, 1).await?.is_empty()
        }
    };
    if !forward {
        found.reverse();
    }
    Ok(Page {
        cursors: found
            .iter()
            .map(|tool| Cursor { value: CursorValue::Text(tool.name.clone()), id: tool.id.0 })
            .collect(),
        rows: found,
        more_before: if forward { behind } else { more },
        more_after: if forward { more } else { behind },
    })
}

/// At most `limit` offered tools that contain `needle`, from the start or next to the one named `after`.
async fn matching(
    db: &Db,
    needle: &str,
    after: Option<&str>,
    forward: bool,
    limit: usize,
) -> Result<Vec<Tool>, DbError> {
    let mut after = after.map(str::to_owned);
    let mut found = Vec::new();
    loop {
        let chunk = rows(db, read(after.as_deref(), forward).limit(CHUNK)).await?;
        let end = chunk.last().filter(|_| chunk.len() as u64 == CHUNK).map(|tool| tool.name.clone());
        found.extend(chunk.into_iter().filter(|tool| contains(tool, needle)));
        if end.is_none() || found.len() >= limit {
            break;
        }
        after = end;
    }
    found.truncate(limit);
    Ok(found)
}

/// A tool, offered or not.
pub async fn get(db: &Db, id: ToolId) -> Result<Option<Tool>, DbError> {
    Ok(rows(db, tool::Entity::find_by_id(id.0)).await?.pop())
}

/// A tool by its unique name, offered or not.
pub async fn by_name(db: &Db, name: &str) -> Result<Option<Tool>, DbError> {
    Ok(rows(db, tool::Entity::find().filter(tool::Column::Name.eq(name))).await?.pop())
}

/// The image that a version of a tool names, or its current one where no version is told.
pub async fn image(db: &Db, id: ToolId, version: Option<ToolVersionId>) -> Result<Option<String>, DbError> {
    if let Some(version) = version {
        let found = tool_version::Entity::find_by_id(version.0).one(db.connection()).await.explain(db)?;
        if let Some(found) = found.filter(|found| found.tool_id == id.0) {
            return Ok(Some(found.docker_image));
        }
    }
    Ok(get(db, id).await?.map(|tool| tool.docker_image))
}

/// Publishes a tool or a further version of one: appended to `tool_versions`, and current from now on.
pub async fn publish(db: &Db, author: UserId, new: &NewTool) -> Result<Tool, DbError> {
    check(new)?;
    let transaction = db.begin().await?;
    let known = tool::Entity::find().filter(tool::Column::Name.eq(&new.name)).one(&transaction).await.explain(db)?;
    let id = match known {
        None => tool::Entity::insert(values(db, author, new)?).exec(&transaction).await.explain(db)?.last_insert_id,
        Some(tool) => {
            if tool.author_id != author.0 {
                return Err(DbError::Conflict(format!(
                    "the tool {} belongs to somebody else; publish under another name",
                    new.name
                )));
            }
            let taken = tool_version::Entity::find()
                .filter(tool_version::Column::ToolId.eq(tool.id))
                .filter(tool_version::Column::Version.eq(&new.version))
                .count(&transaction)
                .await
                .explain(db)?;
            if taken > 0 {
                return Err(DbError::Conflict(format!(
                    "version {} of the tool {} was published before and never changes; give this one another number",
                    new.version, new.name
                )));
            }
            let mut row = values(db, author, new)?;
            // What does not change is not sent: there may be no right to change it.
            (row.created_at, row.author_id, row.name) = (NotSet, NotSet, NotSet);
            // A tool that is not offered stays so until somebody offers it again.
            row.is_active = NotSet;
            let updated = tool::Entity::update_many()
                .set(row)
                .filter(tool::Column::Id.eq(tool.id))
                .exec(&transaction)
                .await
                .explain(db)?;
            if updated.rows_affected == 0 {
                return Err(DbError::not_found("tool", &new.name));
            }
            tool.id
        }
    };
    append_version(db, &transaction, author, id, new).await?;
    transaction.commit().await.explain(db)?;
    get(db, ToolId(id)).await?.ok_or_else(|| DbError::not_found("tool", &id))
}

/// The offered tools after (or before) the one named `after`, by name.
pub(super) fn read(after: Option<&str>, forward: bool) -> Select<tool::Entity> {
    let mut select = offered();
    if let Some(name) = after {
        select = select.filter(if forward { tool::Column::Name.gt(name) } else { tool::Column::Name.lt(name) });
    }
    select.order_by(tool::Column::Name, if forward { Order::Asc } else { Order::Desc })
}

fn offered() -> Select<tool::Entity> {
    tool::Entity::find().filter(tool::Column::IsActive.eq(true))
}

/// Reads tools, each with the row of its current version.
async fn rows(db: &Db, select: Select<tool::Entity>) -> Result<Vec<Tool>, DbError> {
    let version = Query::select()
        .column((tool_version::Entity, tool_version::Column::Id))
        .from(tool_version::Entity)
        .and_where(
            Expr::col((tool_version::Entity, tool_version::Column::ToolId)).equals((tool::Entity, tool::Column::Id)),
        )
        .and_where(
            Expr::col((tool_version::Entity, tool_version::Column::Version))
                .equals((tool::Entity, tool::Column::Version)),
        )
        .take();
    let select = select.column_as(Expr::SubQuery(None, Box::new(version.into())), "version_id").into_query();
    let mut tools = Vec::new();
    for row in db.connection().query_all(&select).await.explain(db)? {
        let version: Option<i64> = row.try_get("", "version_id").explain(db)?;
        tools.push(from_row(tool::Model::from_query_result(&row, "").explain(db)?, version));
    }
    Ok(tools)
}

fn name_of(value: &CursorValue) -> Result<String, FieldError> {
    match value {
        CursorValue::Text(name) => Ok(name.clone()),
        _ => Err(FieldError::new("name", "this place in the list of tools holds no name")),
    }
}

/// Whether any text of the tool contains `needle`, which is lower case.
fn contains(tool: &Tool, needle: &str) -> bool {
    needle.is_empty()
        || [&tool.name, &tool.display_name, &tool.description].iter().any(|text| text.to_lowercase().contains(needle))
}

async fn append_version(
    db: &Db,
    connection: &impl ConnectionTrait,
    author: UserId,
    tool: i64,
    new: &NewTool,
) -> Result<(), DbError> {
    let (timeout, memory_limit, cpu_limit) = limits::columns(&new.limits)?;
    let row = tool_version::ActiveModel {
        id: NotSet,
        tool_id: Set(tool),
        version: Set(new.version.clone()),
        code_template: Set(validate::counted(&new.code_template)),
        docker_image: Set(new.docker_image.clone()),
        memory_limit: Set(memory_limit),
        cpu_limit: Set(cpu_limit),
        timeout: Set(timeout),
        changelog: Set(new.changelog.clone()),
        created_at: Set(db.now()),
        created_by: Set(author.0),
    };
    tool_version::Entity::insert(row).exec_without_returning(connection).await.explain(db)?;
    Ok(())
}

fn check(new: &NewTool) -> Result<(), FieldError> {
    new.check()?;
    new.limits.check(&limits::MAXIMUM)
}

fn values(db: &Db, author: UserId, new: &NewTool) -> Result<tool::ActiveModel, FieldError> {
    let now = db.now();
    let (timeout, memory_limit, cpu_limit) = limits::columns(&new.limits)?;
    Ok(tool::ActiveModel {
        id: NotSet,
        name: Set(new.name.clone()),
        display_name: Set(new.display_name.clone()),
        description: Set(new.description.clone()),
        version: Set(new.version.clone()),
        code_template: Set(validate::counted(&new.code_template)),
        docker_image: Set(new.docker_image.clone()),
        memory_limit: Set(memory_limit),
        cpu_limit: Set(cpu_limit),
        timeout: Set(timeout),
        created_at: Set(now),
        updated_at: Set(now),
        is_active: Set(true),
        author_id: Set(author.0),
    })
}

fn from_row(row: tool::Model, version: Option<i64>) -> Tool {
    Tool {
        id: ToolId(row.id),
        name: row.name,
        display_name: row.display_name,
        description: row.description,
        version: row.version,
        code_template: row.code_template,
        docker_image: row.docker_image,
        limits: limits::read(row.timeout, row.memory_limit, row.cpu_limit),
        created_at: row.created_at.time(),
        updated_at: row.updated_at.time(),
        is_active: row.is_active,
        author_id: UserId(row.author_id),
        current_version: version.map(ToolVersionId),
    }
}
