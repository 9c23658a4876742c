//! `images ls` and `images pull`: what the container engine has, and fetching what it has not.

use super::{
    args::Images,
    changes::Changes,
    exit::{CommandResult, Exit, Failure},
    output::{Output, table},
};
use crate::{
    config::Config,
    domain::{format::bytes, pull::Progress, text::SafeText},
    sandbox::docker::{self, ConnectError, Connection, ImageError, PullError, Search},
};
use serde_json::json;
use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};
use tokio::signal::unix::{SignalKind, signal};

/// How often a bar is drawn again, and how often `--json` prints a line.
const PACE: Duration = Duration::from_millis(100);

/// Where no bar can be drawn, a line is printed this often.
const LINE_PACE: Duration = Duration::from_secs(10);

/// Does what the verb says.
pub async fn images(config: &Config, verb: &Images, changes: Changes, output: Output) -> CommandResult {
    match verb {
        Images::Ls => list(&docker::find(&Search::of(config)).await?, output).await,
        Images::Pull { name } => {
            if changes.dry_run {
                docker::Reference::parse(name).map_err(Failure::usage)?;
                output.always_say(format_args!("would fetch the image {name}"));
                return Ok(Exit::Ok);
            }
            changes.allowed("fetch an image")?;
            let connection = docker::find(&Search::of(config)).await?;
            pull(config, &connection, name, output).await
        }
    }
}

async fn list(connection: &Connection, output: Output) -> CommandResult {
    let images = connection.images().await?;
    if output.json {
        images.iter().try_for_each(|image| output.json(image))?;
        return Ok(Exit::Ok);
    }
    if images.is_empty() {
        output.say(format_args!("no images at {}; fetch one: mecapy images pull NAME", connection.endpoint));
        return Ok(Exit::Ok);
    }
    let mut rows = vec![["IMAGE", "SIZE", "FOR", "DIGEST"].map(str::to_owned).to_vec()];
    rows.extend(images.iter().map(|image| {
        let digest = image.digest.as_deref().unwrap_or("none: made here");
        let cells = [image.name.as_str(), &bytes(image.size), &image.architecture, digest];
        cells.map(|cell| SafeText::label(cell).into_string()).to_vec()
    }));
    output.raw(table(&rows, &[1]).as_bytes())?;
    Ok(Exit::Ok)
}

/// Fetches an image and says what came. Ctrl-C ends it; what has arrived is kept by the engine for a while.
pub async fn pull(config: &Config, connection: &Connection, name: &str, output: Output) -> CommandResult {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut bar = Bar::new(output);
    let pulled = tokio::select! {
        pulled = connection.pull(name, &config.docker.config, |progress| bar.take(progress)) => Ok(pulled),
        _ = interrupt.recv() => Err(Exit::Interrupted),
        _ = terminate.recv() => Err(Exit::Terminated),
    };
    bar.end();
    let image = match pulled {
        Ok(pulled) => pulled?,
        Err(exit) => {
            output.always_say(format_args!("fetching {name} was stopped; the engine keeps whole layers for a while"));
            return Ok(exit);
        }
    };
    if output.json {
        output.json(&json!({ "status": "done", "image": image }))?;
    } else {
        output.say(format_args!(
            "{} is here: {}, {}",
            image.name,
            bytes(image.size),
            image.digest.as_deref().unwrap_or(&image.id)
        ));
    }
    Ok(Exit::Ok)
}

/// The progress of a pull, as the one who looks can take it: a bar on a terminal, lines elsewhere.
pub struct Bar {
    output: Output,
    is_terminal: bool,
    last: Option<Instant>,
    drawn: bool,
}

impl Bar {
    /// Draws as `output` says.
    pub fn new(output: Output) -> Self {
        let is_terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { output, is_terminal, last: None, drawn: false }
    }

    /// Shows the progress, unless it did just now.
    pub fn take(&mut self, progress: &Progress) {
        let pace = if self.output.json || self.is_terminal { PACE } else { LINE_PACE };
        if self.last.is_some_and(|last| last.elapsed() < pace) {
            return;
        }
        self.last = Some(Instant::now());
        if self.output.json {
            // Nobody reading is no reason to stop a pull.
            let _ = self.output.json(&json!({ "status": "pulling", "progress": progress }));
        } else if self.output.quiet {
        } else if self.is_terminal {
            let width = crate::cli::output::stderr_width();
            let line = SafeText::label(&line(progress, width)).into_string();
            write!(std::io::stderr().lock(), "\r\x1b[K{line}").ok();
            self.drawn = true;
        } else {
            self.output.say(line(progress, 200));
        }
    }

    /// Clears the bar.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.drawn) {
            write!(std::io::stderr().lock(), "\r\x1b[K").ok();
        }
    }
}

/// One line of at most this many columns.
fn line(progress: &Progress, width: usize) -> String {
    if let Some(problem) = &progress.again {
        return cut(&format!("{}: trying again: {problem}", progress.image), width);
    }
    if progress.layers.is_empty() {
        return cut(&format!("{}: asking its registry", progress.image), width);
    }
    let name = progress.image.chars().count() + 4;
    let words = Some(progress.words()).filter(|words| name + words.chars().count() <= width);
    let words = words.unwrap_or_else(|| progress.amount());
    let used = name + words.chars().count();
    let room = width.saturating_sub(used).min(40);
    let bar = match progress.fraction() {
        Some(share) if room >= 10 => {
            let full = ((room - 2) as f64 * share) as usize;
            format!("[{}{}] ", "#".repeat(full), "-".repeat(room - 2 - full))
        }
        _ => String::new(),
    };
    cut(&format!("{}: {bar}{words}", progress.image), width)
}

fn cut(line: &str, width: usize) -> String {
    // The last column is left alone: writing there moves some terminals to the next line.
    line.chars().take(width.saturating_sub(1)).collect()
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let exit = match &error {
            ConnectError::Denied { .. } => Exit::Denied,
            ConnectError::Search(_) | ConnectError::Keys { .. } => Exit::Error,
            _ => Exit::Unreachable,
        };
        Self::new(exit, error)
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        let exit = match &error {
            ImageError::Reference(_) => Exit::Usage,
            ImageError::Missing { .. } => Exit::NotFound,
            _ => Exit::Error,
        };
        Self::new(exit, error)
    }
}

impl From<PullError> for Failure {
    fn from(error: PullError) -> Self {
        let exit = match error {
            PullError::Image(error) => return error.into(),
            PullError::Reference(_) | PullError::Id { .. } => Exit::Usage,
            PullError::NotFound { .. } | PullError::Platform { .. } => Exit::NotFound,
            PullError::Refused { .. } => Exit::Denied,
            PullError::Unreachable { .. } | PullError::Broken { .. } => Exit::Unreachable,
            _ => Exit::Error,
        };
        Self::new(exit, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pull::{Layer, Step};

    #[test]
    fn a_line_fits_its_width() {
        let layer =
            |step, received| Layer { id: "aaaaaaaaaaaa".into(), step, received, size: 100 << 20, unpacked: None };
        let mut progress = Progress { image: "python:3.12".into(), ..Progress::default() };
        assert_eq!(line(&progress, 80), "python:3.12: asking its registry");
        progress.layers = vec![layer(Step::Done, 100 << 20), layer(Step::Downloading, 20 << 20)];
        (progress.received, progress.total, progress.rate) = (120 << 20, 200 << 20, Some(8 << 20));
        let words = "120 MiB of 200 MiB, 8.0 MiB/s, 10 s left, 1 of 2 layers ready";
        assert_eq!(line(&progress, 80), format!("python:3.12: {words}"), "no room for a bar");
        assert_eq!(line(&progress, 101), format!("python:3.12: [#############----------] {words}"));
        let amount = "120 MiB of 200 MiB, 8.0 MiB/s, 10 s left";
        assert_eq!(line(&progress, 70), format!("python:3.12: [#######------] {amount}"), "the layers make room");
        for width in 0..120 {
            assert!(line(&progress, width).chars().count() <= width);
        }
        progress.again = Some("unexpected EOF".into());
        assert!(line(&progress, 80).contains("trying again: unexpected EOF"));
    }
}
