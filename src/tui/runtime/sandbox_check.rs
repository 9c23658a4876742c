//! Whether the sandbox would run code now, for the header: looked at beside the screen, and again when it may have
//! changed.

use super::start::Opened;
use crate::{
    config::Config,
    sandbox::{self, EngineError},
    tui::msg::Msg,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::{Notify, mpsc};

/// Looks at the sandbox at the start, and again on request. Nothing is asked by the clock: an engine is asked where
/// there is a reason.
#[derive(Debug, Default)]
pub struct SandboxCheck {
    again: Notify,
    /// Whether nothing could be run at the last look.
    unavailable: AtomicBool,
}

impl SandboxCheck {
    /// Asks for another look: a run was refused, and the engine may be away.
    pub fn request(&self) {
        self.again.notify_one();
    }

    /// Asks for another look where nothing could be run at the last one: a run came further, so it may work again.
    pub fn request_if_unavailable(&self) {
        if self.unavailable.load(Ordering::Acquire) {
            self.again.notify_one();
        }
    }

    /// Looks, sends what it finds to `steps`, and looks again on request, until nobody listens any more.
    pub async fn run(self: Arc<Self>, config: Arc<Config>, steps: mpsc::Sender<Opened>) {
        let mut told = None;
        loop {
            let (name, trouble) = match sandbox::offer(&config).await {
                Ok(offer) => (offer.name, None),
                // A run that needs it asks whether to fetch it.
                Err(error @ EngineError::ImageMissing { .. }) => ("image missing".to_owned(), Some(error)),
                Err(error) => ("not available".to_owned(), Some(error)),
            };
            let ready = trouble.is_none();
            self.unavailable.store(!ready, Ordering::Release);
            let first = told.is_none();
            if told.as_ref() != Some(&name) {
                let msg = Msg::Sandbox { name: name.clone(), ready };
                if steps.send(Opened::Message(msg)).await.is_err() {
                    return;
                }
                told = Some(name);
            }
            if let Some(error) = trouble.filter(|error| first && !matches!(error, EngineError::ImageMissing { .. })) {
                tracing::warn!(%error, "nothing can be run");
                let _ = steps.send(Opened::Message(Msg::Notice(format!("Nothing can be run now: {error}")))).await;
            }
            self.again.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Flags, Paths, load_from};
    use std::{path::Path, time::Duration};

    async fn said(steps: &mut mpsc::Receiver<Opened>) -> Msg {
        let step = tokio::time::timeout(Duration::from_secs(20), steps.recv()).await.expect("in time");
        let Some(Opened::Message(msg)) = step else { panic!("no message") };
        msg
    }

    /// A configuration whose runs need an engine at a socket where there is none.
    fn without_engine(folder: &Path) -> Arc<Config> {
        let environment = Environment {
            variables: std::collections::BTreeMap::new(),
            home: folder.to_owned(),
            current: folder.to_owned(),
            base: Paths {
                config: folder.join("config"),
                state: folder.join("state"),
                cache: folder.join("cache"),
                data: folder.join("data"),
            },
            system_file: folder.join("system.toml"),
        };
        let host = format!("docker.host=unix://{}", folder.join("none.sock").display());
        let flags = Flags { set: vec!["sandbox.engine=docker".to_owned(), host], ..Flags::default() };
        Arc::new(load_from(&flags, &environment).unwrap().config)
    }

    #[tokio::test]
    async fn it_is_told_why_nothing_runs_and_looked_at_again_where_there_is_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, mut steps) = mpsc::channel(4);
        let check = Arc::new(SandboxCheck::default());
        let looking = tokio::spawn(check.clone().run(without_engine(folder.path()), sender));
        assert_eq!(said(&mut steps).await, Msg::Sandbox { name: "not available".to_owned(), ready: false });
        let Msg::Notice(words) = said(&mut steps).await else { panic!("no notice") };
        assert!(words.starts_with("Nothing can be run now:") && words.contains("none.sock"), "{words}");
        assert!(check.unavailable.load(Ordering::Acquire));
        // What is as before is not told again.
        check.request_if_unavailable();
        check.request();
        tokio::task::yield_now().await;
        assert!(steps.try_recv().is_err());
        looking.abort();
    }
}
