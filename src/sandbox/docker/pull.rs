//! Fetching an image: progress as plain data, errors in words, ended by dropping it.

use super::{
    Connection,
    client::words,
    credentials::{self, CredentialsError},
    images::{Image, ImageError},
    reference::{Reference, ReferenceError},
};
use crate::domain::pull::{Layer, Progress, Step};
use bollard::{errors::Error, models::CreateImageInfo, query_parameters::CreateImageOptionsBuilder};
use futures_util::StreamExt as _;
use std::{
    collections::VecDeque,
    path::Path,
    time::{Duration, Instant},
};

/// How often a pull is tried where the way to the registry is to blame. What has arrived already is kept by the
/// engine, so each goes on where the one before it ended.
const ATTEMPTS: u32 = 4;

/// How long the rate looks back.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// Why an image does not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PullError {
    /// Not a name.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// An id names content that only this host may have.
    #[error("{id} is an id: only an image with a name can be fetched")]
    Id {
        /// The id.
        id: String,
    },
    /// The registry has no such image, or does not tell without a sign-in.
    #[error("the registry {registry} has no image {image}, or not for you: {hint} ({problem})")]
    Refused {
        /// Whose image it is.
        registry: String,
        /// The image.
        image: String,
        /// What may help.
        hint: String,
        /// What the registry said.
        problem: String,
    },
    /// The registry has no such tag.
    #[error("the registry {registry} has no image {image} ({problem})")]
    NotFound {
        /// Whose image it would be.
        registry: String,
        /// The image.
        image: String,
        /// What the registry said.
        problem: String,
    },
    /// The registry cannot be reached.
    #[error("the registry {registry} cannot be reached from the engine's host: {problem}")]
    Unreachable {
        /// Which one.
        registry: String,
        /// What the engine said.
        problem: String,
    },
    /// The connection broke too often; what has arrived is kept.
    #[error("fetching {image} broke off {ATTEMPTS} times; what has arrived is kept, try again: {problem}")]
    Broken {
        /// The image.
        image: String,
        /// What the engine said last.
        problem: String,
    },
    /// There is no room.
    #[error("no room for {image} on the engine's disk: {problem}")]
    Full {
        /// The image.
        image: String,
        /// What the engine said.
        problem: String,
    },
    /// Made for other machines.
    #[error("the registry has {image} only for other machines than this engine's: {problem}")]
    Platform {
        /// The image.
        image: String,
        /// What the engine said.
        problem: String,
    },
    /// Anything else.
    #[error("{image} cannot be fetched: {problem}")]
    Other {
        /// The image.
        image: String,
        /// What the engine said.
        problem: String,
    },
    /// The sign-in that Docker's client keeps cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// It came, and cannot be used.
    #[error(transparent)]
    Image(#[from] ImageError),
}

impl Connection {
    /// Fetches an image from its registry, with the sign-in that Docker's client keeps in `folder`, and gives it as
    /// the engine has it then. Dropping the future ends the pull, unless another one wants the same image.
    ///
    /// `told` hears of every change; it is called often.
    pub async fn pull(&self, name: &str, folder: &Path, mut told: impl FnMut(&Progress)) -> Result<Image, PullError> {
        let reference = Reference::parse(name)?;
        let Some(registry) = reference.registry() else {
            return Err(PullError::Id { id: reference.full() });
        };
        let mut meter = Meter::new(&reference);
        told(&meter.progress);
        for attempt in 1.. {
            let credentials = credentials::of_registry(folder, registry).await?;
            let signed_in = credentials.is_some();
            let options = CreateImageOptionsBuilder::new().from_image(&reference.full()).build();
            let mut lines = self.registry_client().create_image(Some(options), None, credentials);
            let mut failure = None;
            while let Some(line) = lines.next().await {
                match line {
                    Ok(line) => meter.take(&line),
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                }
                told(&meter.progress);
            }
            let Some(failure) = failure else { return Ok(self.image(name).await?) };
            let (cause, problem) = (Cause::of(&failure), words(&failure));
            tracing::warn!(image = %reference, attempt, %problem, "an image does not come");
            if cause != Cause::Way || attempt == ATTEMPTS {
                return Err(cause.error(&reference, signed_in, problem));
            }
            meter.progress.again = Some(problem);
            told(&meter.progress);
            tokio::time::sleep(Duration::from_secs(1 << (attempt - 1))).await;
        }
        unreachable!("the last attempt returns")
    }

    /// A client whose sign-ins the engine can read: the library writes them in the alphabet of base64 that engines
    /// do not know, and an engine that cannot read one goes on as nobody.
    fn registry_client(&self) -> bollard::Docker {
        self.client.clone().with_request_modifier(|mut request| {
            if let Some(value) = request.headers_mut().get_mut("X-Registry-Auth") {
                if let Ok(text) = value.to_str() {
                    let readable = text.replace('+', "-").replace('/', "_");
                    assign(value, readable);
                }
                value.set_sensitive(true);
            }
            request
        })
    }
}

/// Sets a header, whose type belongs to a library that is not named here.
fn assign<T: TryFrom<String>>(value: &mut T, text: String) {
    if let Ok(new) = text.try_into() {
        *value = new;
    }
}

/// What the words of an engine mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Refused,
    NotFound,
    Platform,
    Full,
    Unreachable,
    /// The way broke; it may hold the next time.
    Way,
    Other,
}

impl Cause {
    /// What engines write, in lower case; the first that fits counts.
    const CAUSES: [(Cause, &[&str]); 6] = [
        (Cause::Full, &["no space left", "disk quota exceeded"]),
        (Cause::Platform, &["no matching manifest", "no image found in image index", "no image found in manifest"]),
        (Cause::NotFound, &["manifest unknown", "manifest for", "name unknown", "repository name not known"]),
        (
            Cause::Refused,
            &["access denied", "unauthorized", "authentication required", "no basic auth", "denied:", "forbidden"],
        ),
        (
            Cause::Unreachable,
            &[
                "no such host",
                "connection refused",
                "network is unreachable",
                "no route to host",
                "proxyconnect",
                "http response to https client",
                "x509",
                "certificate",
            ],
        ),
        (
            Cause::Way,
            &[
                "eof",
                "connection reset",
                "broken pipe",
                "timeout",
                "deadline exceeded",
                "unexpected http status: 5",
                "status code 5",
                "toomanyrequests",
                "filesystem layer verification failed",
            ],
        ),
    ];

    /// Engines tell causes in words only. Whatever is not known here is passed on as it is.
    fn of(error: &Error) -> Self {
        let (Error::DockerStreamError { error: words } | Error::DockerResponseServerError { message: words, .. }) =
            error
        else {
            return Self::Other;
        };
        let words = words.to_lowercase();
        let meant = |causes: &&(Self, &[&str])| causes.1.iter().any(|part| words.contains(part));
        Self::CAUSES.iter().find(meant).map_or(Self::Other, |(cause, _)| *cause)
    }

    fn error(self, reference: &Reference, signed_in: bool, problem: String) -> PullError {
        let image = reference.to_string();
        let registry = reference.registry().unwrap_or_default().to_owned();
        match self {
            Self::Refused => {
                let hint = if signed_in {
                    "the sign-in that Docker's client keeps was tried".to_owned()
                } else {
                    format!("`docker login {registry}` signs in")
                };
                PullError::Refused { registry, image, hint, problem }
            }
            Self::NotFound => PullError::NotFound { registry, image, problem },
            Self::Platform => PullError::Platform { image, problem },
            Self::Full => PullError::Full { image, problem },
            Self::Unreachable => PullError::Unreachable { registry, problem },
            Self::Way => PullError::Broken { image, problem },
            Self::Other => PullError::Other { image, problem },
        }
    }
}

/// Adds the engine's lines up.
struct Meter {
    progress: Progress,
    /// What had arrived when, lately.
    lately: VecDeque<(Instant, u64)>,
}

/// More than any image has.
const MOST_LAYERS: usize = 1_000;

impl Meter {
    fn new(reference: &Reference) -> Self {
        let progress = Progress { image: reference.to_string(), ..Progress::default() };
        Self { progress, lately: VecDeque::new() }
    }

    fn take(&mut self, line: &CreateImageInfo) {
        self.take_at(line, Instant::now());
    }

    fn take_at(&mut self, line: &CreateImageInfo, now: Instant) {
        let (Some(id), Some(status)) = (line.id.as_deref(), line.status.as_deref()) else { return };
        // The first line has a tag in this place.
        if id.len() < 12 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return;
        }
        let detail = line.progress_detail.as_ref();
        let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0);
        let (current, total) = detail.map_or((0, 0), |detail| (number(detail.current), number(detail.total)));
        let Some(layer) = self.layer(&id[..12]) else { return };
        layer.unpacked = None;
        layer.step = match status {
            "Downloading" => {
                layer.received = current;
                layer.size = layer.size.max(total).max(current);
                Step::Downloading
            }
            "Verifying Checksum" | "Download complete" => {
                layer.received = layer.size;
                Step::Downloaded
            }
            "Extracting" => {
                layer.received = layer.size;
                layer.unpacked = (total > 0).then(|| (current as f32 / total as f32).min(1.0));
                Step::Extracting
            }
            "Pull complete" => {
                layer.received = layer.size;
                Step::Done
            }
            "Already exists" => Step::Present,
            // "Pulling fs layer", "Waiting", and a download that starts again.
            _ => Step::Waiting,
        };
        self.progress.again = None;
        self.progress.received = self.progress.layers.iter().map(|layer| layer.received).sum();
        self.progress.total = self.progress.layers.iter().map(|layer| layer.size).sum();
        self.rate(now);
    }

    fn layer(&mut self, id: &str) -> Option<&mut Layer> {
        let layers = &mut self.progress.layers;
        let at = match layers.iter().position(|layer| layer.id == id) {
            Some(at) => at,
            None if layers.len() == MOST_LAYERS => return None,
            None => {
                let id = id.to_owned();
                layers.push(Layer { id, step: Step::Waiting, received: 0, size: 0, unpacked: None });
                layers.len() - 1
            }
        };
        layers.get_mut(at)
    }

    fn rate(&mut self, now: Instant) {
        let received = self.progress.received;
        // Ten samples a second are enough, and a layer that starts again takes bytes back.
        if self.lately.back().is_none_or(|(at, _)| now.duration_since(*at) >= RATE_WINDOW / 50) {
            self.lately.push_back((now, received));
        }
        while self.lately.front().is_some_and(|(at, _)| now.duration_since(*at) > RATE_WINDOW) {
            self.lately.pop_front();
        }
        self.progress.rate = self.lately.front().and_then(|(at, before)| {
            let seconds = now.duration_since(*at).as_secs_f64();
            (seconds >= 0.5).then(|| (received.saturating_sub(*before) as f64 / seconds) as u64)
        });
    }
}

#[cfg(test)]
#[path = "pull_tests.rs"]
mod tests;
