//! Sandboxes of the built-in engine that nobody supervises.
//!
//! A sandbox ends by itself when its supervisor does; one that was stopped, or whose code uses up a long grace, may
//! still be there. It is known by the folder of its run: mounted as its workspace, or its working folder.

use super::{Kind, Leftover, Removal};
use crate::{domain::id::RunId, runs::spool::Spool, sandbox::builtin::Identity};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The shim's name in the list of processes.
const SHIM: &str = "mecapy-shim";

/// Those whose run's folder is (or was) below `root` and that no supervisor holds.
pub(super) fn of(root: &Path) -> Vec<Leftover> {
    let mut sandboxes = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        if let Some(run) = run_of(&entry.path(), root)
            && !Spool::of(root, run).is_locked()
        {
            let outermost = outermost(pid);
            if let Ok(identity) = Identity::of(outermost)
                && identity.is_alive()
            {
                sandboxes.insert(outermost, (run, identity));
            }
        }
    }
    let leftover = |(pid, (run, identity)): (i32, (RunId, Identity))| Leftover {
        kind: Kind::Process,
        name: format!("process {pid}"),
        run: Some(run),
        why: "the sandbox of a run that nobody supervises".to_owned(),
        removal: Removal::Process(identity),
    };
    sandboxes.into_iter().map(leftover).collect()
}

/// The run whose folder a process has as its workspace.
fn run_of(process: &Path, root: &Path) -> Option<RunId> {
    if let Ok(folder) = fs::read_link(process.join("cwd"))
        && let Ok(below) = folder.strip_prefix(root)
    {
        return run_in(below);
    }
    // The fourth field is the path within its file system, whose own place is not told here; the fifth is where it
    // is mounted.
    let mounts = fs::read_to_string(process.join("mountinfo")).ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(3);
        let (from, to) = (fields.next()?, fields.next()?);
        if !to.starts_with("/workspace/") {
            return None;
        }
        // `<part of root>/<run>/work/out`, with a mark behind it where the folder is gone.
        let from = unescaped(from.strip_suffix("//deleted").unwrap_or(from));
        let mut below = from.ancestors().skip(1);
        let (_work, run, spool) = (below.next()?, below.next()?, below.next()?);
        let ours = root.ends_with(spool.strip_prefix("/").unwrap_or(spool));
        if ours { run_in(Path::new(run.file_name()?)) } else { None }
    })
}

fn run_in(below: &Path) -> Option<RunId> {
    below.components().next()?.as_os_str().to_str()?.parse().ok()
}

/// Spaces and the like are written in octal (proc(5)).
fn unescaped(field: &str) -> PathBuf {
    PathBuf::from(field.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\"))
}

/// The process whose end is the end of the sandbox that `pid` is in.
fn outermost(mut pid: i32) -> i32 {
    while let Some(parent) = parent(pid)
        && fs::read_to_string(format!("/proc/{parent}/comm")).is_ok_and(|name| name.trim() == SHIM)
    {
        pid = parent;
    }
    pid
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}
