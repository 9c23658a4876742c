//! Unsaved text on the disk: one file a draft, replaced in one step, so that a dropped connection loses nothing.

use crate::tui::{
    msg::Failure,
    request::{Draft, DraftKey, Reply},
};
use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Drafts shown at most; older ones stay on the disk.
const MOST: usize = 50;

fn name(key: &DraftKey) -> String {
    match key {
        DraftKey::Saved(id) => format!("calculation-{id}.json"),
        DraftKey::New(id) => format!("new-{id}.json"),
    }
}

/// Keeps a draft.
pub async fn keep(folder: &Path, draft: Draft) -> Result<Reply, Failure> {
    let folder = folder.to_owned();
    blocking(folder.clone(), move || {
        let path = folder.join(name(&draft.key));
        let text = serde_json::to_vec_pretty(&draft).map_err(io::Error::other)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let part = path.with_extension("part");
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&part, &path)?;
        Ok(Reply::DraftKept(draft.key))
    })
    .await
}

/// Forgets a draft.
pub async fn forget(folder: &Path, key: &DraftKey) -> Result<Reply, Failure> {
    let path = folder.join(name(key));
    blocking(path.clone(), move || match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(Reply::Done),
    })
    .await
}

/// The drafts that are kept, newest first. One that cannot be read is left where it is.
pub async fn list(folder: &Path) -> Result<Reply, Failure> {
    let folder = folder.to_owned();
    blocking(folder.clone(), move || {
        let mut drafts: Vec<Draft> = Vec::new();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Reply::Drafts(drafts)),
            entries => entries?,
        };
        for path in entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        {
            let read = fs::read(&path).and_then(|text| serde_json::from_slice(&text).map_err(io::Error::other));
            match read {
                Ok(draft) => drafts.push(draft),
                Err(error) => tracing::warn!(%error, path = %path.display(), "draft left alone"),
            }
        }
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.kept_at));
        drafts.truncate(MOST);
        Ok(Reply::Drafts(drafts))
    })
    .await
}

async fn blocking(path: PathBuf, work: impl FnOnce() -> io::Result<Reply> + Send + 'static) -> Result<Reply, Failure> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|error| {
        tracing::error!(%error, path = %path.display(), "draft");
        Failure::new(format!("{}: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{calculation::NewCalculation, id::CalculationId, limits::Limits},
        tui::testing::now,
    };

    fn draft(key: DraftKey, code: &str, minutes: i64) -> Draft {
        let calculation = NewCalculation {
            name: "Beam".to_owned(),
            description: None,
            code: code.to_owned(),
            parameters: Some("{ not yet".to_owned()),
            limits: Limits::default(),
            tool_id: None,
            tool_version_id: None,
            parent_id: None,
            inputs: Vec::new(),
        };
        Draft { key, kept_at: now().utc + chrono::TimeDelta::minutes(minutes), calculation }
    }

    #[tokio::test]
    async fn drafts_come_back_newest_first_and_are_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("state/drafts");
        assert_eq!(list(&folder).await, Ok(Reply::Drafts(Vec::new())), "no folder yet");
        let saved = DraftKey::Saved(CalculationId(7));
        let old = draft(saved.clone(), "a", 0);
        let new = draft(DraftKey::New(uuid::Uuid::nil()), "b\0", 5);
        keep(&folder, draft(saved.clone(), "before", -5)).await.unwrap();
        keep(&folder, old.clone()).await.unwrap();
        keep(&folder, new.clone()).await.unwrap();
        fs::write(folder.join("broken.json"), "{").unwrap();
        assert_eq!(list(&folder).await, Ok(Reply::Drafts(vec![new, old])));
        forget(&folder, &saved).await.unwrap();
        forget(&folder, &saved).await.unwrap();
        let Ok(Reply::Drafts(left)) = list(&folder).await else { panic!() };
        assert_eq!(left.len(), 1);
        assert!(folder.join("broken.json").exists(), "what cannot be read is not thrown away");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("state"), "").unwrap();
        let folder = root.path().join("state/drafts");
        let failure = keep(&folder, draft(DraftKey::Saved(CalculationId(1)), "", 0)).await.unwrap_err();
        assert!(failure.message.contains("state/drafts"), "{failure}");
    }
}
