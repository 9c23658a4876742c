//! What a supervisor has at hand for its run: the folder, the request, the live state, signals and the database.

use super::state_file::StateFile;
use crate::{
    db::{Access, Address, Db, DbError},
    runs::{
        secrets::Secrets,
        spool::{LockedSpool, Request, SpoolError},
    },
    sandbox::Identity,
};
use std::{io, sync::Arc};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::OnceCell,
};

/// What keeps a supervisor from its work. The spool stays, and the next start of mecapy goes on from it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The run's database, opened when it is first needed, once for all who need it.
#[derive(Clone, Debug)]
pub(super) struct Database(Arc<(Address, Option<Access>, OnceCell<Db>)>);

impl Database {
    fn new(address: Address, access: Option<Access>) -> Self {
        Self(Arc::new((address, access, OnceCell::new())))
    }

    pub(super) async fn get(&self) -> Result<Db, DbError> {
        let (address, access, opened) = &*self.0;
        opened.get_or_try_init(|| address.open(access.as_ref())).await.cloned()
    }

    /// The same, where it was needed before.
    pub(super) fn opened(&self) -> Option<Db> {
        self.0.2.get().cloned()
    }
}

/// A run's life as its supervisor sees it.
pub(super) struct Life {
    pub(super) spool: LockedSpool,
    pub(super) request: Request,
    pub(super) state: StateFile,
    /// Only has to exist: a hang-up then does nothing.
    #[expect(dead_code, reason = "its being there is what it does")]
    hangup: Signal,
    pub(super) terminate: Signal,
    pub(super) database: Database,
    /// What opens a shared database, and a store that is no folder of this host.
    pub(super) secrets: Secrets,
    /// Its sandbox, so far as there is anything of it.
    pub(super) sandbox: Option<Identity>,
}

impl Life {
    /// What its spool holds, and what was handed over.
    pub(super) fn open(spool: LockedSpool, secrets: Secrets) -> Result<Self, Trouble> {
        let request = spool.request()?;
        Ok(Self {
            state: StateFile::new(spool.clone(), request.first_state()),
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            database: Database::new(request.database.clone(), secrets.database.clone()),
            secrets,
            sandbox: None,
            spool,
            request,
        })
    }
}
