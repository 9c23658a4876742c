//! Containers and volumes of runs that have no spool any more.

use super::{Kind, Leftover, Target};
use crate::{
    config::Engine,
    runs::{host, spool::Spool},
    sandbox::{
        Belongs,
        docker::{self, ConnectError, Search, ThingKind},
    },
    session::Session,
};

/// Those in the engine that the settings lead to. Where none can be asked, in words why; unless there can be nothing
/// of ours in it, or nobody wants it.
pub(super) async fn of(session: &Session) -> Result<Vec<Leftover>, String> {
    let connection = match docker::find(&Search::of(&session.config)).await {
        Ok(connection) => connection,
        Err(ConnectError::Nowhere { .. }) => return Ok(Vec::new()),
        Err(error) if session.config.sandbox.engine == Engine::Docker => return Err(error.to_string()),
        Err(error) => {
            tracing::info!(%error, "containers not looked at");
            return Ok(Vec::new());
        }
    };
    let spools = session.config.paths.spool();
    // Before the engine is asked: a run that ends meanwhile is no leftover.
    let alive = Spool::list(&spools).map_err(|error| error.to_string())?;
    let owner = session.user.identity.keycloak_id.clone();
    let belongs = Belongs { owner, host: host::name(), spools: spools.clone() };
    let things = connection.things(&belongs).await.map_err(|error| error.to_string())?;
    let leftover = |thing: docker::Thing| {
        // What has a spool is its supervisor's, or the reconciler's.
        let has_spool = |run| alive.contains(&run) || Spool::of(&spools, run).folder().exists();
        let is_left = !thing.run.is_some_and(has_spool);
        let (kind, what) = match thing.kind {
            ThingKind::Container => (Kind::Container, "container"),
            ThingKind::Volume => (Kind::Volume, "volume"),
        };
        let why = if thing.run.is_some() { "its run is over or unknown" } else { "an interrupted look into an image" };
        is_left.then(|| Leftover {
            kind,
            name: format!("{what} {}", thing.name),
            run: thing.run,
            why: why.to_owned(),
            target: Target::InEngine(Box::new((connection.clone(), thing))),
        })
    };
    Ok(things.into_iter().filter_map(leftover).collect())
}
