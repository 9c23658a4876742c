//! Images as the engine has them: which content a name means, and whether it can run what is asked of it.

use super::{
    Connection,
    client::words,
    reference::{Reference, ReferenceError},
};
use bollard::{
    Docker,
    errors::Error,
    models::{ContainerCreateBody, HostConfig, ImageInspect},
    query_parameters::{
        ContainerArchiveInfoOptionsBuilder, CreateContainerOptionsBuilder, ListImagesOptions,
        RemoveContainerOptionsBuilder,
    },
};
use serde::Serialize;
use std::{collections::HashMap, fs, path::Path};

/// The label of a container that is only looked into: it is never started and goes at once.
pub const PROBE: &str = "mecapy.probe";

/// Where programs are where an image does not say.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Links are followed this often.
const MOST_LINKS: usize = 16;

/// An image that the engine has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The name that was asked for, completed by its tag.
    pub name: String,
    /// The id of its content, which containers are made of: a name may mean another image tomorrow.
    pub id: String,
    /// The digest that its registry knows it by; an image that was imported or built here has none.
    pub digest: Option<String>,
    /// As images name it: `amd64`, `arm64`.
    pub architecture: String,
    /// Bytes on this host.
    pub size: u64,
    /// Its own program, with arguments: entrypoint, then command.
    pub command: Vec<String>,
    /// The user that it would run as; runs are nobody's all the same.
    pub user: String,
    /// Folders that it wants as volumes; a run has none but its own.
    pub volumes: Vec<String>,
    /// Whether it looks after its own health; a run does not.
    pub has_healthcheck: bool,
    /// Its environment, `NAME=value`.
    pub environment: Vec<String>,
    /// Where its own program starts.
    pub folder: String,
}

/// Why an image cannot do what is asked, before anything was started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Not a name.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// It is not here.
    #[error("the image {name} is not on this host: `mecapy images pull {name}` fetches it")]
    Missing {
        /// The name asked for.
        name: String,
    },
    /// It was made for other machines.
    #[error("the image {name} is made for {has}, this engine runs {wants}")]
    Platform {
        /// The name asked for.
        name: String,
        /// What the image is for.
        has: String,
        /// What the engine is.
        wants: String,
    },
    /// Python code, and nothing to run it.
    #[error(
        "the image {name} has no python3 that everybody may run (looked for in {path}): Python code needs an image with one"
    )]
    NoPython {
        /// The name asked for.
        name: String,
        /// Its search path.
        path: String,
    },
    /// Its own program is wanted, and there is none.
    #[error("the image {name} has no program of its own (neither ENTRYPOINT nor CMD)")]
    NoCommand {
        /// The name asked for.
        name: String,
    },
    /// The engine does not say.
    #[error("the image {name} cannot be looked at: {problem}")]
    Engine {
        /// The name asked for.
        name: String,
        /// What it said.
        problem: String,
    },
}

impl Connection {
    /// The image of a name, which has to be here and made for this engine's machine.
    pub async fn image(&self, name: &str) -> Result<Image, ImageError> {
        let reference = Reference::parse(name)?;
        let name = reference.to_string();
        let found = match self.client.inspect_image(&name).await {
            Ok(found) => found,
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Err(ImageError::Missing { name }),
            Err(error) => return Err(ImageError::Engine { name, problem: words(&error) }),
        };
        let image = Image::of(&reference, &found);
        let system = found.os.as_deref().filter(|system| !system.is_empty()).unwrap_or("linux");
        // An engine or image that does not say is believed to fit; starting would tell.
        let wants = self.facts.architecture.as_deref().map(common_name).unwrap_or_default();
        let fits = wants.is_empty() || image.architecture.is_empty() || wants == image.architecture;
        if system != "linux" || !fits {
            let has = format!("{system}/{}", image.architecture);
            return Err(ImageError::Platform { name, has, wants: format!("linux/{wants}") });
        }
        Ok(image)
    }

    /// The images of this engine that have a name, by name.
    pub async fn images(&self) -> Result<Vec<Image>, ImageError> {
        let failed = |error: Error| ImageError::Engine { name: "list".to_owned(), problem: words(&error) };
        let list = self.client.list_images(None::<ListImagesOptions>).await.map_err(failed)?;
        let mut images = Vec::new();
        for name in list.iter().flat_map(|image| &image.repo_tags).filter(|name| !name.starts_with("<none>")) {
            let Ok(reference) = Reference::parse(name) else { continue };
            // One that goes meanwhile is no image any more.
            if let Ok(found) = self.client.inspect_image(name).await {
                images.push(Image::of(&reference, &found));
            }
        }
        images.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(images)
    }

    /// Refuses an image without python3. Each image is looked into once on a host, as nothing of it ever changes under
    /// its identifier: `marks` is the folder that remembers those that have it.
    pub async fn require_python(&self, image: &Image, marks: &Path) -> Result<(), ImageError> {
        let digits = image.id.strip_prefix("sha256:").unwrap_or_default();
        let is_name = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let mark = is_name.then(|| marks.join(digits));
        if mark.as_ref().is_some_and(|mark| mark.exists()) {
            return Ok(());
        }
        let path = self.python_of(image).await?;
        let noted = mark.map(|mark| fs::create_dir_all(marks).and_then(|()| fs::write(mark, path)));
        if let Some(Err(error)) = noted {
            tracing::debug!(%error, "the image will be looked into again");
        }
        Ok(())
    }

    /// The path of the image's python3. Nothing of the image runs: a container that is never started is looked into.
    pub async fn python_of(&self, image: &Image) -> Result<String, ImageError> {
        let (client, of) = (self.client.clone(), image.clone());
        // On a task of its own, so that the container goes also where the caller does not wait for the answer.
        let looked = tokio::spawn(async move {
            let failed = |error: Error| ImageError::Engine { name: of.name.clone(), problem: words(&error) };
            let name = format!("mecapy-probe-{}", uuid::Uuid::new_v4());
            let options = CreateContainerOptionsBuilder::new().name(&name).build();
            client.create_container(Some(options), probe(&of.id)).await.map_err(failed)?;
            let found = python_in(&client, &name, &of).await;
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            client.remove_container(&name, Some(options)).await.map_err(failed)?;
            found
        });
        let lost =
            |error: tokio::task::JoinError| ImageError::Engine { name: image.name.clone(), problem: error.to_string() };
        looked.await.map_err(lost)?
    }
}

/// The path of python3 in a container of this image, started or not.
async fn python_in(client: &Docker, container: &str, image: &Image) -> Result<String, ImageError> {
    let path = image.search_path();
    for folder in path.split(':').filter(|folder| folder.starts_with('/')) {
        let candidate = format!("{}/python3", folder.trim_end_matches('/'));
        let found = is_program(client, container, &candidate).await;
        let found = found.map_err(|error| ImageError::Engine { name: image.name.clone(), problem: words(&error) })?;
        if found {
            return Ok(candidate);
        }
    }
    Err(ImageError::NoPython { name: image.name.clone(), path: path.to_owned() })
}

impl Image {
    fn of(reference: &Reference, found: &ImageInspect) -> Self {
        let config = found.config.clone().unwrap_or_default();
        let digests = found.repo_digests.as_deref().unwrap_or_default();
        let split = || digests.iter().filter_map(|digest| digest.split_once('@'));
        let repository = reference.repository();
        let full = reference.full();
        // The one of the same repository; Podman names repositories in full.
        let own = split().find(|(name, _)| {
            repository.as_deref() == Some(*name)
                || full.strip_prefix(name).is_some_and(|rest| rest.starts_with([':', '@']))
        });
        let own = own.or_else(|| split().next().filter(|_| repository.is_none()));
        let digest = own.map(|(_, digest)| digest.to_owned()).filter(|digest| digest.starts_with("sha256:"));
        let id = found.id.clone().unwrap_or_default();
        Self {
            name: reference.to_string(),
            // Podman gives the digits alone.
            id: if id.contains(':') { id } else { format!("sha256:{id}") },
            digest,
            architecture: common_name(found.architecture.as_deref().unwrap_or_default()).to_owned(),
            size: found.size.and_then(|size| size.try_into().ok()).unwrap_or(0),
            command: config.entrypoint.into_iter().chain(config.cmd).flatten().collect(),
            user: config.user.unwrap_or_default(),
            volumes: config.volumes.unwrap_or_default(),
            has_healthcheck: config
                .healthcheck
                .and_then(|check| check.test)
                .is_some_and(|test| test.first().is_some_and(|word| word != "NONE")),
            environment: config.env.unwrap_or_default(),
            folder: config.working_dir.filter(|folder| !folder.is_empty()).unwrap_or_else(|| "/".to_owned()),
        }
    }

    /// What its registry or its content knows it by, for the record of a run.
    pub fn identity(&self) -> &str {
        self.digest.as_deref().unwrap_or(&self.id)
    }

    /// Where its programs are.
    pub fn search_path(&self) -> &str {
        let named = self.environment.iter().rev().find_map(|variable| variable.strip_prefix("PATH="));
        named.filter(|path| !path.is_empty()).unwrap_or(USUAL_PATH)
    }

    /// Its own program.
    pub fn own_command(&self) -> Result<&[String], ImageError> {
        if self.command.is_empty() { Err(ImageError::NoCommand { name: self.name.clone() }) } else { Ok(&self.command) }
    }
}

/// A container to look into: whatever the image says of itself, nothing would run.
fn probe(image: &str) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(vec!["/mecapy-never-starts-this".to_owned()]),
        cmd: Some(Vec::new()),
        network_disabled: Some(true),
        labels: Some(HashMap::from([(PROBE.to_owned(), "1".to_owned())])),
        host_config: Some(HostConfig { network_mode: Some("none".to_owned()), ..HostConfig::default() }),
        ..ContainerCreateBody::default()
    }
}

/// Whether a path is a file that everybody may execute, links followed.
async fn is_program(client: &Docker, container: &str, path: &str) -> Result<bool, Error> {
    // As the engine writes a file's mode.
    const FOLDER: u32 = 1 << 31;
    const LINK: u32 = 1 << 27;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let options = ContainerArchiveInfoOptionsBuilder::new().path(&path).build();
        let found = match client.get_container_archive_info(container, Some(options)).await {
            Ok(found) => found,
            // Nothing there; or a loop of links, or a path through a file (400, 500): nothing that could run.
            Err(Error::DockerResponseServerError { status_code: 404 | 400 | 500, .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        if found.file_mode & LINK == 0 {
            return Ok(found.file_mode & FOLDER == 0 && found.file_mode & 0o001 != 0);
        }
        if found.link_target.is_empty() {
            return Ok(false);
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        path = match found.link_target {
            target if target.starts_with('/') => target,
            target => format!("{folder}/{target}"),
        };
    }
    Ok(false)
}

/// An architecture as images name it; engines say it as the kernel does.
fn common_name(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" | "armv6l" => "arm",
        "i686" | "i386" => "386",
        other => other,
    }
}
