//! A container that was started: what it prints, what its shim reports, how it ended.
//!
//! Two tasks: one reads the container's output, whoever is slow, and takes the shim's reports out of it; the other
//! waits for the container's end and passes orders on. The shim alone knows how the code ended; without its last
//! report the run is lost, and that is trouble of the engine.

use super::{Identity, failed, identity::is_missing, reports::Reports};
use crate::{
    domain::run::Usage,
    sandbox::{
        Ended, EngineError, Exit, Job, Outputs, Stopped, told,
        wire::{Report, Sample},
    },
};
use bollard::{
    Docker,
    container::{AttachContainerResults, LogOutput},
    errors::Error,
    query_parameters::{KillContainerOptionsBuilder, LogsOptionsBuilder, WaitContainerOptionsBuilder},
};
use futures_util::{Stream, StreamExt};
use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    pin::Pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    sync::{mpsc, watch},
};
use tokio_util::bytes::Bytes;

/// Bytes of each output that wait to be read; then the container waits.
const BUFFER: usize = 1 << 20;
/// How long the code may take to begin on a busy engine.
const START_PATIENCE: Duration = Duration::from_mins(1);
/// Seconds after the grace that the shim has to end it; then the engine does.
const SHIM_PATIENCE: u64 = 5;
/// How long the last output may take once the container is over.
const LAST_OUTPUT: Duration = Duration::from_secs(30);
/// Pauses while the engine does not answer.
const AWAY: [u64; 5] = [100, 250, 500, 1_000, 2_000];

type Lines = Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>;

/// What the tasks have learnt of the end.
type End = Option<Result<Ended, String>>;

/// A started container.
#[derive(Debug)]
pub struct Running {
    identity: Identity,
    output: Option<(DuplexStream, DuplexStream)>,
    orders: mpsc::UnboundedSender<Stopped>,
    usage: watch::Receiver<Usage>,
    end: watch::Receiver<End>,
    notes: watch::Receiver<Vec<String>>,
}

/// What the reading task tells.
struct Told {
    first: watch::Sender<Option<Report>>,
    last: watch::Sender<Option<Report>>,
    usage: watch::Sender<Usage>,
    notes: watch::Sender<Vec<String>>,
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
        let (orders, ordered) = mpsc::unbounded_channel();
        let (usage_in, usage) = watch::channel(told::usage(Sample::default()));
        let (end_in, end) = watch::channel(None);
        let (notes_in, notes) = watch::channel(Vec::new());
        let (first_in, first) = watch::channel(None);
        let (last_in, last) = watch::channel(None);
        let told = Told { first: first_in, last: last_in, usage: usage_in, notes: notes_in };
        let reader = Reader {
            client: client.clone(),
            container: identity.name.container.clone(),
            reports: Reports::new(&identity.name.secret),
            out,
            err,
            passed: [0; 2],
            progress: folder.join("out/progress.jsonl"),
            told,
        };
        let reading = tokio::spawn(reader.read(lines));
        tokio::spawn(attend(client, identity.clone(), ordered, reading, last, usage.clone(), end_in));
        (Self { identity, output: Some((stdout, stderr)), orders, usage, end, notes }, first)
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

    /// Asks for the end; the first reason counts.
    pub fn stop(&self, why: Stopped) {
        let _ = self.orders.send(why);
    }

    /// Waits until the container is over and its output was taken. May be cancelled and called again.
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

/// Reads the output to its end.
struct Reader {
    client: Docker,
    container: String,
    reports: Reports,
    out: DuplexStream,
    err: DuplexStream,
    /// Bytes of each stream that came so far, the reports' included: what a second reading skips.
    passed: [u64; 2],
    progress: PathBuf,
    told: Told,
}

impl Reader {
    async fn read(mut self, lines: Option<Lines>) {
        let mut lines = lines.unwrap_or_else(|| self.log());
        loop {
            let broken = self.drain(&mut lines).await;
            if self.told.last.borrow().is_some() {
                break;
            }
            // The connection broke, or the shim was killed: the engine has kept everything.
            match self.state().await {
                Some(true) => lines = self.log(),
                Some(false) if broken => lines = self.log(),
                _ => {
                    let before = self.passed;
                    lines = self.log();
                    self.drain(&mut lines).await;
                    if self.passed == before || self.told.last.borrow().is_some() {
                        break;
                    }
                }
            }
        }
        let mut text = Vec::new();
        self.reports.finish(&mut text);
        let _ = self.err.write_all(&text).await;
        let _ = self.out.shutdown().await;
        let _ = self.err.shutdown().await;
    }

    /// Everything from the start on, without what was passed already.
    fn log(&self) -> Lines {
        let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).tail("all").build();
        let lines = self.client.logs(&self.container, Some(options));
        let mut skip = self.passed;
        Box::pin(lines.filter_map(move |line| {
            let kept = match line {
                Ok(LogOutput::StdErr { message }) => {
                    rest(&message, &mut skip[1]).map(|message| Ok(LogOutput::StdErr { message }))
                }
                Ok(other) => rest(&other.into_bytes(), &mut skip[0]).map(|message| Ok(LogOutput::StdOut { message })),
                Err(error) => Some(Err(error)),
            };
            std::future::ready(kept)
        }))
    }

    /// Whether the stream broke off rather than ended.
    async fn drain(&mut self, lines: &mut Lines) -> bool {
        let mut text = Vec::new();
        while let Some(line) = lines.next().await {
            match line {
                Ok(LogOutput::StdErr { message }) => {
                    self.passed[1] += message.len() as u64;
                    text.clear();
                    for report in self.reports.take(&message, &mut text) {
                        self.hear(report);
                    }
                    // Fails where nobody wants it any more.
                    let _ = self.err.write_all(&text).await;
                }
                Ok(other) => {
                    let message = other.into_bytes();
                    self.passed[0] += message.len() as u64;
                    let _ = self.out.write_all(&message).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the container's output broke off");
                    return true;
                }
            }
        }
        false
    }

    fn hear(&self, report: Report) {
        match report {
            Report::Started(_) | Report::Failed(..) => {
                if matches!(report, Report::Failed(..)) {
                    self.told.last.send_replace(Some(report.clone()));
                }
                self.told.first.send_replace(Some(report));
            }
            Report::Sample(sample) => _ = self.told.usage.send_replace(told::usage(sample)),
            Report::Progress(bytes) => self.keep_progress(&bytes),
            Report::Note(note) => {
                self.told.notes.send_modify(|notes| notes.push(String::from_utf8_lossy(&note).into_owned()));
            }
            Report::Ended(_, _, _, sample) => {
                self.told.usage.send_replace(told::usage(sample));
                self.told.last.send_replace(Some(report));
            }
        }
    }

    /// For the eye only: the whole file comes with the outputs.
    fn keep_progress(&self, bytes: &[u8]) {
        let written = OpenOptions::new().append(true).create(true).open(&self.progress);
        if let Err(error) = written.and_then(|mut file| file.write_all(bytes)) {
            tracing::debug!(%error, "progress is not passed on");
        }
    }

    /// Whether the container runs; `None` where it is gone. Waits for an engine that is away.
    async fn state(&self) -> Option<bool> {
        let mut pauses = AWAY.iter().chain(std::iter::repeat(&AWAY[AWAY.len() - 1]));
        loop {
            match self.client.inspect_container(&self.container, None).await {
                Ok(container) => return Some(container.state.and_then(|state| state.running).unwrap_or(false)),
                Err(error) if is_missing(&error) => return None,
                Err(error) => tracing::warn!(%error, "the engine does not answer"),
            }
            tokio::time::sleep(Duration::from_millis(*pauses.next().unwrap_or(&1_000))).await;
        }
    }
}

/// What is left of a piece once `skip` bytes were skipped.
fn rest(message: &Bytes, skip: &mut u64) -> Option<Bytes> {
    let length = message.len() as u64;
    let skipped = length.min(*skip);
    *skip -= skipped;
    (skipped < length).then(|| message.slice(skipped as usize..))
}

/// Waits for the end, and passes orders on meanwhile.
async fn attend(
    client: Docker,
    identity: Identity,
    mut orders: mpsc::UnboundedReceiver<Stopped>,
    reading: tokio::task::JoinHandle<()>,
    last: watch::Receiver<Option<Report>>,
    usage: watch::Receiver<Usage>,
    end: watch::Sender<End>,
) {
    let container = &identity.name.container;
    let mut stopped: Option<Stopped> = None;
    let mut killed: Option<Stopped> = None;
    // The shim holds the clock; this is for a shim that is held up itself.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let deadline = tokio::time::sleep(Duration::from_secs(identity.name.deadline.saturating_sub(now)));
    let kill = tokio::time::sleep(Duration::from_hours(24 * 365));
    tokio::pin!(deadline, kill);
    let over = wait(&client, container);
    tokio::pin!(over);
    let mut listening = true;
    loop {
        tokio::select! {
            () = &mut over => break,
            order = orders.recv(), if listening => {
                let Some(why) = order else { listening = false; continue };
                if stopped.is_some() {
                    continue;
                }
                stopped = Some(why);
                let (name, patience) = match why {
                    Stopped::Cancelled | Stopped::Timeout => ("SIGTERM", u64::from(identity.grace) + SHIM_PATIENCE),
                    Stopped::Log | Stopped::Memory => ("SIGUSR1", SHIM_PATIENCE),
                    Stopped::Files => ("SIGUSR2", SHIM_PATIENCE),
                };
                signal(&client, container, name).await;
                kill.as_mut().reset(tokio::time::Instant::now() + Duration::from_secs(patience));
            }
            () = &mut kill, if stopped.is_some() && killed.is_none() => {
                killed = stopped;
                signal(&client, container, "SIGKILL").await;
            }
            () = &mut deadline, if killed.is_none() => {
                killed = Some(Stopped::Timeout);
                signal(&client, container, "SIGKILL").await;
            }
        }
    }
    // End of the container is not the end of its output.
    if tokio::time::timeout(LAST_OUTPUT, reading).await.is_err() {
        tracing::warn!("the last output did not come");
    }
    let report = last.borrow().clone();
    let ended = match (report, killed) {
        (Some(Report::Ended(exit, reason, oom, sample)), _) => Ok(told::ended(exit, reason, oom, sample)),
        (_, Some(why)) => {
            Ok(Ended { exit: Exit::Signal(9), stopped: Some(why), oom_killed: false, usage: *usage.borrow() })
        }
        _ => Err(fate(&client, container).await),
    };
    end.send_replace(Some(ended));
}

async fn signal(client: &Docker, container: &str, name: &str) {
    let options = KillContainerOptionsBuilder::new().signal(name).build();
    if let Err(error) = client.kill_container(container, Some(options)).await {
        // It ended by itself meanwhile, or the engine is away; the next step comes anyway.
        tracing::info!(%error, name, "not signalled");
    }
}

/// Returns once the container does not run any more, or is gone.
async fn wait(client: &Docker, container: &str) {
    let mut pauses = AWAY.iter().chain(std::iter::repeat(&AWAY[AWAY.len() - 1]));
    loop {
        let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
        let answer = Box::pin(client.wait_container(container, Some(options))).next().await;
        match answer {
            // Any exit code but 0 comes as an error: a normal end.
            Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) => return,
            Some(Err(error)) if is_missing(&error) => return,
            Some(Err(error)) => tracing::warn!(%error, "waiting for the container broke off"),
            None => {}
        }
        tokio::time::sleep(Duration::from_millis(*pauses.next().unwrap_or(&1_000))).await;
        if let Ok(found) = client.inspect_container(container, None).await
            && !found.state.and_then(|state| state.running).unwrap_or(false)
        {
            return;
        }
    }
}

/// What the engine knows of an end that the shim did not tell.
async fn fate(client: &Docker, container: &str) -> String {
    match client.inspect_container(container, None).await {
        Ok(found) => {
            let state = found.state.unwrap_or_default();
            let code = state.exit_code.unwrap_or_default();
            let reason = state.error.filter(|error| !error.is_empty()).map(|error| format!(": {error}"));
            format!(
                "the container ended with code {code} and its supervisor process had no time to say why{}; was the \
                 engine or the host restarted, or the container killed?",
                reason.unwrap_or_default()
            )
        }
        Err(error) if is_missing(&error) => "the container was removed by somebody else".to_owned(),
        Err(error) => format!("the engine does not say: {}", super::client::words(&error)),
    }
}
