//! The outer stage: into new namespaces, as somebody without rights.

use crate::{
    mounts::{self, Clones},
    sys::{self, Trouble},
    wire::Plan,
};
use std::{fs, os::unix::fs::lchown, path::Path};

/// User, mount, cgroup, UTS, IPC, PID and network namespaces.
const NAMESPACES: i32 = 0x1000_0000 | 0x2_0000 | 0x200_0000 | 0x400_0000 | 0x800_0000 | 0x2000_0000 | 0x4000_0000;

/// The user and group id that the code sees as its own.
pub const INSIDE_ID: u32 = 1000;

/// Enters them; from here on children are in the new process namespace.
///
/// Root first clones the mounts (the folder of the run may be closed to anybody else) and then becomes an ordinary
/// user for good: whatever happens later, the code is not root on the host.
pub fn enter(plan: &Plan) -> Result<Clones, Trouble> {
    let mut clones = None;
    if plan.become_id != 0 {
        let id = plan.become_id as u32;
        hand_over(plan, id)?;
        clones = Some(mounts::clone(plan)?);
        sys::become_user(id)?;
        sys::set_dumpable()?;
    }
    let (uid, gid) = sys::ids();
    sys::unshare_namespaces(NAMESPACES)?;
    // Without this an ordinary user may not map a group: it could drop one that denies it something.
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("{INSIDE_ID} {uid} 1"))?;
    write("/proc/self/gid_map", &format!("{INSIDE_ID} {gid} 1"))?;
    match clones {
        Some(clones) => Ok(clones),
        None => mounts::clone(plan),
    }
}

/// The folders that the code writes to, to the user it becomes.
fn hand_over(plan: &Plan, id: u32) -> Result<(), Trouble> {
    let folder = mounts::host_path(&plan.folder);
    for name in ["out", "out/files", "out/artifacts", "scratch"] {
        let path = folder.join(name);
        if !plan.probe || Path::new(&path).exists() {
            lchown(&path, Some(id), Some(id))
                .map_err(|error| Trouble::of(format!("chown {}", path.display()), &error))?;
        }
    }
    Ok(())
}

fn write(path: &str, text: &str) -> Result<(), Trouble> {
    fs::write(path, text).map_err(|error| Trouble::of(format!("write {path}"), &error))
}
