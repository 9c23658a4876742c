//! The shim's executable, in memory.

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::{fs::File, io, io::Write, os::fd::AsRawFd, sync::OnceLock};

static SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/shim"));

/// A path that executes the shim, valid in this process and in the moment of a child's exec.
///
/// A sealed file in memory: nothing on disk can be swapped, and a newer build that replaces this program's file
/// while it runs changes nothing.
pub fn path() -> io::Result<String> {
    static IMAGE: OnceLock<File> = OnceLock::new();
    if IMAGE.get().is_none() {
        // A second thread's copy is simply dropped.
        let _ = IMAGE.set(write()?);
    }
    let file = IMAGE.get().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    Ok(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn write() -> io::Result<File> {
    // MFD_EXEC is needed where the system makes such files unexecutable by default, and unknown before Linux 6.3.
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let descriptor =
        memfd_create("mecapy-shim", flags | MemfdFlags::EXEC).or_else(|_| memfd_create("mecapy-shim", flags))?;
    let mut file = File::from(descriptor);
    file.write_all(SHIM)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}
