//! Making calculations: rows and bytes together.

use super::Session;
use crate::{
    db::{self, DbError},
    domain::{
        FieldError,
        calculation::{InputLink, NewCalculation},
        file::{FileRole, LinkedFile},
        id::CalculationId,
    },
    storage::StoreError,
};
use std::path::PathBuf;

/// A file that the code is to read, still outside the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// The name the code knows it by.
    pub alias: String,
    /// Where it is now.
    pub path: PathBuf,
}

/// Why a calculation was not made.
#[derive(Debug, thiserror::Error)]
pub enum CalculationError {
    /// A field that cannot be taken.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// An input that cannot be stored.
    #[error("input {alias}: {source}")]
    Input {
        /// The name the code knows it by.
        alias: String,
        /// Why.
        source: StoreError,
    },
}

/// A copy of a calculation to be, and the files it reads: everything the same, and it knows what it was copied from.
pub async fn copy_of(
    session: &Session,
    id: CalculationId,
) -> Result<(NewCalculation, Vec<LinkedFile>), CalculationError> {
    let (db, user) = (&session.db, session.user.id);
    let found = db::calculations::get(db, user, id).await?;
    let calculation = found.ok_or_else(|| DbError::not_found("calculation", &id))?;
    let mut files = db::calculations::files(db, user, id).await?;
    files.retain(|linked| linked.file_role.is_read());
    let inputs = files.iter().map(|linked| InputLink {
        file_id: linked.file.id,
        file_role: linked.file_role.clone(),
        alias: linked.alias.clone(),
    });
    let copy = NewCalculation {
        name: calculation.name,
        description: calculation.description,
        code: calculation.code,
        parameters: calculation.parameters,
        limits: calculation.limits.unwrap_or(session.config.limits.default),
        tool_id: calculation.tool_id,
        tool_version_id: calculation.tool_version_id,
        parent_id: Some(id),
        inputs: inputs.collect(),
    };
    Ok((copy, files))
}

/// Makes a calculation that is not started, with its input files stored.
///
/// Everything is checked first. A file that was stored before another one failed stays, as an upload does.
pub async fn create(
    session: &Session,
    mut calculation: NewCalculation,
    inputs: &[InputFile],
) -> Result<CalculationId, CalculationError> {
    calculation.check(&session.config.limits.maximum)?;
    for input in inputs {
        let taken: Vec<_> = calculation.inputs.iter().map(|input| input.file_id).collect();
        let stored = crate::storage::upload(&session.store, &session.db, &session.user, &input.path, &taken).await;
        let stored = stored.map_err(|source| CalculationError::Input { alias: input.alias.clone(), source })?;
        calculation.inputs.push(InputLink {
            file_id: stored.file.id,
            file_role: FileRole::Input,
            alias: Some(input.alias.clone()),
        });
    }
    Ok(db::calculations::create(&session.db, session.user.id, &calculation).await?)
}
