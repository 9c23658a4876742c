//! Reads what a container prints, from the first byte on and each once, and takes the shim's reports out of it.

use super::{
    ending::AWAY,
    identity::is_missing,
    reports::{LastLine, Reports},
};
use crate::{
    domain::run::Usage,
    sandbox::{from_shim, wire::Report},
};
use bollard::{Docker, container::LogOutput, errors::Error, query_parameters::LogsOptionsBuilder};
use futures_util::{Stream, StreamExt};
use std::{fs::OpenOptions, io::Write, path::PathBuf, pin::Pin, time::Duration};
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    sync::watch,
};
use tokio_util::bytes::Bytes;

/// Output files: names below `out`, and contents.
pub(super) type Files = Vec<(Vec<u8>, Vec<u8>)>;

/// Bytes of outputs taken from reports: more than any shim tells.
const MOST_OUTPUTS: usize = 1 << 20;

/// A container's output as the engine gives it.
pub(super) type Lines = Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>;

/// Reads the output to its end.
pub(super) struct Reader {
    pub(super) client: Docker,
    pub(super) container: String,
    pub(super) reports: Reports,
    pub(super) last_line: LastLine,
    /// Outputs that were told so far.
    pub(super) outputs: Files,
    pub(super) out: DuplexStream,
    pub(super) err: DuplexStream,
    /// Bytes of each stream that came so far, the reports' included: what a second reading skips.
    pub(super) passed: [u64; 2],
    pub(super) progress: PathBuf,
    pub(super) channels: Channels,
}

impl Reader {
    /// Returns at the end of the output, however often the way to it breaks: where the shim says that it is, else where
    /// the engine does.
    pub(super) async fn read(mut self, lines: Option<Lines>) {
        let mut lines = lines.unwrap_or_else(|| self.log());
        loop {
            let broken = self.drain(&mut lines).await;
            if self.channels.last.borrow().is_some() {
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
                    if self.passed == before || self.channels.last.borrow().is_some() {
                        break;
                    }
                }
            }
        }
        let mut text = Vec::new();
        self.reports.finish(&mut text);
        let _ = self.err.write_all(&text).await;
        let _ = self.out.write_all(&self.last_line.finish()).await;
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
                    let text = self.last_line.take(message);
                    let _ = self.out.write_all(&text).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the container's output broke off");
                    return true;
                }
            }
            if self.last_line.is_found() && self.channels.last.borrow().is_some() {
                // The engine has still to clear up after its container: nobody waits for that.
                return false;
            }
        }
        false
    }

    fn hear(&mut self, report: Report) {
        match report {
            Report::Started(_) | Report::Failed(..) => {
                if matches!(report, Report::Failed(..)) {
                    self.channels.last.send_replace(Some(report.clone()));
                }
                self.channels.first.send_replace(Some(report));
            }
            Report::Sample(sample) => _ = self.channels.usage.send_replace(from_shim::usage(sample)),
            Report::Progress(bytes) => self.keep_progress(&bytes),
            Report::Note(note) => {
                self.channels.notes.send_modify(|notes| notes.push(String::from_utf8_lossy(&note).into_owned()));
            }
            Report::Output(name, bytes) => self.keep_output(name, &bytes),
            Report::Outputs(files) => {
                let outputs = std::mem::take(&mut self.outputs);
                if outputs.len() as u64 == files {
                    self.channels.outputs.send_replace(Some(outputs));
                }
            }
            Report::Ended(_, _, _, sample) => {
                self.channels.usage.send_replace(from_shim::usage(sample));
                self.channels.last.send_replace(Some(report));
            }
        }
    }

    /// Pieces of a file come one behind the other.
    fn keep_output(&mut self, name: Vec<u8>, bytes: &[u8]) {
        let kept: usize = self.outputs.iter().map(|(name, content)| name.len() + content.len()).sum();
        if kept + name.len() + bytes.len() > MOST_OUTPUTS {
            return;
        }
        match self.outputs.last_mut() {
            Some((last, content)) if *last == name => content.extend_from_slice(bytes),
            _ => self.outputs.push((name, bytes.to_vec())),
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

/// Where the reading task sends what it reads.
pub(super) struct Channels {
    /// How it began.
    pub(super) first: watch::Sender<Option<Report>>,
    /// How it ended.
    pub(super) last: watch::Sender<Option<Report>>,
    pub(super) usage: watch::Sender<Usage>,
    pub(super) notes: watch::Sender<Vec<String>>,
    /// All output files, where they were told.
    pub(super) outputs: watch::Sender<Option<Files>>,
}
