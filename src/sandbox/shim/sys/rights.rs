//! Giving up rights: users, limits, capabilities, system calls.

use super::{Trouble, check};
use std::{
    ffi::{c_int, c_long, c_uint, c_ulong},
    ptr::null,
};

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn prctl(option: c_int, ...) -> c_int;
    fn setgroups(count: usize, groups: *const c_uint) -> c_int;
    fn setresuid(real: c_uint, effective: c_uint, saved: c_uint) -> c_int;
    fn setresgid(real: c_uint, effective: c_uint, saved: c_uint) -> c_int;
    fn geteuid() -> c_uint;
    fn getegid() -> c_uint;
    fn setrlimit(resource: c_int, limit: *const [u64; 2]) -> c_int;
    fn getrlimit(resource: c_int, limit: *mut [u64; 2]) -> c_int;
}

#[cfg(target_arch = "x86_64")]
const SYS_CAPSET: c_long = 126;

#[cfg(target_arch = "aarch64")]
const SYS_CAPSET: c_long = 91;

const PR_SET_SECCOMP: c_int = 22;

const PR_CAPBSET_DROP: c_int = 24;

const PR_SET_NO_NEW_PRIVS: c_int = 38;

const PR_CAP_AMBIENT: c_int = 47;

pub fn ids() -> (u32, u32) {
    // SAFETY: no arguments, never fail.
    unsafe { (geteuid(), getegid()) }
}

/// Becomes another user and group for good, without supplementary groups.
pub fn become_user(id: u32) -> Result<(), Trouble> {
    // SAFETY: an empty list is not read; the others are plain numbers.
    unsafe {
        check("drop supplementary groups", setgroups(0, null()).into())?;
        check("drop the group", setresgid(id, id, id).into())?;
        check("drop the user", setresuid(id, id, id).into())?;
    }
    Ok(())
}

/// Sets soft and hard limit to the value, or to what is allowed where that is less.
pub fn limit(resource: i32, value: u64, step: &str) -> Result<(), Trouble> {
    // SAFETY: two 64-bit numbers, as `struct rlimit`.
    unsafe {
        let mut now = [0; 2];
        check(step, getrlimit(resource, &raw mut now).into())?;
        let value = value.min(now[1]);
        check(step, setrlimit(resource, &[value, value]).into()).map(drop)
    }
}

/// Our own descriptors, as many as the hard limit has.
pub fn raise_descriptor_limit() {
    // SAFETY: two 64-bit numbers, as `struct rlimit`; 7 is RLIMIT_NOFILE.
    unsafe {
        let mut now = [0; 2];
        if getrlimit(7, &raw mut now) == 0 {
            now[0] = now[1].min(65_536);
            setrlimit(7, &raw const now);
        }
    }
}

/// No capability now, none by exec.
pub fn drop_capabilities() -> Result<(), Trouble> {
    // SAFETY: plain numbers; the header and the two empty sets are laid out as capset(2) says (version 3).
    unsafe {
        prctl(PR_CAP_AMBIENT, 4 as c_ulong, 0 as c_ulong, 0 as c_ulong, 0 as c_ulong);
        for capability in 0..64 as c_ulong {
            prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
        }
        let header: [u32; 2] = [0x2008_0522, 0];
        let sets = [0_u32; 6];
        check("drop capabilities", syscall(SYS_CAPSET, header.as_ptr(), sets.as_ptr())).map(drop)
    }
}

pub fn no_new_privileges() -> Result<(), Trouble> {
    // SAFETY: plain numbers.
    check(
        "no new privileges",
        unsafe { prctl(PR_SET_NO_NEW_PRIVS, 1 as c_ulong, 0 as c_ulong, 0 as c_ulong, 0 as c_ulong) }.into(),
    )
    .map(drop)
}

/// Installs a seccomp program: an array of the kernel's 8-byte `struct sock_filter`.
pub fn install_filter(program: &[u8]) -> Result<(), Trouble> {
    #[repr(C)]
    struct Program {
        length: u16,
        filter: *const u8,
    }
    // The kernel copies it, so that its alignment is of no concern to it; u64 keeps it aligned anyway.
    let aligned: Vec<u64> =
        program.chunks_exact(8).map(|entry| u64::from_ne_bytes(entry.try_into().unwrap_or_default())).collect();
    let program = Program { length: aligned.len() as u16, filter: aligned.as_ptr().cast() };
    // SAFETY: the kernel reads `length` entries of eight bytes; 2 is SECCOMP_MODE_FILTER.
    let result = unsafe { prctl(PR_SET_SECCOMP, 2 as c_ulong, &raw const program) };
    check("seccomp filter", result.into()).map(drop)
}
