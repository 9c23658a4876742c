//! A container that was started: what it prints, what its shim reports, how it ended.
//!
//! Two tasks: one reads the container's output, whoever is slow, and takes the shim's reports out of it; the other
//! waits for the container's end and passes orders on. Where the shim has told everything, outputs included, that is
//! the end: the engine clears up after its container while the run is recorded. The shim alone knows how the code ended; without its last
//! report the run is lost, and that is trouble of the engine.

use super::{
    Identity,
    ending::{self, End, EndWaiter, Order},
    failed, identity,
    reader::{Channels, Files, Lines, Reader},
    reports::{LastLine, Reports},
    transfer,
};
use crate::{
    domain::run::Usage,
    sandbox::{
        Ended, EngineError, Job, Outputs, Stopped, from_shim,
        wire::{Report, Sample},
    },
};
use bollard::{Docker, container::AttachContainerResults};
use std::{path::Path, time::Duration};
use tokio::{
    io::DuplexStream,
    sync::{mpsc, watch},
};

/// Bytes of each output that wait to be read; then the container waits.
const BUFFER: usize = 1 << 20;
/// How long the code may take to begin on a busy engine.
const START_PATIENCE: Duration = Duration::from_mins(1);

/// A started container.
#[derive(Debug)]
pub struct Running {
    identity: Identity,
    output: Option<(DuplexStream, DuplexStream)>,
    orders: mpsc::UnboundedSender<Order>,
    usage: watch::Receiver<Usage>,
    away: watch::Receiver<Option<String>>,
    end: watch::Receiver<End>,
    notes: watch::Receiver<Vec<String>>,
    outputs: watch::Receiver<Option<Files>>,
}

impl Running {
    /// Starts a made container; returns once the code runs.
    pub(super) async fn start(
        client: Docker,
        identity: Identity,
        attached: AttachContainerResults,
        job: &Job,
    ) -> Result<Self, EngineError> {
        let name = identity.name.container.clone();
        client.start_container(&name, None).await.map_err(failed("start the container"))?;
        crate::faults::at("begun");
        let (running, mut first) = Self::over(client.clone(), identity, Some(attached.output), &job.folder);
        let started = tokio::time::timeout(START_PATIENCE, first.wait_for(Option::is_some)).await;
        match started.ok().and_then(Result::ok).and_then(|first| first.clone()) {
            Some(Report::Failed(step, problem)) => {
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                Err(refused(&running.identity.image, text(step), text(problem)))
            }
            Some(_) => Ok(running),
            None => {
                let mut running = running;
                let ended = tokio::time::timeout(Duration::from_secs(2), running.wait()).await;
                match ended {
                    Ok(Err(error)) => Err(error),
                    _ => Err(EngineError::Lost("it does not say how it began".into())),
                }
            }
        }
    }

    /// Takes over a container that was started by another process: its whole log is read again.
    pub(super) fn adopt(client: Docker, identity: Identity, folder: &Path) -> Self {
        Self::over(client, identity, None, folder).0
    }

    fn over(
        client: Docker,
        identity: Identity,
        lines: Option<Lines>,
        folder: &Path,
    ) -> (Self, watch::Receiver<Option<Report>>) {
        let (out, stdout) = tokio::io::duplex(BUFFER);
        let (err, stderr) = tokio::io::duplex(BUFFER);
        #[expect(clippy::disallowed_methods, reason = "an order is a stop or the like: a person gives a few in a run")]
        let (orders, ordered) = mpsc::unbounded_channel();
        let (usage_in, usage) = watch::channel(from_shim::usage(Sample::default()));
        let (end_in, end) = watch::channel(None);
        let (away_in, away) = watch::channel(None);
        let (notes_in, notes) = watch::channel(Vec::new());
        let (outputs_in, outputs) = watch::channel(None);
        let (first_in, first) = watch::channel(None);
        let (last_in, last) = watch::channel(None);
        let channels =
            Channels { first: first_in, last: last_in, usage: usage_in, notes: notes_in, outputs: outputs_in };
        let reader = Reader {
            client: client.clone(),
            container: identity.name.container.clone(),
            reports: Reports::new(&identity.name.secret),
            last_line: LastLine::new(&identity.name.secret),
            outputs: Vec::new(),
            out,
            err,
            passed: [0; 2],
            progress: folder.join("out/progress.jsonl"),
            channels,
        };
        let reading = tokio::spawn(reader.read(lines));
        tokio::spawn(ending::wait_for_end(EndWaiter {
            client,
            identity: identity.clone(),
            orders: ordered,
            reading,
            last,
            usage: usage.clone(),
            outputs: outputs.clone(),
            away: away_in,
            end: end_in,
        }));
        (Self { identity, output: Some((stdout, stderr)), orders, usage, away, end, notes, outputs }, first)
    }

    /// Which container it is.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The outputs; once.
    pub fn take_output(&mut self) -> Option<Outputs> {
        let (stdout, stderr) = self.output.take()?;
        Some(Outputs { stdout: Box::new(stdout), stderr: Box::new(stderr) })
    }

    /// The figures as they come.
    pub fn watch_usage(&self) -> watch::Receiver<Usage> {
        self.usage.clone()
    }

    /// What the shim wants told with the result.
    pub fn notes(&self) -> Vec<String> {
        self.notes.borrow().clone()
    }

    /// Puts the outputs that came along with its reports into `folder/out`, as [`Identity::fetch`] does, with its notes;
    /// `None` where they did not come.
    pub async fn bring(&self, folder: &Path) -> Option<Result<Vec<String>, EngineError>> {
        let files = self.outputs.borrow().clone()?;
        let (folder, most) = (folder.to_owned(), self.identity.output_bytes);
        let put =
            tokio::task::spawn_blocking(move || identity::read(&transfer::pack_outputs(&files)?[..], &folder, most));
        let taken = put.await.map_err(std::io::Error::other).flatten();
        let failed = |error| EngineError::Container(format!("the outputs cannot be kept: {error}"));
        Some(taken.map(|taken| taken.notes).map_err(failed))
    }

    /// Asks for the end; the first reason counts.
    pub fn stop(&self, why: Stopped) {
        let _ = self.orders.send(Order::Stop(why));
    }

    /// Ends it at once, whatever is left of its grace.
    pub fn stop_now(&self) {
        let _ = self.orders.send(Order::Now);
    }

    /// Why the engine does not answer, while it does not.
    pub fn watch_away(&self) -> watch::Receiver<Option<String>> {
        self.away.clone()
    }

    /// Waits until nothing of the code runs and its output was taken. May be cancelled and called again.
    pub async fn wait(&mut self) -> Result<Ended, EngineError> {
        let end = self.end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        end.unwrap_or_else(|| Err("nobody listened".to_owned())).map_err(EngineError::Lost)
    }
}

/// The set-up failed inside: mostly because the image lacks what is to be started.
fn refused(image: &str, step: String, problem: String) -> EngineError {
    match step.strip_prefix("start ") {
        Some("python3") => EngineError::Refused(format!(
            "the image {image} has no python3 in its PATH, which the code needs; name an image with Python, or leave \
             the code empty to run the image's own command"
        )),
        Some(program) => EngineError::Refused(format!("the image {image} cannot start {program}: {problem}")),
        None => EngineError::Setup { step, problem },
    }
}
