//! The hand-over to `$VISUAL` or `$EDITOR` and back.

use super::signals::{SignalAction, Signals, stop_until_continued};
use crate::tui::{msg::Failure, request::Reply};
use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Lets the user's editor change `text`, in a private file below `folder`. The terminal must be free.
///
/// The text that comes back is never lost: a file that cannot be taken stays where it is, and the failure names it.
pub async fn edit(
    folder: &Path,
    text: &str,
    extension: &str,
    line: u32,
    signals: &mut Signals,
) -> Result<Reply, Failure> {
    let path = write(folder, text, extension)?;
    let editor = ["VISUAL", "EDITOR"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|editor| !editor.trim().is_empty())
        .unwrap_or_else(|| "vi".to_owned());
    // Through a shell, as the variables may hold arguments.
    let mut command = tokio::process::Command::new("sh");
    command.arg("-c").arg(format!("exec {editor} \"$@\"")).arg("sh").args(arguments(&editor, &path, line));
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let _ = fs::remove_file(&path);
            tracing::error!(%error, editor, "editor");
            return Err(Failure::new(format!("{editor} cannot be started: {error}; set VISUAL or EDITOR")));
        }
    };
    let mut ending = None;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            action = signals.next() => match action {
                // Ctrl-Z in the editor stops the whole job; the shell continues us both.
                SignalAction::Suspend => stop_until_continued(),
                // Ctrl-C is the editor's.
                SignalAction::End(libc::SIGINT) | SignalAction::Continued | SignalAction::Resized => {}
                // The editor is told, too, and may save; then it is our turn.
                SignalAction::End(signal) => {
                    ending = Some(action);
                    forward(&child, signal);
                }
            },
        }
    };
    if let Some(action) = ending {
        signals.keep(action);
    }
    match status {
        Ok(status) if status.success() => take(&path, text),
        Ok(status) if status.code() == Some(127) => {
            let _ = fs::remove_file(&path);
            Err(Failure::new(format!("there is no editor {editor}; set VISUAL or EDITOR to one")))
        }
        Ok(status) => {
            tracing::info!(%status, editor, "editor gave up");
            gave_up(&path, text, &format!("{editor} ended with {status}"))
        }
        Err(error) => Err(Failure::new(format!("{editor}: {error}; the text is in {}", path.display()))),
    }
}

fn forward(child: &tokio::process::Child, signal: i32) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    let signal = rustix::process::Signal::from_named_raw(signal);
    if let (Some(pid), Some(signal)) = (pid, signal) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn write(folder: &Path, text: &str, extension: &str) -> Result<PathBuf, Failure> {
    let path = folder.join(format!("edit-{}.{extension}", uuid::Uuid::now_v7()));
    let written = fs::create_dir_all(folder).and_then(|()| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())
    });
    written.map_err(|error| {
        tracing::error!(%error, path = %path.display(), "text for the editor");
        Failure::new(format!("{}: {error}", path.display()))
    })?;
    Ok(path)
}

fn take(path: &Path, before: &str) -> Result<Reply, Failure> {
    let kept = |problem: String| Failure::new(format!("{problem}; the text is in {}", path.display()));
    let bytes = fs::read(path).map_err(|error| kept(error.to_string()))?;
    let after = String::from_utf8(bytes).map_err(|_| kept("the editor wrote what is not UTF-8".to_owned()))?;
    let _ = fs::remove_file(path);
    // Editors end the last line.
    let same = after == before || after.strip_suffix('\n') == Some(before);
    Ok(Reply::Edited((!same).then_some(after)))
}

/// An editor that fails says "as if nothing had happened"; but what it wrote before it was killed is somebody's work.
fn gave_up(path: &Path, before: &str, ending: &str) -> Result<Reply, Failure> {
    if fs::read(path).is_ok_and(|now| now != before.as_bytes()) {
        return Err(Failure::new(format!(
            "{ending}; nothing was taken over, and what it wrote is in {}",
            path.display()
        )));
    }
    let _ = fs::remove_file(path);
    Ok(Reply::Edited(None))
}

/// How an editor is told where to put the cursor, where it is one we know.
fn arguments(editor: &str, path: &Path, line: u32) -> Vec<String> {
    let path = path.display().to_string();
    let program = editor.split_whitespace().next().unwrap_or_default();
    match program.rsplit('/').next().unwrap_or_default() {
        "vi" | "vim" | "nvim" | "nano" | "emacs" | "emacsclient" | "micro" | "kak" | "joe" | "ne" | "mg" => {
            vec![format!("+{line}"), path]
        }
        "hx" | "helix" => vec![format!("{path}:{line}")],
        "code" | "codium" => vec!["--wait".to_owned(), "--goto".to_owned(), format!("{path}:{line}")],
        _ => vec![path],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_told_in_the_editors_own_way() {
        let path = Path::new("/d/x.py");
        assert_eq!(arguments("vim -u NONE", path, 7), ["+7", "/d/x.py"]);
        assert_eq!(arguments("/usr/bin/hx", path, 7), ["/d/x.py:7"]);
        assert_eq!(arguments("my-editor", path, 7), ["/d/x.py"]);
    }

    #[test]
    fn what_a_killed_editor_wrote_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "a", "py").unwrap();
        assert_eq!(gave_up(&path, "a", "vi ended with signal: 9"), Ok(Reply::Edited(None)));
        assert!(!path.exists());
        let path = write(folder.path(), "a", "py").unwrap();
        fs::write(&path, "an hour of work").unwrap();
        let failure = gave_up(&path, "a", "vi ended with signal: 9").unwrap_err();
        assert!(failure.message.contains(path.to_str().unwrap()), "{failure}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "an hour of work");
    }

    #[test]
    fn what_is_no_utf_8_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "a", "py").unwrap();
        fs::write(&path, b"\xff\xfe").unwrap();
        let failure = take(&path, "a").unwrap_err();
        assert!(failure.message.contains(path.to_str().unwrap()) && path.exists(), "{failure}");
        fs::write(&path, "a\n").unwrap();
        assert_eq!(take(&path, "a"), Ok(Reply::Edited(None)));
        assert!(!path.exists());
    }
}
