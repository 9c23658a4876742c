//! One living sandbox: its output, its figures, its end.

use super::{EngineError, Identity, Level, plan};
use crate::{
    domain::run::Usage,
    sandbox::{
        Ended, Job, Stopped, from_shim, parts,
        wire::{self, Reason, Report, Sample},
    },
};
use rustix::pipe::fcntl_setpipe_size;
use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, ChildStderr, ChildStdout, Command},
    sync::watch,
};

/// The outputs' size where the system grants it: the code runs on while the log is written.
const PIPE: usize = 1 << 20;

/// How long the set-up may take on a busy host.
const START_PATIENCE: Duration = Duration::from_mins(1);

/// What the task that listens to the shim has learnt of the end.
type End = Option<Result<Ended, String>>;

/// A sandbox that was started.
///
/// Whoever holds it must read both outputs to their end (the code blocks on a full pipe) while waiting for
/// [`Running::wait`]: the end of the outputs is not the end of the run, in either direction. Dropping it ends the
/// sandbox as a cancel does, and so does the end of the process that holds it.
#[derive(Debug)]
pub struct Running {
    identity: Identity,
    output: Option<(ChildStdout, ChildStderr)>,
    control: OwnedWriteHalf,
    usage: watch::Receiver<Usage>,
    end: watch::Receiver<End>,
}

impl Running {
    /// For the spool: lets a later start end what is left.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Standard output and standard error; once.
    pub fn take_output(&mut self) -> Option<(ChildStdout, ChildStderr)> {
        self.output.take()
    }

    /// The latest figures; the shim reports them four times a second.
    pub fn usage(&self) -> Usage {
        *self.usage.borrow()
    }

    /// The figures as they come.
    pub fn watch_usage(&self) -> watch::Receiver<Usage> {
        self.usage.clone()
    }

    /// Asks for the end: after a cancel (or timeout) SIGTERM to every process and SIGKILL after `Caps::grace`, after
    /// any other reason SIGKILL at once. The first reason counts, the shim's own ones included.
    pub fn stop(&self, why: Stopped) {
        let reason = match why {
            Stopped::Cancelled => Reason::Cancelled,
            Stopped::Timeout => Reason::Timeout,
            Stopped::Memory => Reason::Memory,
            Stopped::Log => Reason::Log,
            Stopped::Files => Reason::Files,
        };
        // Fails only where the shim is gone, or where so many orders wait that one more changes nothing.
        let _ = self.control.try_write(&[reason as u8]);
    }

    /// Ends it at once, whatever is left of its grace.
    pub fn stop_now(&self) {
        let _ = self.control.try_write(&[wire::NOW]);
    }

    /// Waits until nothing of the sandbox is left. May be cancelled and called again.
    pub async fn wait(&mut self) -> Result<Ended, EngineError> {
        let end = self.end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        end.unwrap_or_else(|| Err("nobody listened".to_owned())).map_err(EngineError::Lost)
    }
}

/// Starts a prepared job at a level that [`super::probe`] found, and returns once the code runs.
///
/// # Errors
///
/// Every error means that the code did not run.
pub async fn start(job: &Job, level: Level) -> Result<Running, EngineError> {
    let plan = plan::of(job, level)?;
    let (ours, theirs) = StdStream::pair().map_err(EngineError::Spawn)?;
    ours.set_nonblocking(true).map_err(EngineError::Spawn)?;
    let mut socket = UnixStream::from_std(ours).map_err(EngineError::Spawn)?;
    let mut child = Command::new(parts::shim_path().map_err(EngineError::Spawn)?)
        .arg0("mecapy-shim")
        .env_clear()
        .current_dir("/")
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(EngineError::Spawn)?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
    let identity = Identity::of(pid).map_err(EngineError::Spawn)?;
    let output = child.stdout.take().zip(child.stderr.take());
    if let Some((stdout, stderr)) = &output {
        // Refused where the user has many pipes; then they keep their size.
        let _ = fcntl_setpipe_size(stdout, PIPE);
        let _ = fcntl_setpipe_size(stderr, PIPE);
    }
    let report = async {
        socket.write_all(&plan.encode()).await?;
        read_report(&mut socket).await
    };
    let first = match tokio::time::timeout(START_PATIENCE, report).await {
        Ok(first) => first,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
    };
    match first {
        Ok(Report::Started(_)) => {}
        Ok(Report::Failed(step, problem)) => {
            let _ = child.wait().await;
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            return Err(EngineError::Setup { step: text(step), problem: text(problem) });
        }
        Ok(_) => return Err(EngineError::Lost("it does not say how it began".into())),
        Err(error) => {
            let _ = child.start_kill();
            let status = child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
            return Err(EngineError::Lost(format!("{error}; {status}")));
        }
    }
    let (reports, control) = socket.into_split();
    let (usage_in, usage) = watch::channel(from_shim::usage(Sample::default()));
    let (end_in, end) = watch::channel(None);
    tokio::spawn(listen(reports, child, usage_in, end_in));
    Ok(Running { identity, output, control, usage, end })
}

/// Follows the shim until it is gone.
async fn listen(mut reports: OwnedReadHalf, mut child: Child, usage: watch::Sender<Usage>, end: watch::Sender<End>) {
    let mut ended = None;
    loop {
        match read_report(&mut reports).await {
            Ok(Report::Sample(sample)) => _ = usage.send_replace(from_shim::usage(sample)),
            Ok(Report::Ended(exit, reason, oom, sample)) => {
                usage.send_replace(from_shim::usage(sample));
                ended = Some(from_shim::ended(exit, reason, oom, sample));
            }
            // The others are a container's.
            Ok(_) => {}
            Err(_) => break,
        }
    }
    // PID 1 is reaped after everything in its namespace, the outer stage after PID 1.
    let status = child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
    end.send_replace(Some(ended.ok_or(status)));
}

async fn read_report(from: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Report> {
    let mut head = [0; 8];
    from.read_exact(&mut head).await?;
    let mut bytes = vec![0; wire::message_length(head)?];
    from.read_exact(&mut bytes).await?;
    Report::decode(&bytes).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}
