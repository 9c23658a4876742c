//! What the program and the shim say to each other: over their socket, or in a container by a file and its log.
//!
//! Compiled into both: the shim is its own executable and knows no crate. Integers are little-endian u64, byte
//! strings have their length in front, a message starts with its length. Both sides are of one build, so there is
//! no version.

mod codec;
mod message;

// Each side uses a half of it.
pub use message::*;

/// How the shim shuts the code in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walls {
    /// Limits only.
    None,
    /// Landlock on the host's own tree.
    Landlock,
    /// Namespaces, a private root, and Landlock where the kernel has it.
    Namespaces,
    /// Those of the container that the shim is PID 1 of.
    Container,
}

/// The shim's argument as PID 1 of a container.
pub const CONTAINED: &str = "contained";

/// Where its plan lies then; gone before the code starts.
pub const PLAN: &str = "/workspace/scratch/.plan";

/// Begins a report in a log: no text begins so, and the secret makes it certain.
pub const MARK: u8 = 0x1e;

/// A path of the host that the code may read and execute, at the same path.
pub type Bind = Vec<u8>;

/// Everything the shim needs; sent once, first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Set up, say so, and end: nothing is run.
    pub probe: bool,
    /// How.
    pub walls: Walls,
    /// The run's folder on the host, holding `in`, `out` and `scratch`.
    pub folder: Vec<u8>,
    /// The user and group id to become first, where the caller is root; 0 for nobody else.
    pub become_id: u64,
    /// Read-only parts of the host.
    pub binds: Vec<Bind>,
    /// Symbolic links of the private root: path, target.
    pub links: Vec<(Vec<u8>, Vec<u8>)>,
    /// Small files of the private root: path, content.
    pub files: Vec<(Vec<u8>, Vec<u8>)>,
    /// Program and arguments.
    pub argv: Vec<Vec<u8>>,
    /// `NAME=value`.
    pub env: Vec<Vec<u8>>,
    /// Seccomp programs, installed in this order: arrays of the kernel's `struct sock_filter`.
    pub filters: Vec<Vec<u8>>,
    /// More of them, for a kernel that can keep signals in neither by a namespace nor by Landlock.
    pub signal_filters: Vec<Vec<u8>>,
    /// Milliseconds from the start of the code to its end.
    pub timeout_ms: u64,
    /// Bytes of all processes together.
    pub memory: u64,
    /// Thousandths of a core; 0 where the host has no more cores than that.
    pub cpu_milli: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Files below `out`.
    pub output_files: u64,
    /// Bytes below `out`.
    pub output_bytes: u64,
    /// Bytes below `scratch`.
    pub scratch_bytes: u64,
    /// Bytes of `/tmp`.
    pub tmp_bytes: u64,
    /// Bytes of `/dev/shm`.
    pub shm_bytes: u64,
    /// Milliseconds between SIGTERM and SIGKILL.
    pub grace_ms: u64,
    /// Where the code starts; empty for the folder of artifacts.
    pub start_in: Vec<u8>,
    /// More folders whose files count as scratch.
    pub also_scratch: Vec<Vec<u8>>,
    /// Begins each report in a container's log; hexadecimal digits.
    pub secret: Vec<u8>,
}

/// Why the sandbox was ended; the values are those of the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Asked for.
    Cancelled = 1,
    /// The clock.
    Timeout = 2,
    /// Too much memory.
    Memory = 3,
    /// Too much output; asked for.
    Log = 4,
    /// Too many or too large files.
    Files = 5,
}

/// The order to end at once, whatever is left of the grace: no reason of its own.
pub const NOW: u8 = 16;

impl Reason {
    /// From its value in a message.
    pub const fn of(value: u64) -> Option<Self> {
        match value {
            1 => Some(Self::Cancelled),
            2 => Some(Self::Timeout),
            3 => Some(Self::Memory),
            4 => Some(Self::Log),
            5 => Some(Self::Files),
            _ => None,
        }
    }
}

/// Figures of the whole sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Microseconds since the code started.
    pub elapsed_us: u64,
    /// CPU microseconds of all processes.
    pub cpu_us: u64,
    /// Bytes, now.
    pub memory: u64,
    /// Bytes, the highest seen.
    pub peak: u64,
    /// Whose figures: 0 sampled, else the version of the control group.
    pub group: u64,
}

/// How the code's main process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(u64),
    /// By a signal.
    Signal(u64),
}

/// From the shim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The code's program was executed (or the probe succeeded); the kernel's version of Landlock, 0 for none.
    Started(u64),
    /// The set-up failed at a step, with a problem: nothing has run.
    Failed(Vec<u8>, Vec<u8>),
    /// Figures, while it runs.
    Sample(Sample),
    /// The end, whether the kernel killed for want of memory, and the last figures: no other process is left.
    Ended(Exit, Option<Reason>, bool, Sample),
    /// More of the code's progress file.
    Progress(Vec<u8>),
    /// Something that is to be told with the result.
    Note(Vec<u8>),
    /// More of an output file: its name below `out`, and what follows.
    Output(Vec<u8>, Vec<u8>),
    /// So many files were told, and there is nothing else below `out`.
    Outputs(u64),
}
