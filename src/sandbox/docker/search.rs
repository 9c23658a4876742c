//! Where a container engine may be: what Docker's own client would look at, in its order, then Podman's sockets.

use crate::config::Config;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    fmt::{self, Write as _},
    io,
    path::{Path, PathBuf},
};

/// An engine's place, and how it came to be looked for. It holds paths of keys and no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The socket, or host and port.
    pub address: Address,
    /// In words: the variable, the context, or whose usual socket it is.
    pub origin: String,
}

/// How an engine is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Address {
    /// A socket of this host.
    Unix(PathBuf),
    /// Host and port, unprotected.
    Tcp(String),
    /// Host and port, each side proving who it is.
    Tls {
        /// `host:port`.
        host: String,
        /// The folder of `ca.pem`, `cert.pem` and `key.pem`.
        keys: PathBuf,
    },
}

/// Why the settings name no engine that could be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// Docker's client would start ssh.
    #[error(
        "{origin} is {given}: mecapy starts no ssh. Forward the engine's socket (ssh -nNT -L \
         $XDG_RUNTIME_DIR/docker.sock:/var/run/docker.sock HOST) and it is found there"
    )]
    Ssh {
        /// What names it.
        origin: String,
        /// The value.
        given: String,
    },
    /// Not an address.
    #[error("{origin} is {given:?}, which is no engine's address: unix:///path/of.sock or tcp://host:port is")]
    Address {
        /// What names it.
        origin: String,
        /// The value.
        given: String,
    },
    /// A context that is not there.
    #[error("{origin} names the context {name:?}, which is not in {}", folder.display())]
    Context {
        /// What names it.
        origin: String,
        /// The context.
        name: String,
        /// Where contexts are.
        folder: PathBuf,
    },
    /// A file of Docker's client that cannot be read.
    #[error("{}: {problem}; it may choose the container engine", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A context that asks not to check who answers.
    #[error("the context {name:?} asks not to check who answers (SkipTLSVerify): mecapy always checks")]
    Unverified {
        /// The context.
        name: String,
    },
}

/// Everything that decides where an engine is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The engine's address and what names it.
    pub host: Option<(String, String)>,
    /// The context and what names it.
    pub context: Option<(String, String)>,
    /// Whether an address of a network is spoken to by TLS.
    pub tls: bool,
    /// The folder of its certificates.
    pub keys: PathBuf,
    /// The folder of Docker's client.
    pub folder: PathBuf,
    /// The usual sockets and whose they are.
    pub usual: Vec<(PathBuf, &'static str)>,
}

impl Search {
    /// As the settings say (which know Docker's variables).
    pub fn of(config: &Config) -> Self {
        let docker = &config.docker;
        let runtime = std::env::var_os("XDG_RUNTIME_DIR")
            .filter(|path| !path.is_empty())
            .map_or_else(|| PathBuf::from(format!("/run/user/{}", rustix::process::geteuid().as_raw())), PathBuf::from);
        let named = |value: &Option<String>, origin: &str| value.clone().map(|value| (value, origin.to_owned()));
        Self {
            host: named(&docker.host, &docker.host_origin),
            context: named(&docker.context, &docker.context_origin),
            tls: docker.tls_verify,
            keys: docker.cert_path.clone().unwrap_or_else(|| docker.config.clone()),
            folder: docker.config.clone(),
            usual: vec![
                ("/var/run/docker.sock".into(), "the system's Docker"),
                (runtime.join("docker.sock"), "your rootless Docker"),
                ("/run/podman/podman.sock".into(), "the system's Podman"),
                (runtime.join("podman/podman.sock"), "your Podman"),
            ],
        }
    }

    /// The usual sockets, whatever is named.
    pub fn usual(&self) -> Vec<Endpoint> {
        let usual = self.usual.iter();
        usual
            .map(|(path, whose)| Endpoint { address: Address::Unix(path.clone()), origin: (*whose).to_owned() })
            .collect()
    }

    /// The engine that was named, or else all the usual ones in order.
    ///
    /// # Errors
    ///
    /// Where something names an engine in a way that cannot be followed: no other one is taken instead.
    pub fn endpoints(&self) -> Result<Vec<Endpoint>, SearchError> {
        if let Some((given, origin)) = &self.host {
            let keys = self.tls.then_some(&*self.keys);
            return Ok(vec![Endpoint { address: address(given, origin, keys)?, origin: origin.clone() }]);
        }
        let current = match &self.context {
            Some(named) => Some(named.clone()),
            None => current_context(&self.folder)?,
        };
        // The context of this name stands for "none".
        if let Some((name, origin)) = current.filter(|(name, _)| name != "default") {
            return Ok(vec![self.of_context(&name, &origin)?]);
        }
        let endpoint = |(path, whose): &(PathBuf, &str)| Endpoint {
            address: Address::Unix(path.clone()),
            origin: (*whose).into(),
        };
        Ok(self.usual.iter().map(endpoint).collect())
    }

    fn of_context(&self, name: &str, origin: &str) -> Result<Endpoint, SearchError> {
        let contexts = self.folder.join("contexts");
        let id = Sha256::digest(name).iter().fold(String::new(), |mut id, byte| {
            write!(id, "{byte:02x}").expect("memory");
            id
        });
        let path = contexts.join("meta").join(&id).join("meta.json");
        let Some(meta) = read::<Meta>(&path)? else {
            return Err(SearchError::Context { origin: origin.into(), name: name.into(), folder: contexts });
        };
        let docker = meta.endpoints.docker;
        let origin = format!("the context {name} ({origin})");
        let keys = contexts.join("tls").join(&id).join("docker");
        let protected = keys.join("ca.pem").exists() || keys.join("cert.pem").exists();
        let address = address(&docker.host, &origin, protected.then_some(&*keys))?;
        if docker.skip_tls_verify && !matches!(address, Address::Unix(_)) {
            return Err(SearchError::Unverified { name: name.into() });
        }
        Ok(Endpoint { address, origin })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(host) | Self::Tls { host, .. } => write!(f, "tcp://{host}"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.address, self.origin)
    }
}

/// Reads an address; `keys` is where the certificates of one on a network are, which is unprotected without.
fn address(given: &str, origin: &str, keys: Option<&Path>) -> Result<Address, SearchError> {
    let refused = || SearchError::Address { origin: origin.to_owned(), given: given.to_owned() };
    let (scheme, rest) = given.split_once("://").unwrap_or(("tcp", given));
    match scheme {
        "ssh" => Err(SearchError::Ssh { origin: origin.to_owned(), given: given.to_owned() }),
        "unix" if rest.starts_with('/') => Ok(Address::Unix(rest.into())),
        "tcp" => {
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            let (host, port) = match rest.rsplit_once(':') {
                // The colons of an address in brackets are its own.
                Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
                _ => (rest, None),
            };
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            let is_host = match bare {
                Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
                None => !host.is_empty() && host.chars().all(plain),
            };
            let usual = if keys.is_some() { 2376 } else { 2375 };
            let port = port.map_or(Some(usual), |port| port.parse::<u16>().ok().filter(|port| *port > 0));
            let host = format!("{host}:{}", port.filter(|_| is_host).ok_or_else(refused)?);
            Ok(keys.map_or(Address::Tcp(host.clone()), |keys| Address::Tls { host, keys: keys.to_owned() }))
        }
        _ => Err(refused()),
    }
}

/// The context that `docker context use` chose.
fn current_context(folder: &Path) -> Result<Option<(String, String)>, SearchError> {
    let path = folder.join("config.json");
    let file = read::<ClientFile>(&path)?.unwrap_or_default();
    let name = file.current_context.filter(|name| !name.is_empty());
    Ok(name.map(|name| (name, format!("currentContext of {}", path.display()))))
}

/// A JSON file of Docker's client; `None` where there is none.
fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, SearchError> {
    let failed = |problem: String| SearchError::File { path: path.to_owned(), problem };
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    // The error of the parser would repeat what stands there, which may be a password.
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        failed(format!("line {}, column {}: not what Docker's client writes", error.line(), error.column()))
    })
}

#[derive(Default, Deserialize)]
struct ClientFile {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: DockerEndpoint,
}

#[derive(Deserialize)]
struct DockerEndpoint {
    #[serde(rename = "Host")]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
