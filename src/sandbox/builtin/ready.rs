//! The built-in engine, found able to run something.

use super::{EngineError, Identity, Isolation, Level, Running, probe, start};
use crate::{
    domain::run::EngineKind,
    sandbox::{About, Asked, Interpreter, Job, python},
};
use std::io;

/// What this host gives, and the interpreter to use.
#[derive(Clone, Debug)]
pub struct Ready {
    isolation: Isolation,
    level: Level,
    interpreter: Interpreter,
}

impl Ready {
    /// Finds both: again for each run, since hosts and environments change.
    pub async fn open(asked: &Asked) -> Result<Self, EngineError> {
        let python = asked.python.clone();
        let interpreter = tokio::task::spawn_blocking(move || python::find(python.as_deref()));
        let isolation = tokio::task::spawn_blocking(probe);
        let (interpreter, isolation) = tokio::join!(interpreter, isolation);
        let isolation = isolation.map_err(|error| EngineError::Spawn(io::Error::other(error)))?;
        let level = isolation.accept(asked.allow_unisolated)?;
        let interpreter = interpreter.map_err(|error| EngineError::Spawn(io::Error::other(error)))??;
        Ok(Self { isolation, level, interpreter })
    }

    /// For the run's record.
    pub fn about(&self) -> About {
        About {
            engine: EngineKind::Builtin,
            level: self.level.name().to_owned(),
            guarantee: self.isolation.guarantee(),
            interpreter: format!("{} ({})", self.interpreter.path.display(), self.interpreter.version),
            image_digest: None,
            container: None,
        }
    }

    /// The interpreter that was found.
    pub fn interpreter(&self) -> Interpreter {
        self.interpreter.clone()
    }

    /// Starts the job; who it is can be written down only now.
    pub async fn start(&self, job: &Job) -> Result<(Running, Identity), EngineError> {
        let running = start(job, self.level).await?;
        let identity = running.identity().clone();
        Ok((running, identity))
    }
}
