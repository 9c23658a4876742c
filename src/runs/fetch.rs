//! The image of a run that was submitted without it: fetched by the supervisor, so that it goes on whatever happens
//! to the screen that asked.

use super::{
    drain::{change, notes_of, until},
    live::Phase,
    recover::{self, never_began},
    supervisor::Life,
    work::Stage,
};
use crate::{
    domain::{pull::Progress, run::ErrorKind},
    sandbox::{
        Chosen,
        docker::{self, Choice, PullError},
    },
};
use tokio::sync::watch;

/// Fetches what is still to be fetched and notes which content it is; gives how the run ends where it cannot go on.
pub(super) async fn image(life: &mut Life) -> Option<Stage> {
    let Chosen::Docker(choice) = life.request.engine.clone() else { return None };
    let sign_in = choice.fetch.clone().filter(|_| choice.image_id.is_empty())?;
    life.state.change(|state| state.phase = Phase::Pulling);
    life.state.write();
    let (tell, told) = watch::channel(Progress::default());
    let pulled = tokio::select! {
        pulled = pull(&choice, &sign_in, tell) => pulled,
        stage = attend(life, told) => return Some(stage),
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
            None
        }
        Err((kind, words)) => Some(Stage::Ended(never_began(kind, words))),
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
        let told = |progress: &Progress| drop(tell.send_replace(progress.clone()));
        let pulled = connection.pull(&choice.image, sign_in, told).await;
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
async fn attend(life: &mut Life, mut told: watch::Receiver<Progress>) -> Stage {
    let mut asked = notes_of(life.spool.folder());
    loop {
        if life.spool.is_asked_to_stop() {
            return Stage::Ended(recover::cancelled());
        }
        if !life.spool.folder().exists() {
            return Stage::StaysQueued;
        }
        let due = life.state.due();
        tokio::select! {
            // The end of the pull is the caller's to see.
            changed = told.changed() => match changed {
                Ok(()) => {
                    let progress = told.borrow_and_update().clone();
                    life.state.change(|state| state.pull = Some(progress));
                }
                Err(_) => std::future::pending().await,
            },
            () = change(&mut asked) => {}
            // What has arrived is kept: a later start goes on.
            _ = life.terminate.recv() => return Stage::StaysQueued,
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
