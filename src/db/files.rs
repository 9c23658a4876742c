//! Files of people and their links to calculations; the objects themselves are the store's.

use super::{
    Db, DbError, ExplainError,
    entity::{calculation_file, user_file},
    validate,
};
use crate::domain::{
    FieldError, check_text,
    file::{FileRole, LinkedFile, NewFile, UserFile},
    id::{CalculationId, FileId, UserId},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder, Select,
    sea_query::{Expr, OnConflict, Query},
};

/// The roles of what a run wrote; every other role is read by the code.
const WRITTEN: [&str; 3] = ["output", "artifact", "log"];

/// Records a file whose object is stored.
pub async fn insert(db: &Db, file: &NewFile) -> Result<FileId, DbError> {
    check(file)?;
    let row = values(db, file);
    let row = user_file::Entity::insert(row).exec_with_returning(db.connection()).await.explain(db)?;
    Ok(FileId(row.id))
}

/// A file of `user`.
pub async fn get(db: &Db, user: UserId, id: FileId) -> Result<Option<UserFile>, DbError> {
    let row = user_file::Entity::find_by_id(id.0)
        .filter(user_file::Column::UserId.eq(user.0))
        .one(db.connection())
        .await
        .explain(db)?;
    Ok(row.map(UserFile::from))
}

/// The file that `user` uploaded with the same bytes (SHA-256 and size) and that is none of `taken`, the oldest where
/// there are several.
///
/// What runs wrote is no candidate: an output is its own row even where its bytes equal an upload's.
pub async fn find_same(
    db: &Db,
    user: UserId,
    hash: &str,
    size: u64,
    taken: &[FileId],
) -> Result<Option<UserFile>, DbError> {
    let Ok(size) = i64::try_from(size) else { return Ok(None) };
    let other = user_file::Column::Id.is_not_in(taken.iter().map(|id| id.0));
    Ok(same(user, hash, size).filter(other).one(db.connection()).await.explain(db)?.map(UserFile::from))
}

/// Selects the uploads of `user` with these bytes, oldest first.
pub(super) fn same(user: UserId, hash: &str, size: i64) -> Select<user_file::Entity> {
    let written = Query::select()
        .expr(Expr::val(1))
        .from(calculation_file::Entity)
        .and_where(
            Expr::col((calculation_file::Entity, calculation_file::Column::FileId))
                .equals((user_file::Entity, user_file::Column::Id)),
        )
        .and_where(Expr::col(calculation_file::Column::FileRole).is_in(WRITTEN))
        .take();
    user_file::Entity::find()
        .filter(user_file::Column::FileHash.eq(hash))
        .filter(user_file::Column::FileSize.eq(size))
        .filter(user_file::Column::UserId.eq(user.0))
        .filter(Expr::not_exists(written))
        .order_by_asc(user_file::Column::Id)
}

/// Links a file to a calculation of the same owner; a link that is there already stays as it is.
pub async fn link(
    db: &Db,
    calculation: CalculationId,
    file: FileId,
    role: &FileRole,
    alias: Option<&str>,
) -> Result<(), DbError> {
    check_link(role, alias)?;
    insert_links(db, db.connection(), calculation, [(file, role, alias)]).await
}

/// Records a file that a run of `calculation` wrote, with its link, in one step. Its key says whether that was done
/// before: then nothing changes and the known row is returned.
pub async fn record_written(
    db: &Db,
    calculation: CalculationId,
    file: &NewFile,
    role: &FileRole,
) -> Result<FileId, DbError> {
    check(file)?;
    check_link(role, None)?;
    let transaction = db.begin().await?;
    let known = user_file::Entity::find()
        .filter(user_file::Column::S3Key.eq(&file.s3_key))
        .one(&transaction)
        .await
        .explain(db)?;
    let id = match known {
        Some(row) => row.id,
        None => user_file::Entity::insert(values(db, file)).exec_with_returning(&transaction).await.explain(db)?.id,
    };
    insert_links(db, &transaction, calculation, [(FileId(id), role, None)]).await?;
    transaction.commit().await.explain(db)?;
    Ok(FileId(id))
}

/// The files linked to a calculation, in the order of their links.
pub(super) async fn linked(
    db: &Db,
    connection: &impl ConnectionTrait,
    calculation: CalculationId,
) -> Result<Vec<LinkedFile>, DbError> {
    let rows = links(calculation).find_also_related(user_file::Entity).all(connection).await.explain(db)?;
    Ok(rows
        .into_iter()
        .filter_map(|(link, file)| {
            Some(LinkedFile { file: file?.into(), file_role: FileRole::from(link.file_role), alias: link.alias })
        })
        .collect())
}

/// Selects the links of a calculation, oldest first.
pub(super) fn links(calculation: CalculationId) -> Select<calculation_file::Entity> {
    calculation_file::Entity::find()
        .filter(calculation_file::Column::CalculationId.eq(calculation.0))
        .order_by_asc(calculation_file::Column::AddedAt)
        .order_by_asc(calculation_file::Column::FileId)
}

/// Inserts links where there are none yet.
pub(super) async fn insert_links<'a>(
    db: &Db,
    connection: &impl ConnectionTrait,
    calculation: CalculationId,
    links: impl IntoIterator<Item = (FileId, &'a FileRole, Option<&'a str>)>,
) -> Result<(), DbError> {
    let now = db.now();
    let rows: Vec<_> = links
        .into_iter()
        .map(|(file, role, alias)| calculation_file::ActiveModel {
            calculation_id: Set(calculation.0),
            file_id: Set(file.0),
            added_at: Set(now),
            file_role: Set(role.name().to_owned()),
            alias: Set(alias.map(str::to_owned)),
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let known = OnConflict::columns([calculation_file::Column::CalculationId, calculation_file::Column::FileId])
        .do_nothing()
        .to_owned();
    match calculation_file::Entity::insert_many(rows).on_conflict(known).exec_without_returning(connection).await {
        Ok(_) | Err(DbErr::RecordNotInserted) => Ok(()),
        Err(error) => Err(error).explain(db),
    }
}

/// Checks the texts of a link.
pub(super) fn check_link(role: &FileRole, alias: Option<&str>) -> Result<(), FieldError> {
    check_text("file_role", role.name(), 50)?;
    validate::optional("alias", alias, 255)
}

fn values(db: &Db, file: &NewFile) -> user_file::ActiveModel {
    user_file::ActiveModel {
        id: NotSet,
        user_id: Set(file.user_id.0),
        filename: Set(file.filename.clone()),
        original_filename: Set(file.original_filename.clone()),
        file_size: Set(file.file_size),
        content_type: Set(file.content_type.clone()),
        s3_key: Set(file.s3_key.clone()),
        s3_bucket: Set(file.s3_bucket.clone()),
        s3_url: Set(file.s3_url.clone()),
        uploaded_at: Set(db.now()),
        is_public: Set(false),
        description: Set(file.description.clone()),
        file_hash: Set(file.file_hash.clone()),
    }
}

fn check(file: &NewFile) -> Result<(), FieldError> {
    check_text("filename", &file.filename, 255)?;
    check_text("original_filename", &file.original_filename, 255)?;
    if file.file_size < 0 {
        return Err(FieldError::new("file_size", format!("{} is negative", file.file_size)));
    }
    check_text("content_type", &file.content_type, 100)?;
    check_text("s3_key", &file.s3_key, 500)?;
    check_text("s3_bucket", &file.s3_bucket, 100)?;
    check_text("s3_url", &file.s3_url, 1_000)?;
    validate::optional("description", file.description.as_deref(), 1_000)?;
    validate::optional("file_hash", file.file_hash.as_deref(), 64)
}

impl From<user_file::Model> for UserFile {
    fn from(row: user_file::Model) -> Self {
        Self {
            id: FileId(row.id),
            user_id: UserId(row.user_id),
            filename: row.filename,
            original_filename: row.original_filename,
            file_size: row.file_size,
            content_type: row.content_type,
            s3_key: row.s3_key,
            s3_bucket: row.s3_bucket,
            s3_url: row.s3_url,
            uploaded_at: row.uploaded_at.time(),
            is_public: row.is_public,
            description: row.description,
            file_hash: row.file_hash,
        }
    }
}
