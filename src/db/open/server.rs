//! A database on a PostgreSQL server: how connections are made, kept and given up.

use super::{
    DbError, pool,
    state::{self, State},
};
use crate::db::{Access, Db, Inner, Options, isolation, url::Server};
use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr, SqlxPostgresConnector, TransactionTrait as _,
    sqlx::{
        self, ConnectOptions as _, Connection as _,
        postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
    },
};
use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};
use tokio::sync::watch;

/// The pool may still wait for a server that starts; after this long it is asked directly what is wrong.
const SUSPICION: Duration = Duration::from_millis(300);
/// Where Debian and others keep the server's socket.
const SOCKETS: &str = "/var/run/postgresql";

/// Opens a shared database that has the present schema; nothing of it is changed.
pub(super) async fn open(server: &Server, options: &Options, access: Access) -> Result<Db, DbError> {
    let place = place(server);
    let connect = connect_options(server, options)?;
    let (pool, reaper) = pool::of(connect, options);
    let refused = |error: sqlx::Error| DbError::explain(&place, DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))));
    let first = async { pool.acquire().await.map(drop) };
    let asked = async {
        tokio::time::sleep(SUSPICION).await;
        match trouble(server, options).await {
            Some(error) => error,
            // It answers: the pool will have its connection soon.
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        first = first => first.map_err(refused)?,
        error = asked => return Err(error),
    }
    pool::wait_for_idle(&pool).await;
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    let explain = |error| DbError::explain(&place, error);
    // One transaction is one connection: each statement alone could have the pool make another.
    let looking = connection.begin().await.map_err(explain)?;
    // First: whoever is nobody may not see which steps were applied either.
    let found = isolation::look(&looking, &place).await?;
    let state = state::look(&looking, &place).await?;
    looking.rollback().await.map_err(explain)?;
    match state {
        State::Current => Ok(Db(Arc::new(Inner {
            connection,
            place,
            notes: found.note.iter().cloned().collect(),
            found,
            access: Some(access),
            closing: watch::Sender::new(false),
            _reaper: Some(reaper),
        }))),
        State::New => Err(DbError::Behind { place, missing: "it holds no tables yet".to_owned() }),
        State::Older(step) => {
            Err(DbError::Behind { place, missing: format!("the step {step} and those after it are missing") })
        }
    }
}

/// What keeps a new connection from being made, asked of the server directly; `None` where nothing does.
pub(in crate::db) async fn trouble(server: &Server, options: &Options) -> Option<DbError> {
    let connect = match connect_options(server, options) {
        Ok(connect) => connect,
        Err(error) => return Some(error),
    };
    let error = match tokio::time::timeout(options.connect_timeout, connect.connect()).await {
        Ok(Ok(connection)) => {
            drop(connection.close().await);
            return None;
        }
        Ok(Err(error)) => error,
        Err(_) => sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
    };
    Some(DbError::explain(&place(server), DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))))
}

/// One connection for whoever looks after the database, whatever schema it has. It is never replaced by another, so that
/// a lock that it holds stays; its statements take as long as they take.
pub(crate) async fn server_alone(server: &Server, options: &Options) -> Result<(DatabaseConnection, String), DbError> {
    let options = Options { statement_timeout: Duration::ZERO, ..options.clone() };
    // Asked directly first: a pool tries a server that does not answer again and again.
    if let Some(error) = trouble(server, &options).await {
        return Err(error);
    }
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(connect_options(server, &options)?);
    Ok((SqlxPostgresConnector::from_sqlx_postgres_pool(pool), place(server)))
}

/// A connection for PostgreSQL's own programs.
pub(crate) struct Libpq {
    /// By the names of its parameters.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// Apart, since it goes into a file of its own.
    pub(crate) password: Option<String>,
}

/// The same connection for PostgreSQL's own programs.
pub(crate) fn libpq(server: &Server, options: &Options) -> Result<Libpq, DbError> {
    let refused = |problem: String| DbError::Address { url: place(server), problem };
    let host = server.host.as_deref().unwrap_or(SOCKETS);
    let user = server.user.clone().ok_or_else(|| refused("names nobody".to_owned()))?;
    // Checked by the same rules.
    connect_options(server, options)?;
    let tls = server.tls.as_ref().or(options.tls.as_ref());
    let tls = tls.map_or(if is_here(host) { "prefer" } else { "verify-full" }, String::as_str);
    let mut settings = vec![
        ("host", host.to_owned()),
        ("port", server.port.unwrap_or(5432).to_string()),
        ("dbname", server.database.clone().unwrap_or_else(|| user.clone())),
        ("user", user),
        ("sslmode", tls.to_owned()),
        ("connect_timeout", options.connect_timeout.as_secs().max(2).to_string()),
    ];
    // The usual authorities, which this program has built in; older libraries do not find them by themselves.
    let usual = || Some(Path::new("/etc/ssl/certs/ca-certificates.crt").to_owned()).filter(|path| path.exists());
    let root = server.root_certificate.clone().or_else(|| options.root_certificate.clone()).or_else(usual);
    for (name, path) in [("sslrootcert", &root), ("sslcert", &server.certificate), ("sslkey", &server.key)] {
        settings.extend(path.as_ref().map(|path| (name, path.display().to_string())));
    }
    Ok(Libpq { settings, password: server.password.clone() })
}

/// The server for people: never a password.
fn place(server: &Server) -> String {
    let host = server.host.as_deref().unwrap_or(SOCKETS);
    let user = server.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
    let port = server.port.map(|port| format!(":{port}")).unwrap_or_default();
    let database = server.database.as_deref().or(server.user.as_deref()).unwrap_or_default();
    if host.starts_with('/') {
        format!("{user}{host}{port} {database}")
    } else {
        format!("{user}{host}{port}/{database}")
    }
}

/// The driver's own options take what is not said from `PG*` variables and `.pgpass`: everything is said here.
fn connect_options(server: &Server, options: &Options) -> Result<PgConnectOptions, DbError> {
    let refused = |problem: String| DbError::Address { url: place(server), problem };
    let host = server.host.as_deref().unwrap_or(SOCKETS);
    let Some(user) = server.user.as_deref() else {
        return Err(refused("names nobody: write postgresql://user@host/database".to_owned()));
    };
    let mut connect = PgConnectOptions::new_without_pgpass()
        .host(host)
        .port(server.port.unwrap_or(5432))
        .username(user)
        .password(server.password.as_deref().unwrap_or_default())
        .database(server.database.as_deref().unwrap_or(user))
        .application_name(server.application_name.as_deref().unwrap_or("mecapy"))
        .ssl_mode(ssl_mode(server, options, host).map_err(&refused)?)
        .options([("statement_timeout", options.statement_timeout.as_millis()), ("lock_timeout", 10_000)])
        // A page is read in the order of one index. An order that begins like another index tempts the planner to walk
        // that one, through everybody's rows, for those of one person.
        // Common matches tempt it to read the table until enough are met. Both depend on where the rows happen to lie.
        .options([("enable_incremental_sort", "off"), ("enable_seqscan", "off"), ("jit", "off")]);
    if host.starts_with('/') {
        connect = connect.socket(host);
    }
    connect = match server.root_certificate.as_ref().or(options.root_certificate.as_ref()) {
        Some(path) => connect.ssl_root_cert_from_pem(read(path).map_err(&refused)?),
        None => connect.ssl_root_cert_from_pem(Vec::new()),
    };
    if let (Some(certificate), Some(key)) = (&server.certificate, &server.key) {
        connect = connect
            .ssl_client_cert_from_pem(read(certificate).map_err(&refused)?)
            .ssl_client_key_from_pem(read(key).map_err(&refused)?);
    }
    Ok(connect)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("the certificate {} cannot be read: {error}", path.display()))
}

/// `verify-full` wherever others may listen; on this very host what the server offers.
fn ssl_mode(server: &Server, options: &Options, host: &str) -> Result<PgSslMode, String> {
    match server.tls.as_ref().or(options.tls.as_ref()) {
        Some(mode) => {
            mode.parse().map_err(|_| "sslmode must be disable, prefer, require, verify-ca or verify-full".to_owned())
        }
        None if is_here(host) => Ok(PgSslMode::Prefer),
        None => Ok(PgSslMode::VerifyFull),
    }
}

fn is_here(host: &str) -> bool {
    host.starts_with('/') || host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
