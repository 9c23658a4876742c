//! What each request does, with the services' own functions.

mod drafts;
mod export;
mod filter;
mod runs;

use super::executor::Replies;
use crate::{
    db::{self, DbError},
    domain::{FieldError, calculation::NewCalculation, detail::CalculationDetail, id::CalculationId},
    session::{self, Session, calculations::CalculationError},
    tui::{
        msg::{Failure, Msg},
        request::{Reply, Request},
    },
};

/// Runs a request to its last reply; one with many replies sends the others to `replies`.
pub async fn run(session: Session, request: Request, replies: Replies) -> Result<Reply, Failure> {
    let (db, user) = (&session.db, session.user.id);
    match request {
        Request::ListCalculations { query, page } => {
            Ok(Reply::Calculations(db::calculations::page(db, user, &query, &page).await?))
        }
        Request::CountCalculations(query) => Ok(Reply::Count(db::calculations::count(db, user, &query).await?)),
        Request::LoadCalculation(id) | Request::LoadSelected(id) => {
            detail(&session, id).await.map(|detail| Reply::Calculation(Box::new(detail)))
        }
        Request::SaveCalculation { id, calculation, run } => {
            let id = save(&session, id, &calculation).await?;
            replies.announce(Msg::Changed).await;
            Ok(if run { runs::submit_made(&session, id).await } else { Reply::Saved(id) })
        }
        Request::Submit { id, pull } => runs::submit(&session, id, pull).await,
        Request::RunAgain(id) => {
            let (copy, _) = session::calculations::copy_of(&session, id).await?;
            let copy = session::calculations::create(&session, copy, &[]).await?;
            replies.announce(Msg::Changed).await;
            Ok(runs::submit_made(&session, copy).await)
        }
        Request::Stop { id, now } => runs::stop(&session, id, now).await,
        Request::StopAll(ids) => {
            let (mut stopped, mut refused) = (0, Vec::new());
            for id in ids {
                match runs::stop_further(&session, id).await {
                    Ok(()) => stopped += 1,
                    Err(failure) => refused.push((id, failure.message)),
                }
            }
            Ok(Reply::Stopped(stopped, refused))
        }
        Request::DeleteCalculations(ids) => {
            let (mut deleted, mut refused) = (0, Vec::new());
            for id in ids {
                match crate::runs::delete(&session, id).await {
                    Ok(()) => deleted += 1,
                    Err(error) => {
                        tracing::warn!(%id, %error, "not deleted");
                        refused.push((id, error.to_string()));
                    }
                }
            }
            Ok(Reply::Deleted(deleted, refused))
        }
        Request::ListTools { text, page } => Ok(Reply::Tools(db::tools::list(db, &text, &page).await?)),
        Request::LoadTool(id) => match db::tools::get(db, id).await? {
            Some(tool) => Ok(Reply::Tool(Box::new(tool))),
            None => Err(Failure::new(format!("there is no tool {id} any more"))),
        },
        Request::KeepDraft(draft) => drafts::keep(&session.config.paths.drafts(), *draft).await,
        Request::ForgetDraft(key) => drafts::forget(&session.config.paths.drafts(), &key).await,
        Request::ListDrafts => drafts::list(&session.config.paths.drafts()).await,
        Request::LoadFigures => Ok(Reply::Figures(Box::new(db::health::figures(db, user).await?))),
        Request::LoadHealth => Ok(Reply::Health(Box::new(db::health::health(db, false).await?))),
        Request::ListActive => runs::active(&session).await,
        Request::LogLines { id, from, count } => runs::log_lines(&session, id, from, count).await,
        Request::SearchLog { id, text, limit, within: None } => runs::search_log(&session, id, text, limit).await,
        Request::SearchLog { id, text, limit, within: Some(filter) } => {
            filter::search(&session, id, &text, limit, &filter).await
        }
        Request::FilterLog { id, text, from } => filter::step(&session, id, &text, from).await,
        Request::FilteredLines { id, text, parts } => filter::lines(&session, id, &text, parts).await,
        Request::ExportLog { id, path } => export::export_log(&session, id, path).await,
        Request::Watch(id) => runs::watch(session, id, replies).await,
    }
}

/// A calculation with everything that belongs to it.
async fn detail(session: &Session, id: CalculationId) -> Result<CalculationDetail, Failure> {
    let found = db::calculations::detail(&session.db, session.user.id, id).await?;
    found.ok_or_else(|| Failure::new(format!("there is no calculation {id} any more")))
}

async fn save(
    session: &Session,
    id: Option<CalculationId>,
    calculation: &NewCalculation,
) -> Result<CalculationId, Failure> {
    match id {
        None => Ok(session::calculations::create(session, calculation.clone(), &[]).await?),
        Some(id) => {
            calculation.check(&session.config.limits.maximum)?;
            db::calculations::update_draft(&session.db, session.user.id, id, calculation).await?;
            Ok(id)
        }
    }
}

impl From<FieldError> for Failure {
    fn from(error: FieldError) -> Self {
        Self { message: error.to_string(), field: Some(error.field) }
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        tracing::error!(?error, "database");
        Self::new(error.to_string())
    }
}

impl From<CalculationError> for Failure {
    fn from(error: CalculationError) -> Self {
        match error {
            CalculationError::Field(error) => error.into(),
            CalculationError::Database(error) => error.into(),
            CalculationError::Input { .. } => {
                tracing::error!(?error, "input");
                Self::new(error.to_string())
            }
        }
    }
}
