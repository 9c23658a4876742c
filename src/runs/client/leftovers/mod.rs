//! What is left over by anything that was interrupted: found, and removed when asked.
//!
//! Every part of mecapy removes what it made, and the next start removes what an interrupted one could not. This is
//! the look behind all of them: on a healthy host it finds nothing. It touches only what belongs to this person,
//! this host and this state folder, and nothing of a run that has a spool folder: that is the reconciler's.

mod containers;
mod files;
mod processes;

use crate::{
    domain::id::RunId,
    runs::removal,
    sandbox::{builtin, docker},
    session::Session,
};
use serde::Serialize;
use std::path::PathBuf;

/// What kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A container.
    Container,
    /// A volume that a container left.
    Volume,
    /// A sandbox of the built-in engine that still runs.
    Process,
    /// Remains of a folder whose making or removal was interrupted.
    Folder,
    /// The unpacked log of a run that is not there any more.
    Log,
    /// Bytes of an upload that never ended.
    Upload,
}

/// Something that nothing needs any more.
#[derive(Clone, Debug, Serialize)]
pub struct Leftover {
    /// What it is.
    pub kind: Kind,
    /// Its name or path.
    pub name: String,
    /// The run it belonged to, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Why nothing needs it.
    pub why: String,
    #[serde(skip)]
    removal: Removal,
}

/// What removes it.
#[derive(Clone, Debug)]
enum Removal {
    InEngine(Box<(docker::Connection, docker::Thing)>),
    Process(builtin::Identity),
    Folder(PathBuf),
    File(PathBuf),
}

/// What a look found.
#[derive(Debug, Default)]
pub struct Found {
    /// What can be removed.
    pub leftovers: Vec<Leftover>,
    /// Where it could not be looked, in words.
    pub unseen: Vec<String>,
    /// The container engines that were looked into, and those that were not reached and need not be, in words.
    pub looked: Vec<String>,
}

/// Looks everywhere. To be called after [`super::reconcile()`], which puts right what still has a spool.
pub async fn leftovers(session: &Session) -> Found {
    let mut found = Found::default();
    let spool = session.config.paths.spool();
    containers::of(session, &mut found).await;
    let mut take = |looked: Result<Vec<Leftover>, String>| match looked {
        Ok(leftovers) => found.leftovers.extend(leftovers),
        Err(problem) => found.unseen.push(problem),
    };
    take(Ok(processes::of(&spool)));
    take(files::folders(&spool));
    take(files::logs(session).await);
    take(files::uploads(session));
    found
}

impl Leftover {
    /// Removes it. Nothing being there any more is what was wanted.
    pub async fn remove(&self) -> Result<(), String> {
        let what = match self.removal.clone() {
            Removal::InEngine(it) => return it.0.remove(&it.1).await.map_err(|error| error.to_string()),
            what => what,
        };
        let done = tokio::task::spawn_blocking(move || match what {
            Removal::InEngine(_) => Ok(()),
            Removal::Process(identity) => builtin::kill_leftover(&identity).map(drop),
            Removal::Folder(path) => removal::remove(&path),
            Removal::File(path) => files::remove(&path),
        });
        let done = done.await.map_err(std::io::Error::other).flatten();
        done.map_err(|error| error.to_string())
    }
}
