//! Which engine a run gets: decided once, when it is submitted, and told.

use super::{
    Asked, Chosen, EngineError,
    docker::{self, ImageError},
    python,
};
use crate::{
    config::{Config, Engine},
    domain::{id::RunId, tool::DEFAULT_IMAGE},
};
use std::path::PathBuf;

/// The folder in the cache that remembers which images have Python.
const PYTHONS: &str = "images-with-python";

/// What a run wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The engine, where the person said so for this run.
    pub engine: Option<Engine>,
    /// The image that its tool names, or that the person named.
    pub image: String,
    /// The host's interpreter, where one is named; `python3` of the PATH without.
    pub python: Option<PathBuf>,
    /// Whether there is no code: the image's own command is what runs.
    pub own_command: bool,
    /// Whether the code says that only a container will do.
    pub requires_container: bool,
    /// Whether the image may be fetched where it is not here.
    pub pull: bool,
}

/// Chooses, and says in a sentence for the run's record what somebody might not expect.
///
/// | `sandbox.engine` | an engine answers and has the image | otherwise |
/// |---|---|---|
/// | `docker` | Docker | refused |
/// | `builtin` | built in | built in |
/// | `auto` | Docker | built in where plain Python is asked for, told in the record; refused where a tool needs its own image or its code a container |
///
/// So a machine that has Docker and no image yet works at once, and no run that needs its image gets another one.
/// Nothing is built in where this host has no Python to run.
pub async fn choose(config: &Config, wish: &Wish) -> Result<(Chosen, Option<String>), EngineError> {
    let engine = wish.engine.unwrap_or(config.sandbox.engine);
    let plain = !wish.own_command && wish.image == DEFAULT_IMAGE && !wish.requires_container;
    if engine == Engine::Builtin && wish.requires_container {
        let by = if wish.engine.is_some() { "the built-in sandbox was asked for" } else { "sandbox.engine is builtin" };
        return Err(EngineError::Refused(format!(
            "the code says that only a container will do (# mecapy: requires docker), and {by}. Run it with --engine \
             docker, or take that line out of a copy"
        )));
    }
    if engine == Engine::Builtin {
        if wish.own_command {
            return Err(EngineError::Refused(format!(
                "there is no code, so the command of the image {} would run: that needs a container engine \
                 (sandbox.engine is builtin)",
                wish.image
            )));
        }
        python::locate(wish.python.as_deref())?;
        let note = (!plain).then(|| {
            format!(
                "run by the built-in sandbox with this host's Python, as asked for, without the image {}",
                wish.image
            )
        });
        return Ok((Chosen::Builtin, note));
    }
    let missing = match in_container(config, wish).await {
        Ok(choice) => return Ok((Chosen::Docker(Box::new(choice)), None)),
        Err(missing) => missing,
    };
    let python = python::locate(wish.python.as_deref());
    let only_there = engine == Engine::Docker || !plain || python.is_err();
    if let Some(image) = missing.image.filter(|_| only_there) {
        let instead = engine == Engine::Auto && !wish.own_command && !wish.requires_container && python.is_ok();
        return Err(EngineError::ImageMissing { image, instead });
    }
    if engine == Engine::Docker {
        return Err(EngineError::Refused(missing.words));
    }
    if plain {
        if let Err(error) = python {
            return Err(EngineError::Refused(format!(
                "{error}. In a container it cannot run either: {}",
                missing.words
            )));
        }
        let note = missing.told.then(|| format!("run by the built-in sandbox: {}", missing.words));
        return Ok((Chosen::Builtin, note));
    }
    Err(EngineError::Refused(if wish.own_command {
        missing.words
    } else if wish.requires_container {
        format!("the code says that only a container will do (# mecapy: requires docker): {}", missing.words)
    } else {
        format!(
            "this needs its image {}: {}. To run it with this host's Python all the same, say so: --engine builtin",
            wish.image, missing.words
        )
    }))
}

/// What a calculation that names no engine and no image would get now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// `built-in E2`, `Docker 29.5.1`.
    pub name: String,
    /// What holds and what does not, in words.
    pub guarantee: String,
    /// Why it is this one, where somebody might not expect it.
    pub why: Option<String>,
}

/// Finds it as the start of a run does.
///
/// # Errors
///
/// In words: why nothing could be run.
pub async fn offer(config: &Config) -> Result<Offer, EngineError> {
    let wish = Wish {
        engine: None,
        image: DEFAULT_IMAGE.to_owned(),
        python: config.sandbox.python.clone(),
        own_command: false,
        requires_container: false,
        pull: false,
    };
    let (chosen, why) = choose(config, &wish).await?;
    let asked = Asked { python: wish.python, allow_unisolated: config.sandbox.allow_unisolated };
    let about = super::Engine::open(&chosen, &asked).await?.about(RunId::new());
    let name = if chosen == Chosen::Builtin { format!("built-in {}", about.level) } else { about.level };
    Ok(Offer { name, guarantee: about.guarantee, why })
}

struct Missing {
    /// The image that could be fetched.
    image: Option<String>,
    words: String,
    /// Whether it is worth telling a person who did not ask for containers.
    told: bool,
}

async fn in_container(config: &Config, wish: &Wish) -> Result<docker::Choice, Missing> {
    let image = if wish.image == DEFAULT_IMAGE { &config.sandbox.image } else { &wish.image };
    let found = docker::find(&docker::Search::of(config)).await;
    let connection =
        found.map_err(|error| Missing { image: None, told: error.is_trouble(), words: error.to_string() })?;
    let mut found = connection.image(image).await;
    if let Ok(image) = &found
        && !wish.own_command
        && let Err(error) = Box::pin(connection.require_python(image, &config.paths.cache.join(PYTHONS))).await
    {
        found = Err(error);
    }
    let (image, image_id, fetch) = match found {
        Ok(found) => (found.name, found.id, None),
        Err(ImageError::Missing { name }) if wish.pull => (name, String::new(), Some(config.docker.config.clone())),
        Err(error) => {
            let words = error.to_string();
            let image = if let ImageError::Missing { name } = error { Some(name) } else { None };
            return Err(Missing { image, told: true, words });
        }
    };
    let facts = Some(docker::DatedFacts::now(connection.facts));
    Ok(docker::Choice { endpoint: connection.endpoint, image, image_id, fetch, own_command: wish.own_command, facts })
}
