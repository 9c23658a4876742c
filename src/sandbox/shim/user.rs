//! The code's own process: everything it must not have is given up, then its program is executed.

use crate::{
    landlock,
    mounts::host_path,
    procs::Scope,
    sys::{self, Trouble},
    wire::{Plan, Walls},
};
use std::{
    fs::File,
    io::{Read, Write},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::PathBuf,
};

// Numbers of resource limits.
const FSIZE: i32 = 1;
const DATA: i32 = 2;
const CORE: i32 = 4;
const NPROC: i32 = 6;
const NOFILE: i32 = 7;
const MEMLOCK: i32 = 8;
const MSGQUEUE: i32 = 12;

/// Open files of the code.
const OPEN_FILES: u64 = 1024;
/// Bytes it may lock in memory.
const LOCKED: u64 = 64 << 10;

/// Starts the program; returns its process id once the program was executed.
pub fn start(plan: &Plan, scope: Scope) -> Result<i32, Trouble> {
    let others = scope.count_of_user();
    let (answer, question) = sys::pipe()?;
    let child = sys::fork("fork the code")?;
    if child == 0 {
        drop(answer);
        let mut question = File::from(question);
        if let Err(trouble) = become_code(plan, scope, others, &mut question) {
            let _ = write!(question, "{}\n{}", trouble.step, trouble.problem);
        }
        sys::exit_now(127);
    }
    drop(question);
    let mut said = String::new();
    let heard = File::from(answer).read_to_string(&mut said);
    heard.map_err(|error| Trouble::of("wait for the start", &error))?;
    // Only this process may hold the code's output: the end of the pipes is the end of the code's use of them.
    for fd in [1, 2] {
        sys::duplicate(null()?.as_raw_fd(), fd, "release the output")?;
    }
    match said.split_once('\n') {
        None => Ok(child),
        Some((step, problem)) => Err(Trouble { step: step.into(), problem: problem.into() }),
    }
}

fn null() -> Result<File, Trouble> {
    File::options().read(true).write(true).open("/dev/null").map_err(|error| Trouble::of("open /dev/null", &error))
}

fn become_code(plan: &Plan, scope: Scope, others: u64, question: &mut File) -> Result<(), Trouble> {
    sys::new_session();
    sys::reset_signals();
    if scope == Scope::Descendants {
        sys::die_with_parent()?;
    }
    sys::duplicate(null()?.as_raw_fd(), 0, "standard input")?;
    let workspace = if scope == Scope::Namespace { PathBuf::from("/workspace") } else { host_path(&plan.folder) };
    // What is written without a folder's name is kept.
    let folder = if plan.start_in.is_empty() { workspace.join("out/artifacts") } else { host_path(&plan.start_in) };
    std::env::set_current_dir(&folder).map_err(|error| Trouble::of(format!("enter {}", folder.display()), &error))?;
    limits(plan, others)?;
    sys::drop_capabilities()?;
    sys::no_new_privileges()?;
    landlock::restrict(plan)?;
    // Descriptor 3 reports a failure and closes at exec; there is no other.
    if question.as_raw_fd() != 3 {
        sys::duplicate(question.as_raw_fd(), 3, "report pipe")?;
        // SAFETY: 3 was just made ours; the old number is closed below or by the assignment's drop.
        *question = File::from(unsafe { OwnedFd::from_raw_fd(3) });
    }
    sys::close_at_exec(3);
    sys::close_from(4);
    for filter in &plan.filters {
        sys::install_filter(filter)?;
    }
    // Landlock keeps signals in from version 6 on.
    if scope == Scope::Descendants && landlock::abi().is_none_or(|abi| abi < 6) {
        for filter in &plan.signal_filters {
            sys::install_filter(filter)?;
        }
    }
    sys::execute(&program(plan), &plan.argv, &plan.env)
}

/// The file to execute: a bare name is looked up in the code's own PATH, as a shell would.
fn program(plan: &Plan) -> Vec<u8> {
    let name = plan.argv.first().map_or(&[][..], Vec::as_slice);
    let folders = plan.env.iter().find_map(|variable| variable.strip_prefix(b"PATH=")).unwrap_or_default();
    let found = folders.split(|byte| *byte == b':').filter(|folder| folder.starts_with(b"/")).find_map(|folder| {
        let path = [folder, b"/", name].concat();
        let file = std::fs::metadata(host_path(&path)).ok()?;
        (file.is_file() && file.mode() & 0o111 != 0).then_some(path)
    });
    if name.contains(&b'/') { name.to_vec() } else { found.unwrap_or_else(|| name.to_vec()) }
}

fn limits(plan: &Plan, others: u64) -> Result<(), Trouble> {
    sys::limit(CORE, 0, "limit core dumps")?;
    sys::limit(NOFILE, OPEN_FILES, "limit open files")?;
    sys::limit(MEMLOCK, LOCKED, "limit locked memory")?;
    sys::limit(MSGQUEUE, 0, "limit message queues")?;
    // The sum of all processes is what counts and the watch sees to it; this stops one that is faster than the watch.
    // Room above the limit is for what is reserved and never touched: thread stacks, the buffers of BLAS.
    sys::limit(DATA, plan.memory + plan.memory / 4 + (128 << 20), "limit memory of a process")?;
    let largest = plan.output_bytes.max(plan.scratch_bytes).max(plan.tmp_bytes).max(plan.shm_bytes);
    sys::limit(FSIZE, largest, "limit file size")?;
    if plan.walls == Walls::Container {
        // The user is every container's; the engine counts each by itself.
        return Ok(());
    }
    // Counted by the kernel for each user, in a user namespace for each user in it (Linux 5.14).
    sys::limit(NPROC, plan.pids + others, "limit processes")
}
