//! A container engine that answered, with an image that is there: able to run something.

use super::{Connection, Endpoint, Facts, Identity, Image, Name, Running, client, connect, failed, profile, transfer};
use crate::{
    domain::{id::RunId, run::EngineKind},
    sandbox::{About, EngineError, Job, Program},
};
use bollard::{
    body_try_stream,
    container::AttachContainerResults,
    query_parameters::{AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, UploadToContainerOptionsBuilder},
};
use chrono::{NaiveDateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::mpsc;

/// For so long an engine is taken for what it said it was.
const FRESH: TimeDelta = TimeDelta::seconds(10);

/// What was chosen when the run was submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The engine.
    pub endpoint: Endpoint,
    /// The image as the tool or the calculation names it.
    pub image: String,
    /// The image by content: what runs whatever the name means later.
    pub image_id: String,
    /// Where the image is to be fetched first (its id is empty then): the folder of Docker's client, which keeps the
    /// sign-ins of registries.
    #[serde(default)]
    pub fetch: Option<PathBuf>,
    /// Whether the image's own command runs instead of the code.
    pub own_command: bool,
    /// What the engine said of itself then, so that a run that begins at once need not ask again.
    #[serde(default, rename = "told")]
    pub facts: Option<DatedFacts>,
}

/// What an engine said of itself, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedFacts {
    /// What it said.
    pub facts: Facts,
    /// UTC.
    pub at: NaiveDateTime,
}

impl DatedFacts {
    /// As it is now.
    pub fn now(facts: Facts) -> Self {
        Self { facts, at: Utc::now().naive_utc() }
    }

    /// What still counts as said just now. A run that waited for its turn asks again: its record tells what it ran in.
    fn fresh(&self) -> Option<&Facts> {
        let age = Utc::now().naive_utc() - self.at;
        (TimeDelta::zero()..FRESH).contains(&age).then_some(&self.facts)
    }
}

/// The engine and the image.
#[derive(Clone, Debug)]
pub struct Ready {
    connection: Connection,
    image: Image,
    own_command: bool,
}

/// A container with everything in it, attached to, not started.
pub struct Created {
    ready: Ready,
    identity: Identity,
    attached: AttachContainerResults,
    job: Job,
}

impl std::fmt::Debug for Created {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Created").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Ready {
    /// Finds both.
    pub async fn open(choice: &Choice) -> Result<Self, EngineError> {
        let connection = match choice.facts.as_ref().and_then(DatedFacts::fresh) {
            Some(facts) => client::known(&choice.endpoint, facts).await,
            None => connect(&choice.endpoint).await,
        };
        let connection = connection.map_err(|error| EngineError::Container(error.to_string()))?;
        let mut image = connection.image(&choice.image_id).await.map_err(|error| {
            EngineError::Refused(format!(
                "the image {} ({}) is not there any more: {error}",
                choice.image, choice.image_id
            ))
        })?;
        image.name.clone_from(&choice.image);
        Ok(Self { connection, image, own_command: choice.own_command })
    }

    /// For the run's record.
    pub fn about(&self, run: RunId) -> About {
        let facts = &self.connection.facts;
        About {
            engine: EngineKind::Docker,
            level: format!("{} {}", facts.product, facts.version),
            guarantee: self.connection.guarantee(),
            interpreter: About::interpreter_of(&self.image.name, self.own_command),
            image_digest: Some(self.image.identity().to_owned()),
            container: Some(Name::container_of(run)),
        }
    }

    /// What starts the calculation.
    pub const fn program(&self) -> Program {
        if self.own_command { Program::ImageCommand } else { Program::ImagePython }
    }

    /// Makes the container, fills it and listens to it: only the start is missing.
    pub async fn create(&self, job: &Job, note: &mut (dyn FnMut(&Identity) + Send)) -> Result<Created, EngineError> {
        if job.program == Program::ImageCommand && self.image.command.is_empty() {
            let words = format!("the image {} has no command of its own to run", self.image.name);
            return Err(EngineError::Refused(words));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let name = Name::new(job, now);
        let identity = Identity {
            endpoint: self.connection.endpoint.clone(),
            name,
            image: self.image.name.clone(),
            grace: job.caps.grace,
            output_bytes: job.caps.output_bytes,
        };
        // Before there is anything to leave behind.
        note(&identity);
        let attached = match self.make(job, &identity).await {
            Ok(attached) => attached,
            Err(error) => {
                let _ = identity.discard_with(&self.connection.client).await;
                return Err(error);
            }
        };
        Ok(Created { ready: self.clone(), identity, attached, job: job.clone() })
    }

    async fn make(&self, job: &Job, identity: &Identity) -> Result<AttachContainerResults, EngineError> {
        let client = &self.connection.client;
        let name = &identity.name;
        let facts = &self.connection.facts;
        let ways = profile::Ways { is_podman: facts.product == "Podman", cores: facts.cores };
        let plan = profile::plan(job, &self.image, name)?.encode();
        let options = CreateContainerOptionsBuilder::new().name(&name.container).build();
        let body = profile::container(job, &self.image, name, ways);
        crate::faults::at("noted");
        // The inputs are packed meanwhile.
        let (to, from) = mpsc::channel(transfer::CHUNKS);
        let folder = job.folder.clone();
        let packing = tokio::task::spawn_blocking(move || {
            let failed = to.clone();
            if let Err(error) = transfer::pack(transfer::ChunkWriter::new(to), &folder, &plan) {
                // A body that ends early must not look whole.
                let _ = failed.blocking_send(Err(error));
            }
        });
        client.create_container(Some(options), body).await.map_err(failed("make the container"))?;
        crate::faults::at("created");
        let options = UploadToContainerOptionsBuilder::new().path(transfer::WORKSPACE).copy_uidgid("false").build();
        let body =
            body_try_stream(futures_util::stream::unfold(from, async |mut from| Some((from.recv().await?, from))));
        let sent = client.upload_to_container(&name.container, Some(options), body).await;
        sent.map_err(failed("bring the inputs into the container"))?;
        let _ = packing.await;
        crate::faults::at("filled");
        let options = AttachContainerOptionsBuilder::new().stdout(true).stderr(true).stream(true).build();
        client.attach_container(&name.container, Some(options)).await.map_err(failed("listen to the container"))
    }
}

impl Created {
    /// Which container it is.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Starts it; returns once the code runs.
    pub async fn start(self) -> Result<Running, EngineError> {
        let client = self.ready.connection.client;
        Running::start(client, self.identity, self.attached, &self.job).await
    }
}

impl Connection {
    /// What holds around a run and what does not, in words for its record.
    pub fn guarantee(&self) -> String {
        let facts = &self.facts;
        let mut holds = vec![
            "the image's files, read-only".to_owned(),
            "own processes, own shared memory, no network".to_owned(),
            "no privileges, no capabilities".to_owned(),
            "dangerous system calls refused by mecapy's filter".to_owned(),
        ];
        let mut lacks: Vec<String> = Vec::new();
        if facts.unfiltered {
            lacks.push("the engine's own system call filter is off".to_owned());
        } else {
            holds.push("and by the engine's".to_owned());
        }
        for wall in ["apparmor", "selinux"] {
            if facts.security.iter().any(|name| name == wall) {
                holds.push(format!("{wall} around it"));
            }
        }
        let version = facts.cgroup_version.as_deref().unwrap_or("of unknown version");
        let kept =
            ["memory", "CPU", "processes"].into_iter().filter(|it| facts.unlimited.iter().all(|name| name != it));
        let kept: Vec<_> = kept.collect();
        if !kept.is_empty() {
            holds.push(format!("{} limited by the kernel (control groups {version})", kept.join(", ")));
        }
        for name in facts.unlimited.iter().filter(|name| *name != "swap") {
            lacks.push(format!("the engine cannot limit {name} here"));
        }
        if facts.rootless {
            holds.push("the engine itself has no root".to_owned());
        }
        if !facts.holes().is_empty() {
            lacks.push("this version has known holes, see mecapy doctor".to_owned());
        }
        let holds = holds.join("; ");
        if lacks.is_empty() {
            format!("Holds: {holds}.")
        } else {
            format!("Holds: {holds}. Does not hold: {}.", lacks.join("; "))
        }
    }
}
