//! Containers and volumes of mecapy in an engine: found by their labels, removed by name.

use super::{
    Connection,
    client::settled,
    failed,
    identity::is_missing,
    images::PROBE,
    profile::{HOST, OWNER, RUN, SPOOLS},
};
use crate::{
    domain::id::RunId,
    sandbox::{Belongs, EngineError},
};
use bollard::{
    errors::Error,
    query_parameters::{
        ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder,
        RemoveVolumeOptionsBuilder,
    },
};
use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Looking into an image takes no longer.
const PROBING: Duration = Duration::from_mins(10);

/// Something in an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// Its name in the engine.
    pub name: String,
    /// What it is.
    pub kind: ThingKind,
    /// The run it belongs to; none for a look into an image.
    pub run: Option<RunId>,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThingKind {
    /// A container, running or not.
    Container,
    /// A volume that no container uses.
    Volume,
}

impl Connection {
    /// Everything of these owners' runs, and interrupted looks into images.
    pub async fn things(&self, of: &Belongs) -> Result<Vec<Thing>, EngineError> {
        let mut things = self.containers(of).await.map_err(failed("list containers"))?;
        things.extend(self.probes().await.map_err(failed("list containers"))?);
        things.extend(self.volumes(of).await.map_err(failed("list volumes"))?);
        Ok(things)
    }

    /// Removes one, ending it first where it runs. Nothing being there any more is what was wanted.
    pub async fn remove(&self, thing: &Thing) -> Result<(), EngineError> {
        let (client, name) = (&self.client, &thing.name);
        let done = match thing.kind {
            ThingKind::Container => {
                let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
                client.remove_container(name, Some(options)).await
            }
            ThingKind::Volume => client.remove_volume(name, Some(RemoveVolumeOptionsBuilder::new().build())).await,
        };
        match done {
            Err(error) if !is_missing(&error) => Err(failed("remove it")(error)),
            _ => Ok(()),
        }
    }

    async fn containers(&self, of: &Belongs) -> Result<Vec<Thing>, Error> {
        let filters = HashMap::from([("label".to_owned(), labels(of))]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let found = settled(|| self.client.list_containers(Some(options.clone()))).await?;
        let thing = |container: bollard::models::ContainerSummary| {
            let name = container.names.unwrap_or_default().into_iter().next().or(container.id)?;
            let run = container.labels.as_ref().and_then(run_of);
            Some(Thing { name: name.trim_start_matches('/').to_owned(), kind: ThingKind::Container, run })
        };
        Ok(found.into_iter().filter_map(thing).collect())
    }

    /// They never run and hold nothing; nobody needs one that is old.
    async fn probes(&self) -> Result<Vec<Thing>, Error> {
        let filters = HashMap::from([("label".to_owned(), vec![PROBE.to_owned()])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let found = settled(|| self.client.list_containers(Some(options.clone()))).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let old = |made: i64| now.saturating_sub(Duration::from_secs(made.unsigned_abs())) > PROBING;
        let old = found.into_iter().filter(|container| container.created.is_some_and(old));
        Ok(old.filter_map(|it| Some(Thing { name: it.id?, kind: ThingKind::Container, run: None })).collect())
    }

    async fn volumes(&self, of: &Belongs) -> Result<Vec<Thing>, Error> {
        let unused = ("dangling".to_owned(), vec!["true".to_owned()]);
        let filters = HashMap::from([("label".to_owned(), labels(of)), unused]);
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let found = self.client.list_volumes(Some(options)).await?.volumes.unwrap_or_default();
        let thing = |volume: bollard::models::Volume| Thing {
            run: run_of(&volume.labels),
            name: volume.name,
            kind: ThingKind::Volume,
        };
        Ok(found.into_iter().map(thing).collect())
    }
}

fn labels(of: &Belongs) -> Vec<String> {
    let spools = of.spools.to_string_lossy();
    vec![format!("{OWNER}={}", of.owner), format!("{HOST}={}", of.host), format!("{SPOOLS}={spools}")]
}

fn run_of(labels: &HashMap<String, String>) -> Option<RunId> {
    labels.get(RUN)?.parse().ok()
}
