//! Which system calls the code may not make.
//!
//! A list of what is denied rather than of what is allowed: numerical libraries use more of the kernel than any list
//! foresees. What is denied is what reaches outside (network, other processes, the kernel's switches), what makes new
//! privileges possible, and what hides memory from the account. System calls of a foreign architecture kill.

use crate::sandbox::wire::Walls;
use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;

/// Linux 6.6; the C library's table has it for some architectures only, the number is the same on all.
const FCHMODAT2: c_long = 452;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Why a filter was not made: a mistake of this file, shown by its tests.
pub type FilterError = seccompiler::BackendError;

/// Denied whatever the arguments: "operation not permitted".
const FORBIDDEN: &[c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // Mounts, roots and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    // The kernel's programs, probes and logs.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    libc::SYS_lookup_dcookie,
    libc::SYS_syslog,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Keys, which outlive a run.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Files by handle, past any path.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    // Memory that no process has mapped, out of the account's sight.
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmdt,
    libc::SYS_msgget,
    libc::SYS_mq_open,
    // The host.
    libc::SYS_reboot,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
    libc::SYS_personality,
    libc::SYS_nfsservctl,
];

#[cfg(target_arch = "x86_64")]
const FORBIDDEN_HERE: &[c_long] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_HERE: &[c_long] = &[];

/// "Not implemented": programs fall back to calls whose arguments a filter can see.
const UNKNOWN: &[c_long] = &[libc::SYS_clone3, libc::SYS_openat2];

/// `clone` flags that make namespaces.
const NAMESPACES: [i32; 8] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWCGROUP,
    0x80, // CLONE_NEWTIME
];

/// The programs to install, in order, each an array of the kernel's `struct sock_filter` in bytes.
pub fn programs(walls: Walls) -> Result<Vec<Vec<u8>>, FilterError> {
    let errno = |code: i32| SeccompAction::Errno(code.cast_unsigned());
    let mut first = bytes(&compile(forbidden(walls)?, errno(libc::EPERM))?);
    if ARCHITECTURE_HAS_X32 {
        first.splice(..0, x32());
    }
    let unknown = UNKNOWN.iter().map(|call| (*call, Vec::new())).collect();
    Ok(vec![
        first,
        bytes(&compile(unknown, errno(libc::ENOSYS))?),
        bytes(&compile(network(walls)?, errno(libc::EACCES))?),
    ])
}

/// For a host that can keep signals in by no other means: none may be sent at all, or the code could end its user's session.
pub fn no_signals() -> Result<Vec<Vec<u8>>, FilterError> {
    let calls = [
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_tgkill,
        libc::SYS_pidfd_send_signal,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
    ];
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    Ok(vec![bytes(&compile(rules, SeccompAction::Errno(libc::EPERM.cast_unsigned()))?)])
}

fn forbidden(walls: Walls) -> Result<Rules, FilterError> {
    let mut rules: Rules = FORBIDDEN.iter().chain(FORBIDDEN_HERE).map(|call| (*call, Vec::new())).collect();
    let mut add = |call: c_long, conditions: Vec<SeccompCondition>| -> Result<(), FilterError> {
        rules.entry(call).or_default().push(SeccompRule::new(conditions)?);
        Ok(())
    };
    for flag in NAMESPACES {
        add(libc::SYS_clone, vec![has(0, flag.cast_unsigned().into())?])?;
    }
    // Typing into a terminal (TIOCSTI, TIOCLINUX).
    for request in [0x5412, 0x541c] {
        add(libc::SYS_ioctl, vec![is(1, request)?])?;
    }
    // Files that run as their owner, and as their group.
    for bit in [0o4000, 0o2000] {
        add(libc::SYS_fchmod, vec![has(1, bit)?])?;
        add(libc::SYS_fchmodat, vec![has(2, bit)?])?;
        add(FCHMODAT2, vec![has(2, bit)?])?;
        add(libc::SYS_mknodat, vec![has(2, bit)?])?;
        for creates in [libc::O_CREAT, libc::O_TMPFILE & !libc::O_DIRECTORY] {
            let creates = creates.cast_unsigned().into();
            add(libc::SYS_openat, vec![has(2, creates)?, has(3, bit)?])?;
            #[cfg(target_arch = "x86_64")]
            add(libc::SYS_open, vec![has(1, creates)?, has(2, bit)?])?;
        }
        #[cfg(target_arch = "x86_64")]
        for call in [libc::SYS_chmod, libc::SYS_creat, libc::SYS_mknod] {
            add(call, vec![has(1, bit)?])?;
        }
    }
    // The shim has the code's uid, so the kernel would let the code take its descriptors, CPUs and priority away.
    for call in [
        libc::SYS_prlimit64,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setattr,
    ] {
        match walls {
            Walls::Namespaces | Walls::Container => add(call, vec![is(0, 1)?])?,
            // Here it is not PID 1, and the host's other processes are in reach as well.
            Walls::Landlock | Walls::None => add(call, vec![not(0, 0)?])?,
        }
    }
    for call in [libc::SYS_setpriority, libc::SYS_ioprio_set] {
        add(call, vec![not(1, 0)?])?;
        // By user: every process of it.
        let by_user = if call == libc::SYS_setpriority { 2 } else { 3 };
        add(call, vec![is(0, by_user)?])?;
    }
    if matches!(walls, Walls::Landlock | Walls::None) {
        // They would stay behind on the host.
        rules.insert(libc::SYS_semget, Vec::new());
    }
    Ok(rules)
}

/// Sockets of local processes only; none at all where the host's are in reach.
fn network(walls: Walls) -> Result<Rules, FilterError> {
    let mut rules = Rules::new();
    if matches!(walls, Walls::Namespaces | Walls::Container) {
        rules.insert(libc::SYS_socket, vec![SeccompRule::new(vec![not(0, libc::AF_UNIX as u64)?])?]);
    } else {
        rules.insert(libc::SYS_socket, Vec::new());
        // Of a pair, a datagram socket can still send to any address.
        let datagram =
            SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(0xf), libc::SOCK_DGRAM as u64)?;
        rules.insert(libc::SYS_socketpair, vec![SeccompRule::new(vec![datagram])?]);
    }
    Ok(rules)
}

fn is(argument: u8, value: u64) -> Result<SeccompCondition, FilterError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn not(argument: u8, value: u64) -> Result<SeccompCondition, FilterError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
}

fn has(argument: u8, bits: u64) -> Result<SeccompCondition, FilterError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(bits), bits)
}

fn compile(rules: Rules, denied: SeccompAction) -> Result<BpfProgram, FilterError> {
    SeccompFilter::new(rules, SeccompAction::Allow, denied, ARCHITECTURE)?.try_into()
}

fn bytes(program: &BpfProgram) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(program.len() * 8);
    for entry in program {
        bytes.extend_from_slice(&entry.code.to_ne_bytes());
        bytes.extend_from_slice(&[entry.jt, entry.jf]);
        bytes.extend_from_slice(&entry.k.to_ne_bytes());
    }
    bytes
}

const ARCHITECTURE_HAS_X32: bool = cfg!(target_arch = "x86_64");

/// x32 calls look like x86_64's with one more bit, past every rule; "not implemented", as on kernels without them.
fn x32() -> Vec<u8> {
    let load = seccompiler::sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 };
    let at_least = seccompiler::sock_filter { code: 0x35, jt: 0, jf: 1, k: 0x4000_0000 };
    let refuse = seccompiler::sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x0005_0000 | libc::ENOSYS.cast_unsigned() };
    bytes(&vec![load, at_least, refuse])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_of_walls_has_its_programs() {
        for walls in [Walls::None, Walls::Landlock, Walls::Namespaces, Walls::Container] {
            let programs = programs(walls).unwrap();
            assert_eq!(programs.len(), 3);
            // The kernel's bound is 4,096 entries of eight bytes.
            assert!(programs.iter().all(|program| program.len() % 8 == 0 && program.len() <= 4_096 * 8));
        }
        assert_eq!(no_signals().unwrap().len(), 1);
    }
}
