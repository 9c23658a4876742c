//! The image of a run that was submitted without it: fetched by the supervisor, so that it goes on whatever happens
//! to the screen that asked.

use super::{
    life::Life,
    waiting::{note_left, until, watch_notes},
};
use crate::{
    domain::{pull::Progress, run::ErrorKind, run_state::Phase},
    runs::{
        ending::{cancelled, never_began},
        spool::Final,
    },
    sandbox::{
        Chosen,
        docker::{self, Choice, PullError},
    },
};
use tokio::sync::watch;

/// What came of it.
pub(super) enum Fetched {
    /// The image is here, or none is needed.
    Here,
    /// The run ends like this: it was stopped, or there is no such image.
    Ended(Final),
    /// This process is to end; what has arrived is kept, and a later start goes on.
    Interrupted,
}

/// Fetches what is still to be fetched and notes which content it is.
pub(super) async fn fetch(life: &mut Life) -> Fetched {
    let Chosen::Docker(choice) = life.request.engine.clone() else { return Fetched::Here };
    let Some(sign_in) = choice.fetch.clone().filter(|_| choice.image_id.is_empty()) else { return Fetched::Here };
    life.state.change(|state| state.phase = Phase::Pulling);
    life.state.write();
    let (tell, progress) = watch::channel(Progress::default());
    let pulled = tokio::select! {
        pulled = pull(&choice, &sign_in, tell) => pulled,
        stopped = show_progress(life, progress) => return stopped,
    };
    life.state.change(|state| {
        state.phase = Phase::Waiting;
        state.pull = None;
    });
    life.state.write();
    match pulled {
        Ok(id) => {
            tracing::info!(image = choice.image, id, "fetched");
            life.request.engine = Chosen::Docker(Box::new(Choice { image_id: id, ..*choice }));
            Fetched::Here
        }
        Err((kind, words)) => Fetched::Ended(never_began(kind, words)),
    }
}

async fn pull(
    choice: &Choice,
    sign_in: &std::path::Path,
    tell: watch::Sender<Progress>,
) -> Result<String, (ErrorKind, String)> {
    let connection = docker::connect(&choice.endpoint).await.map_err(|error| (ErrorKind::Engine, error.to_string()))?;
    // Somebody else may have fetched it meanwhile.
    let image = if let Ok(image) = connection.image(&choice.image).await {
        image
    } else {
        let show = |progress: &Progress| drop(tell.send_replace(progress.clone()));
        let pulled = connection.pull(&choice.image, sign_in, show).await;
        pulled.map_err(|error| (kind(&error), error.to_string()))?
    };
    if !choice.own_command
        && let Err(error) = connection.python_of(&image).await
    {
        let is_missing = matches!(error, docker::ImageError::NoPython { .. });
        return Err((if is_missing { ErrorKind::Refused } else { ErrorKind::Engine }, error.to_string()));
    }
    Ok(image.id)
}

/// Passes the progress on until the run is stopped or this process is told to end.
async fn show_progress(life: &mut Life, mut news: watch::Receiver<Progress>) -> Fetched {
    let mut notes = watch_notes(life.spool.folder());
    loop {
        if life.spool.is_asked_to_stop() {
            return Fetched::Ended(cancelled());
        }
        if !life.spool.folder().exists() {
            return Fetched::Interrupted;
        }
        let due = life.state.due();
        tokio::select! {
            // The end of the pull is the caller's to see.
            changed = news.changed() => match changed {
                Ok(()) => {
                    let progress = news.borrow_and_update().clone();
                    life.state.change(|state| state.pull = Some(progress));
                }
                Err(_) => std::future::pending().await,
            },
            () = note_left(&mut notes) => {}
            _ = life.terminate.recv() => return Fetched::Interrupted,
            () = until(due) => {}
        }
        life.state.flush();
    }
}

/// Whose fault it is.
const fn kind(error: &PullError) -> ErrorKind {
    match error {
        PullError::Reference(_)
        | PullError::Id { .. }
        | PullError::NotFound { .. }
        | PullError::Refused { .. }
        | PullError::Platform { .. }
        | PullError::Image(_) => ErrorKind::Refused,
        _ => ErrorKind::Engine,
    }
}
