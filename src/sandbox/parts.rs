//! What every sandbox gets from mecapy itself: the shim, the managed runner, and the variables of the contract.

use crate::domain::limits::Limits;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::{
    fs::File,
    io,
    io::Write,
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
    path::Path,
    sync::OnceLock,
};

/// The shim's executable: static, for this program's processor.
pub static SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/shim"));

/// The managed runner: calls the code and accounts for what happened.
pub const RUNNER: &str = include_str!("../../assets/runner/runner.py");

/// The variables of the runtime contract, and those that keep numerical libraries within the CPU limit.
pub fn variables(limits: &Limits, scratch: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let scratch = scratch.as_os_str().as_bytes();
    let mut list: Vec<(&str, Vec<u8>)> = vec![
        ("HOME", scratch.to_vec()),
        ("LANG", "C.UTF-8".into()),
        ("PYTHONDONTWRITEBYTECODE", "1".into()),
        ("MECAPY_CPU_LIMIT", limits.cpu_limit.to_string().into()),
        ("MECAPY_MEM_LIMIT_MB", limits.memory_limit.to_string().into()),
        ("MECAPY_SCRATCH", scratch.to_vec()),
    ];
    let threads = limits.cpu_limit.ceil().max(1.0).to_string();
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
        list.push((name, threads.clone().into()));
    }
    list
}

/// A path that executes the shim, valid in this process and in the moment of a child's exec.
///
/// A sealed file in memory: nothing on disk can be swapped, and a newer build that replaces this program's file
/// while it runs changes nothing.
pub fn shim_path() -> io::Result<String> {
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
