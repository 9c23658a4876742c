//! The engines as the rest of the program sees them: one way to ask, start, stop, read and end a run.
//!
//! An enum over the engines rather than a trait object: there are two, both are known here, and async functions of
//! an enum need neither boxes nor a macro. Nothing outside of this folder asks which one it is.

use super::{Ended, EngineError, Job, Program, Stopped, builtin, docker};
use crate::domain::{
    id::RunId,
    run::{EngineKind, Usage},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tokio::{io::AsyncRead, sync::watch};

/// The engine a run was given when it was submitted. Nothing changes it afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "engine", rename_all = "lowercase")]
pub enum Chosen {
    /// The sandbox made of the kernel's own means.
    #[default]
    Builtin,
    /// A container engine, and which image.
    Docker(Box<docker::Choice>),
}

/// What a run asks of its engine beyond its [`Job`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The interpreter of the host; the one of the PATH where none is named.
    pub python: Option<PathBuf>,
    /// Whether a host without any isolation may run it all the same.
    pub allow_unisolated: bool,
}

/// What a run's record says of its engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Which engine it is.
    pub engine: EngineKind,
    /// `E0` to `E2`, or the container engine's version.
    pub level: String,
    /// What holds and what does not, in words.
    pub guarantee: String,
    /// Path and version of the interpreter, or the image's name.
    pub interpreter: String,
    /// The image by content: its registry's digest where it has one, else its id.
    pub image_digest: Option<String>,
    /// The container's name.
    pub container: Option<String>,
}

impl About {
    /// What the record names as interpreter of a run in a container.
    pub fn interpreter_of(image: &str, own_command: bool) -> String {
        format!("{}{image}", if own_command { OWN_COMMAND } else { ITS_PYTHON })
    }

    /// The image that such a name holds; `None` for a run without a container.
    pub fn image_in(interpreter: &str) -> Option<&str> {
        [OWN_COMMAND, ITS_PYTHON].into_iter().find_map(|before| interpreter.strip_prefix(before))
    }
}

const OWN_COMMAND: &str = "the command of ";
const ITS_PYTHON: &str = "python3 of ";

/// An engine that was found able to run something.
#[derive(Clone, Debug)]
pub enum Engine {
    /// See [`builtin`].
    Builtin(builtin::Ready),
    /// See [`docker`].
    Docker(Box<docker::Ready>),
}

/// Which sandbox a run has, as its spool keeps it for a later supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
#[serde(tag = "engine", rename_all = "lowercase")]
pub enum Identity {
    /// A process of this host.
    Builtin(builtin::Identity),
    /// A container.
    Docker(Box<docker::Identity>),
}

/// What stands in spools: those of the first layout named no engine.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Tagged(Tagged),
    Process(builtin::Identity),
}

#[derive(Deserialize)]
#[serde(tag = "engine", rename_all = "lowercase")]
enum Tagged {
    Builtin(builtin::Identity),
    Docker(Box<docker::Identity>),
}

impl From<Written> for Identity {
    fn from(written: Written) -> Self {
        match written {
            Written::Tagged(Tagged::Builtin(identity)) | Written::Process(identity) => Self::Builtin(identity),
            Written::Tagged(Tagged::Docker(identity)) => Self::Docker(identity),
        }
    }
}

/// What there is of a sandbox whose supervisor is gone.
#[derive(Debug)]
pub enum Adopted {
    /// It goes on, or its end and output wait to be read: as if this process had started it.
    Running(Running),
    /// It was made and never started: no code has run.
    NeverStarted,
    /// Nothing of it runs any more; `true` where it still did and was ended.
    Over(bool),
}

/// A sandbox that is ready to start.
#[derive(Debug)]
pub enum Created {
    /// Started in one step.
    Builtin(builtin::Ready, Box<Job>),
    /// A container that waits for its start.
    Docker(Box<docker::Created>),
}

/// A sandbox that was started.
///
/// Whoever holds it reads both outputs to their end (the code blocks where nobody does) while waiting for
/// [`Running::wait`]: the end of the outputs is not the end of the run, in either direction.
#[derive(Debug)]
pub enum Running {
    /// Ends with the process that holds it.
    Builtin(builtin::Running),
    /// Goes on without it.
    Docker(Box<docker::Running>),
}

/// Standard output and standard error.
pub struct Outputs {
    /// As the code wrote it.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// As the code wrote it.
    pub stderr: Box<dyn AsyncRead + Send + Unpin>,
}

impl std::fmt::Debug for Outputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outputs")
    }
}

impl Engine {
    /// Finds what was chosen, without starting anything.
    ///
    /// # Errors
    ///
    /// In words for the person who asked: what is missing, and what can be done.
    pub async fn open(chosen: &Chosen, asked: &Asked) -> Result<Self, EngineError> {
        match chosen {
            Chosen::Builtin => builtin::Ready::open(asked).await.map(Self::Builtin),
            Chosen::Docker(choice) => docker::Ready::open(choice).await.map(|ready| Self::Docker(Box::new(ready))),
        }
    }

    /// For the run's record and the header.
    pub fn about(&self, run: RunId) -> About {
        match self {
            Self::Builtin(ready) => ready.about(),
            Self::Docker(ready) => ready.about(run),
        }
    }

    /// What starts the calculation's code here.
    pub fn program(&self) -> Program {
        match self {
            Self::Builtin(ready) => Program::Python(ready.interpreter()),
            Self::Docker(ready) => ready.program(),
        }
    }

    /// Makes the sandbox of a job. `note` is told who it is before there is anything to leave behind.
    pub async fn create(&self, job: &Job, note: &mut (dyn FnMut(&Identity) + Send)) -> Result<Created, EngineError> {
        match self {
            Self::Builtin(ready) => Ok(Created::Builtin(ready.clone(), Box::new(job.clone()))),
            Self::Docker(ready) => {
                let mut note = |identity: &docker::Identity| note(&Identity::Docker(Box::new(identity.clone())));
                Ok(Created::Docker(Box::new(ready.create(job, &mut note).await?)))
            }
        }
    }
}

impl Created {
    /// Starts the code. Every error means that it did not run.
    pub async fn start(self, note: &mut (dyn FnMut(&Identity) + Send)) -> Result<Running, EngineError> {
        match self {
            Self::Builtin(ready, job) => {
                let (running, identity) = ready.start(&job).await?;
                note(&Identity::Builtin(identity));
                Ok(Running::Builtin(running))
            }
            Self::Docker(created) => created.start().await.map(|running| Running::Docker(Box::new(running))),
        }
    }
}

impl Running {
    /// The outputs; once.
    pub fn take_output(&mut self) -> Option<Outputs> {
        match self {
            Self::Builtin(running) => {
                let (stdout, stderr) = running.take_output()?;
                Some(Outputs { stdout: Box::new(stdout), stderr: Box::new(stderr) })
            }
            Self::Docker(running) => running.take_output(),
        }
    }

    /// Which sandbox it is.
    pub fn identity(&self) -> Identity {
        match self {
            Self::Builtin(running) => Identity::Builtin(running.identity().clone()),
            Self::Docker(running) => Identity::Docker(Box::new(running.identity().clone())),
        }
    }

    /// The latest figures.
    pub fn usage(&self) -> Usage {
        *self.watch_usage().borrow()
    }

    /// The figures as they come, at least once a second where they change.
    pub fn watch_usage(&self) -> watch::Receiver<Usage> {
        match self {
            Self::Builtin(running) => running.watch_usage(),
            Self::Docker(running) => running.watch_usage(),
        }
    }

    /// Asks for the end: after a cancel or the timeout SIGTERM to every process and SIGKILL after `Caps::grace`,
    /// after any other reason SIGKILL at once. The first reason counts.
    pub fn stop(&self, why: Stopped) {
        match self {
            Self::Builtin(running) => running.stop(why),
            Self::Docker(running) => running.stop(why),
        }
    }

    /// Ends it with SIGKILL at once, whatever is left of its grace; one that was not told to end is cancelled by that.
    pub fn stop_now(&self) {
        match self {
            Self::Builtin(running) => running.stop_now(),
            Self::Docker(running) => running.stop_now(),
        }
    }

    /// Why its engine does not answer, while it does not; `None` for one that has nobody to answer.
    pub fn watch_away(&self) -> Option<watch::Receiver<Option<String>>> {
        match self {
            Self::Builtin(_) => None,
            Self::Docker(running) => Some(running.watch_away()),
        }
    }

    /// Waits until nothing of the sandbox runs. May be cancelled and called again.
    pub async fn wait(&mut self) -> Result<Ended, EngineError> {
        match self {
            Self::Builtin(running) => running.wait().await,
            Self::Docker(running) => running.wait().await,
        }
    }

    /// Once it is over, what [`Identity::fetch`] does, without asking its engine; `None` where that has to be asked.
    pub async fn bring(&self, folder: &Path) -> Option<Result<Vec<String>, EngineError>> {
        match self {
            Self::Builtin(_) => None,
            Self::Docker(running) => running.bring(folder).await,
        }
    }

    /// What is to be told with the result, once it is over.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Builtin(_) => Vec::new(),
            Self::Docker(running) => running.notes(),
        }
    }
}

impl Identity {
    /// Whether the sandbox goes on without its supervisor, so that another one takes it over; otherwise a start of
    /// mecapy ends it.
    pub const fn outlives_supervisor(&self) -> bool {
        match self {
            Self::Builtin(_) => false,
            Self::Docker(_) => true,
        }
    }

    /// Finds what there is of it, and ends what nobody can go on with. `folder` is the job's.
    pub async fn adopt(&self, folder: &Path) -> Result<Adopted, EngineError> {
        match self {
            Self::Builtin(identity) => {
                let identity = identity.clone();
                let ended = tokio::task::spawn_blocking(move || builtin::kill_leftover(&identity)).await;
                let ended = ended.map_err(std::io::Error::other).flatten().map_err(EngineError::Spawn)?;
                Ok(Adopted::Over(ended == builtin::Leftover::Killed))
            }
            Self::Docker(identity) => Ok(match identity.find(folder).await? {
                docker::Found::Running(running) => Adopted::Running(Running::Docker(running)),
                docker::Found::NeverStarted => Adopted::NeverStarted,
                docker::Found::Gone => Adopted::Over(false),
            }),
        }
    }

    /// Brings what the sandbox holds of the run's folders to `folder`, where the engine keeps them elsewhere. It may
    /// be repeated. Gives a sentence for each thing that did not come along.
    pub async fn fetch(&self, folder: &Path) -> Result<Vec<String>, EngineError> {
        match self {
            Self::Builtin(_) => Ok(Vec::new()),
            Self::Docker(identity) => identity.fetch(folder).await,
        }
    }

    /// Removes what is left of it. Nothing being there is what was wanted.
    pub async fn discard(&self) -> Result<(), EngineError> {
        match self {
            Self::Builtin(_) => Ok(()),
            Self::Docker(identity) => identity.discard().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_of_the_first_layout_names_a_process() {
        let old = r#"{"boot_id":"b","pid":7,"start_time":9}"#;
        let identity: Identity = serde_json::from_str(old).unwrap();
        let process = builtin::Identity { boot_id: "b".into(), pid: 7, start_time: 9 };
        assert_eq!(identity, Identity::Builtin(process));
        let text = serde_json::to_string(&identity).unwrap();
        assert!(text.contains("\"engine\":\"builtin\""), "{text}");
        assert_eq!(serde_json::from_str::<Identity>(&text).unwrap(), identity);
    }
}
