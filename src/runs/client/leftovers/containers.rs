//! Containers and volumes of runs that have no spool any more, in every engine where there could be any.

use super::{Found, Kind, Leftover, Removal};
use crate::{
    config::Engine,
    domain::id::RunId,
    runs::{client::engines, host, spool::Spool},
    sandbox::{
        Belongs,
        docker::{self, ConnectError, Connection, Endpoint, Search, ThingKind},
    },
    session::Session,
};
use std::path::Path;

/// Looks into the engine that the settings lead to, those that runs were given to, and the usual ones of this host. One
/// that cannot be asked is unseen where the settings want it, and otherwise only named.
pub(super) async fn of(session: &Session, found: &mut Found) {
    let search = Search::of(&session.config);
    let is_wanted = session.config.sandbox.engine == Engine::Docker;
    let (named, mut problems) = match search.endpoints() {
        Ok(named) => (named, Vec::new()),
        Err(error) => (Vec::new(), vec![error.to_string()]),
    };
    let usual = search.usual();
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for endpoint in named.iter().cloned().chain(engines::known(&session.config.paths.state)).chain(usual.clone()) {
        if endpoints.iter().all(|other| other.address != endpoint.address) {
            endpoints.push(endpoint);
        }
    }
    let mut answered = false;
    for endpoint in &endpoints {
        let is_named = named.contains(endpoint);
        let looked = match docker::connect(endpoint).await {
            Ok(connection) => look(session, connection).await,
            // A usual socket that is not there is no engine.
            Err(ConnectError::Absent { .. }) if usual.contains(endpoint) => continue,
            Err(error) => Err(error.to_string()),
        };
        match looked {
            Ok((words, leftovers)) => {
                answered |= is_named;
                found.looked.push(words);
                for leftover in leftovers {
                    // The same engine may listen at two places.
                    if found.leftovers.iter().all(|other| (other.kind, &other.name) != (leftover.kind, &leftover.name))
                    {
                        found.leftovers.push(leftover);
                    }
                }
            }
            Err(problem) if is_named => problems.push(problem),
            Err(problem) => found.looked.push(format!("not reached: {problem}")),
        }
    }
    // Of several that were possible one is enough.
    if is_wanted && !answered {
        found.unseen.extend(problems);
    } else {
        found.looked.extend(problems.into_iter().map(|problem| format!("not reached: {problem}")));
    }
}

/// What one engine has, and which one that is.
async fn look(session: &Session, connection: Connection) -> Result<(String, Vec<Leftover>), String> {
    let spools = session.config.paths.spool();
    // Before the engine is asked: a run that ends meanwhile is no leftover.
    let alive = Spool::list(&spools).map_err(|error| error.to_string())?;
    let owner = session.user.identity.keycloak_id.clone();
    let belongs = Belongs { owner, host: host::name(), spools: spools.clone() };
    let things = connection.things(&belongs).await.map_err(|error| error.to_string())?;
    let things = things.into_iter().filter(|thing| !thing.run.is_some_and(|run| has_spool(run, &alive, &spools)));
    let leftovers = things.map(|thing| {
        let (kind, what) = match thing.kind {
            ThingKind::Container => (Kind::Container, "container"),
            ThingKind::Volume => (Kind::Volume, "volume"),
        };
        let why = if thing.run.is_some() { "its run is over or unknown" } else { "an interrupted look into an image" };
        Leftover {
            kind,
            name: format!("{what} {}", thing.name),
            run: thing.run,
            why: why.to_owned(),
            removal: Removal::InEngine(Box::new((connection.clone(), thing))),
        }
    });
    let leftovers = leftovers.collect();
    let words = format!("{} {} at {}", connection.facts.product, connection.facts.version, connection.endpoint);
    Ok((words, leftovers))
}

/// What has a spool is its supervisor's, or the reconciler's.
fn has_spool(run: RunId, alive: &[RunId], spools: &Path) -> bool {
    alive.contains(&run) || Spool::of(spools, run).folder().exists()
}
