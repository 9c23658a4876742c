//! The way to a container engine: found, asked who it is, and every failure in words.

use super::{
    Facts,
    search::{Address, Endpoint, Search, SearchError},
};
use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker, errors::Error};
use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    net::{TcpStream, UnixStream},
    time::Instant,
};

/// How long an engine may be silent.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it may take to begin an answer, where it is known to be there: one that stores an image or starts many
/// containers keeps everybody waiting.
const ANSWER: Duration = Duration::from_mins(2);

/// How often and how long a container is asked after that changes its state just now.
const SETTLING: Duration = Duration::from_millis(50);
const SETTLED: Duration = Duration::from_secs(10);

/// The oldest interface that is spoken: that of Docker 20.10.
const OLDEST: (usize, usize) = (1, 41);

/// An engine that answered.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Speaks the newest interface that both sides know. It belongs to the runtime that made it.
    pub client: Docker,
    /// Where it is and why it was looked for there.
    pub endpoint: Endpoint,
    /// What it says of itself.
    pub facts: Facts,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The settings name none that could be asked.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// None of the usual sockets is there.
    #[error("no container engine is here: no socket {}", sockets.join(", "))]
    Nowhere {
        /// Those looked for.
        sockets: Vec<String>,
    },
    /// The one that was named is not there.
    #[error("no container engine is at {endpoint}: there is no such socket")]
    Absent {
        /// Where.
        endpoint: Endpoint,
    },
    /// The socket belongs to others.
    #[error("no permission for {endpoint}. {advice}")]
    Denied {
        /// Where.
        endpoint: Endpoint,
        /// What makes it permitted.
        advice: String,
    },
    /// Nobody listens.
    #[error("the container engine at {endpoint} does not run: the connection is refused")]
    Refused {
        /// Where.
        endpoint: Endpoint,
    },
    /// No answer in time.
    #[error("the container engine at {endpoint} does not answer within {} s", PATIENCE.as_secs())]
    Silent {
        /// Where.
        endpoint: Endpoint,
    },
    /// Something else answers, or nobody can be reached.
    #[error("no container engine answers at {endpoint}: {problem}")]
    Other {
        /// Where.
        endpoint: Endpoint,
        /// What was seen.
        problem: String,
    },
    /// A certificate or key is missing.
    #[error("{endpoint} wants certificates: {} {problem}", path.display())]
    Keys {
        /// Where.
        endpoint: Endpoint,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It speaks nothing that is understood here.
    #[error("{product} {version} at {endpoint} is too old: mecapy needs Docker 20.10 (API 1.41) or newer")]
    TooOld {
        /// Where.
        endpoint: Endpoint,
        /// Which product.
        product: String,
        /// Its version.
        version: String,
    },
}

impl ConnectError {
    /// Whether an engine was named, or one of the usual ones is there and does not serve: worth a word even where
    /// another engine does the work.
    pub const fn is_trouble(&self) -> bool {
        !matches!(self, Self::Nowhere { .. })
    }

    /// How much the failure says, where several sockets were tried.
    const fn weight(&self) -> u8 {
        match self {
            Self::Nowhere { .. } | Self::Absent { .. } => 0,
            Self::Refused { .. } => 1,
            _ => 2,
        }
    }
}

/// Finds the engine: the one that is named, and no other; else the first of the usual ones that answers.
pub async fn find(search: &Search) -> Result<Connection, ConnectError> {
    let mut worst: Option<ConnectError> = None;
    let endpoints = search.endpoints()?;
    let sockets = || endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect();
    for endpoint in &endpoints {
        match connect(endpoint).await {
            Ok(connection) => return Ok(connection),
            Err(error) if endpoints.len() == 1 => return Err(error),
            Err(error) => {
                if error.weight() > worst.as_ref().map_or(0, ConnectError::weight) {
                    worst = Some(error);
                }
            }
        }
    }
    Err(worst.unwrap_or_else(|| ConnectError::Nowhere { sockets: sockets() }))
}

/// Connects to the engine of a place and asks who it is. Whatever is silent is given up within seconds; an engine that
/// is busy is waited for.
pub async fn connect(endpoint: &Endpoint) -> Result<Connection, ConnectError> {
    unless_silent(endpoint, try_connect(endpoint)).await
}

/// A client for an engine that was asked before who it is: now only whether it is there, since each question more makes
/// an engine start programs to answer. Requests name no version, so an engine answers in its own.
pub(super) async fn client(endpoint: &Endpoint) -> Result<Docker, ConnectError> {
    let there = async {
        let client = reach(endpoint).await?;
        client.ping().await.map_err(|error| unanswered(endpoint, &error))?;
        Ok(client)
    };
    unless_silent(endpoint, there).await
}

/// The same, with what it said of itself then.
pub(super) async fn known(endpoint: &Endpoint, facts: &Facts) -> Result<Connection, ConnectError> {
    Ok(Connection { client: client(endpoint).await?, endpoint: endpoint.clone(), facts: facts.clone() })
}

/// Waits for answers of an engine: for a few seconds, and longer where it says that it is there.
async fn unless_silent<T>(
    endpoint: &Endpoint,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let silent = || ConnectError::Silent { endpoint: endpoint.clone() };
    let mut work = Box::pin(work);
    if let Ok(outcome) = tokio::time::timeout(PATIENCE, &mut work).await {
        return outcome;
    }
    let is_there = Box::pin(async {
        dial(endpoint, API_DEFAULT_VERSION)?.ping().await.map_err(|error| unanswered(endpoint, &error))
    });
    tokio::time::timeout(PATIENCE, is_there).await.map_err(|_| silent())??;
    tokio::time::timeout(ANSWER, work).await.map_err(|_| silent())?
}

async fn try_connect(endpoint: &Endpoint) -> Result<Connection, ConnectError> {
    let client = reach(endpoint).await?;
    let said = tokio::try_join!(client.version(), client.info());
    let (version, info) = said.map_err(|error| unanswered(endpoint, &error))?;
    let facts = Facts::of(&version, &info);
    let spoken = facts.spoken().ok_or_else(|| ConnectError::Other {
        endpoint: endpoint.clone(),
        problem: format!("it calls its interface {:?}", facts.api),
    })?;
    if (spoken.major_version, spoken.minor_version) < OLDEST {
        let (product, version) = (facts.product, facts.version);
        return Err(ConnectError::TooOld { endpoint: endpoint.clone(), product, version });
    }
    let client = dial(endpoint, &spoken)?;
    Ok(Connection { client, endpoint: endpoint.clone(), facts })
}

fn unanswered(endpoint: &Endpoint, error: &Error) -> ConnectError {
    match error {
        Error::RequestTimeoutError => ConnectError::Silent { endpoint: endpoint.clone() },
        error => ConnectError::Other { endpoint: endpoint.clone(), problem: words(error) },
    }
}

/// A client for whoever listens there.
async fn reach(endpoint: &Endpoint) -> Result<Docker, ConnectError> {
    // A connection of our own first: the client library tells its failures in words of its own.
    let reached = match &endpoint.address {
        Address::Unix(path) => UnixStream::connect(path).await.map(drop),
        Address::Tcp(host) | Address::Tls { host, .. } => TcpStream::connect(host).await.map(drop),
    };
    reached.map_err(|error| unreachable(endpoint, &error))?;
    dial(endpoint, API_DEFAULT_VERSION)
}

/// A client of an engine, which was not asked for anything yet.
fn dial(endpoint: &Endpoint, version: &ClientVersion) -> Result<Docker, ConnectError> {
    let seconds = ANSWER.as_secs();
    let client = match &endpoint.address {
        Address::Unix(path) => Docker::connect_with_unix(&path.to_string_lossy(), seconds, version),
        Address::Tcp(host) => Docker::connect_with_http(host, seconds, version),
        Address::Tls { host, keys } => {
            let [key, cert, ca] = ["key.pem", "cert.pem", "ca.pem"].map(|name| keys.join(name));
            for path in [&ca, &cert, &key] {
                readable(endpoint, path)?;
            }
            Docker::connect_with_ssl(host, &key, &cert, &ca, seconds, version)
        }
    };
    client.map_err(|error| unanswered(endpoint, &error))
}

fn unreachable(endpoint: &Endpoint, error: &io::Error) -> ConnectError {
    let endpoint = endpoint.clone();
    match (&endpoint.address, error.kind()) {
        (Address::Unix(path), io::ErrorKind::PermissionDenied) => {
            let advice = advice(path);
            ConnectError::Denied { endpoint, advice }
        }
        (Address::Unix(_), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => ConnectError::Absent { endpoint },
        (_, io::ErrorKind::ConnectionRefused) => ConnectError::Refused { endpoint },
        _ => ConnectError::Other { endpoint, problem: error.to_string() },
    }
}

/// What would permit the use of a socket, by its group.
fn advice(socket: &Path) -> String {
    let Ok(group) = socket.metadata().map(|data| data.gid()) else {
        return "Its folder is closed to you.".to_owned();
    };
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let entry = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let entry = entry.filter(|fields| fields.len() == 4).find(|fields| fields[2].parse() == Ok(group));
    let Some(fields) = entry.filter(|_| group != 0) else {
        return "It is root's alone; an administrator may give it a group of its own.".to_owned();
    };
    let (name, members) = (fields[0], fields[3]);
    let me = std::env::var("USER").unwrap_or_default();
    if !me.is_empty() && members.split(',').any(|member| member == me) {
        return format!("You are in its group {name} since your last sign-in: sign in again.");
    }
    format!(
        "It is for the group {name}: an administrator adds you with `sudo usermod -aG {name} $USER`, then sign in again \
         (its members can become root on this host)."
    )
}

fn readable(endpoint: &Endpoint, path: &Path) -> Result<(), ConnectError> {
    std::fs::File::open(path).map(drop).map_err(|error| ConnectError::Keys {
        endpoint: endpoint.clone(),
        path: path.to_owned(),
        problem: match error.kind() {
            io::ErrorKind::NotFound => "is not there".to_owned(),
            _ => format!("cannot be read: {error}"),
        },
    })
}

/// Asks about containers until the answer can be read. Podman says for a moment that one is `stopped`, a state that is
/// not Docker's and that the client library takes none of: it becomes `exited` once Podman has cleaned up behind it.
pub(super) async fn settled<T, A: Future<Output = Result<T, Error>>>(ask: impl Fn() -> A) -> Result<T, Error> {
    let end = Instant::now() + SETTLED;
    loop {
        match Box::pin(ask()).await {
            Err(Error::JsonDataError { .. }) if Instant::now() < end => tokio::time::sleep(SETTLING).await,
            answer => return answer,
        }
    }
}

/// An error of the client library: what the engine said, or the system; else everything behind it, each once.
pub(super) fn words(error: &Error) -> String {
    if let Error::DockerResponseServerError { message, .. } | Error::DockerStreamError { error: message } = error {
        return message.clone();
    }
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        // Which layers of the library it came through helps nobody.
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => return "the connection is refused".to_owned(),
            Some(io::ErrorKind::NotFound) => return "its socket is gone".to_owned(),
            _ => {}
        }
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        source = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn unread() -> Error {
        Error::JsonDataError { message: "unknown variant `stopped`".to_owned(), column: 545 }
    }

    #[tokio::test]
    async fn a_state_that_passes_is_waited_for_and_other_troubles_are_told_at_once() {
        let asked = Cell::new(0);
        let third = settled(|| async {
            asked.set(asked.get() + 1);
            if asked.get() < 3 { Err(unread()) } else { Ok(asked.get()) }
        });
        assert_eq!(third.await.unwrap(), 3);
        let missing = settled(|| async {
            asked.set(asked.get() + 1);
            Err::<(), _>(Error::RequestTimeoutError)
        });
        assert!(matches!(missing.await, Err(Error::RequestTimeoutError)));
        assert_eq!(asked.get(), 4);
    }

    #[tokio::test]
    async fn an_engine_that_went_away_is_told_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let client = Docker::connect_with_unix(socket.to_str().unwrap(), 5, bollard::API_DEFAULT_VERSION).unwrap();
        drop(listener);
        assert_eq!(words(&client.ping().await.unwrap_err()), "the connection is refused");
        std::fs::remove_file(&socket).unwrap();
        assert_eq!(words(&client.ping().await.unwrap_err()), "its socket is gone");
        assert_eq!(words(&Error::DockerStreamError { error: "no space left".to_owned() }), "no space left");
    }
}
