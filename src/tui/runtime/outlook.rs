//! What would run code now, for the header: looked at beside the screen, and again when it may have changed.

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

/// When the sandbox is to be looked at again. Nothing asks by itself: an engine is asked where there is a reason.
#[derive(Debug, Default)]
pub struct Outlook {
    again: Notify,
    /// Whether nothing could be run at the last look.
    refused: AtomicBool,
}

impl Outlook {
    /// Something was refused: the engine may be away.
    pub fn doubt(&self) {
        self.again.notify_one();
    }

    /// A run came further: where nothing could be run before, it may be possible again.
    pub fn hope(&self) {
        if self.refused.load(Ordering::Acquire) {
            self.again.notify_one();
        }
    }

    /// Looks, tells, and looks again when asked, until nobody listens any more.
    pub async fn tell(self: Arc<Self>, config: Arc<Config>, steps: mpsc::Sender<Opened>) {
        let mut told = None;
        loop {
            let (name, trouble) = match sandbox::offer(&config).await {
                Ok(offer) => (offer.name, None),
                // A run that needs it asks whether to fetch it.
                Err(error @ EngineError::ImageMissing { .. }) => ("image missing".to_owned(), Some(error)),
                Err(error) => ("not available".to_owned(), Some(error)),
            };
            let ready = trouble.is_none();
            self.refused.store(!ready, Ordering::Release);
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
                let _ = steps.send(Opened::Message(Msg::Told(format!("Nothing can be run now: {error}")))).await;
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
        let outlook = Arc::new(Outlook::default());
        let telling = tokio::spawn(outlook.clone().tell(without_engine(folder.path()), sender));
        assert_eq!(said(&mut steps).await, Msg::Sandbox { name: "not available".to_owned(), ready: false });
        let Msg::Told(words) = said(&mut steps).await else { panic!("nothing told") };
        assert!(words.starts_with("Nothing can be run now:") && words.contains("none.sock"), "{words}");
        assert!(outlook.refused.load(Ordering::Acquire));
        // What is as before is not told again.
        outlook.hope();
        outlook.doubt();
        tokio::task::yield_now().await;
        assert!(steps.try_recv().is_err());
        telling.abort();
    }
}
