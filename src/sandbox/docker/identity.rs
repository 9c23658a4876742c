//! Which container a run has, and what can be done about one whose supervisor is gone.

use super::{
    Endpoint, Running,
    client::{client, settled},
    failed, transfer,
};
use crate::{
    domain::id::RunId,
    sandbox::{EngineError, Job},
};
use bollard::{
    Docker,
    errors::Error,
    models::ContainerStateStatusEnum,
    query_parameters::{DownloadFromContainerOptionsBuilder, RemoveContainerOptionsBuilder},
};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Read},
    path::Path,
    time::Duration,
};
use tokio::sync::mpsc;

/// Seconds after the limit and the grace within which the shim has ended the run on any machine.
const SLACK: u64 = 60;

/// A stream of outputs that breaks off is read again so often, after this time.
const ATTEMPTS: u32 = 3;
const AGAIN: Duration = Duration::from_millis(500);

/// What a run's container is called, and what only its supervisors know of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// `mecapy-<run>`.
    pub container: String,
    /// Begins the shim's reports in its log; nothing the code could know.
    pub secret: String,
    /// Seconds since 1970 after which it cannot be running any more.
    pub deadline: u64,
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Name").field(&self.container).finish()
    }
}

impl Name {
    /// A new one; `now` in seconds since 1970.
    pub fn new(job: &Job, now: u64) -> Self {
        let time = u64::from(job.limits.timeout) + u64::from(job.caps.grace) + SLACK;
        Self {
            container: Self::container_of(job.run),
            secret: uuid::Uuid::new_v4().simple().to_string(),
            deadline: now + time,
        }
    }

    /// The container of a run.
    pub fn container_of(run: RunId) -> String {
        format!("mecapy-{run}")
    }
}

/// The container of a run, as its spool keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The engine it is in.
    pub endpoint: Endpoint,
    /// Its name.
    #[serde(flatten)]
    pub name: Name,
    /// The image, as it was named.
    pub image: String,
    /// Seconds between SIGTERM and SIGKILL.
    pub grace: u32,
    /// Bytes of output files that are taken.
    pub output_bytes: u64,
}

/// What there is of it.
#[derive(Debug)]
pub enum Found {
    /// It runs, or it ended and its output waits.
    Running(Box<Running>),
    /// Made, never started.
    NeverStarted,
    /// Nothing.
    Gone,
}

impl Identity {
    /// Connects to its engine.
    async fn client(&self) -> Result<Docker, EngineError> {
        client(&self.endpoint).await.map_err(|error| EngineError::Container(error.to_string()))
    }

    /// Looks for it. A running one is taken over with its whole log; the shim in it holds its time.
    pub async fn find(&self, folder: &Path) -> Result<Found, EngineError> {
        let client = self.client().await?;
        let state = match settled(|| client.inspect_container(&self.name.container, None)).await {
            Ok(container) => container.state.and_then(|state| state.status),
            Err(error) if is_missing(&error) => return Ok(Found::Gone),
            Err(error) => return Err(failed("look for the container")(error)),
        };
        if state == Some(ContainerStateStatusEnum::CREATED) {
            return Ok(Found::NeverStarted);
        }
        Ok(Found::Running(Box::new(Running::adopt(client, self.clone(), folder))))
    }

    /// Reads its outputs into `folder/out`, anew each time. Sentences for what was not taken.
    pub async fn fetch(&self, folder: &Path) -> Result<Vec<String>, EngineError> {
        let client = self.client().await?;
        for attempt in 1.. {
            let Some(taken) = self.download(&client, folder).await? else {
                return Ok(vec!["the container was removed by somebody else before its outputs were read".to_owned()]);
            };
            // An engine that went away says so at the next attempt.
            if !taken.broken || attempt == ATTEMPTS {
                return Ok(taken.notes);
            }
            tokio::time::sleep(AGAIN).await;
        }
        Ok(Vec::new())
    }

    /// One reading; `None` where there is no such container.
    async fn download(&self, client: &Docker, folder: &Path) -> Result<Option<transfer::Taken>, EngineError> {
        let path = format!("{}/out", transfer::WORKSPACE);
        let options = DownloadFromContainerOptionsBuilder::new().path(&path).build();
        let mut stream = Box::pin(client.download_from_container(&self.name.container, Some(options)));
        let mut next = match stream.next().await {
            Some(Err(error)) if is_missing(&error) => return Ok(None),
            // Before anything that is there already is put away.
            Some(Err(error)) => return Err(failed("read the outputs")(error)),
            first => first,
        };
        let (to, from) = mpsc::channel(transfer::CHUNKS);
        let (folder, most) = (folder.to_owned(), self.output_bytes);
        let reading = tokio::task::spawn_blocking(move || read(transfer::ChunkReader::new(from), &folder, most));
        while let Some(chunk) = next {
            // Closed where enough was read.
            if to.send(chunk.map_err(io::Error::other)).await.is_err() {
                break;
            }
            next = stream.next().await;
        }
        drop(to);
        let taken = reading.await.map_err(io::Error::other).flatten();
        taken.map(Some).map_err(|error| EngineError::Container(format!("the outputs cannot be read: {error}")))
    }

    /// Removes it with its volumes; ends it first where it runs.
    pub async fn discard(&self) -> Result<(), EngineError> {
        self.discard_with(&self.client().await?).await
    }

    /// The same over a connection that is there.
    pub(super) async fn discard_with(&self, client: &Docker) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match client.remove_container(&self.name.container, Some(options)).await {
            // In the last case somebody else is just at it.
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            Err(error) => Err(failed("remove the container")(error)),
        }
    }
}

/// Puts what comes into a new folder, which then takes the place of the old one. Blocks.
pub(super) fn read(from: impl Read, folder: &Path, most: u64) -> io::Result<transfer::Taken> {
    let (new, place) = (folder.join("out.new"), folder.join("out"));
    for path in [&new, &place] {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let taken = transfer::unpack(from, &new, most)?;
    std::fs::rename(&new, &place)?;
    Ok(taken)
}

/// Whether the engine knows no such thing.
pub(super) const fn is_missing(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}
