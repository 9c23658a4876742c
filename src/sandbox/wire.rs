//! What the program and the shim say to each other: over their socket, or in a container by a file and its log.
//!
//! Compiled into both: the shim is its own executable and knows no crate. Integers are little-endian u64, byte
//! strings have their length in front, a message starts with its length. Both sides are of one build, so there is
//! no version.

use std::io::{self, Read, Write};

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
}

/// The longest message either side accepts, bytes.
const MAX_MESSAGE: u64 = 4 << 20;

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        self.number(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    fn list(&mut self, values: &[Vec<u8>]) {
        self.number(values.len() as u64);
        for value in values {
            self.bytes(value);
        }
    }

    fn pairs(&mut self, values: &[(Vec<u8>, Vec<u8>)]) {
        self.number(values.len() as u64);
        for (one, two) in values {
            self.bytes(one);
            self.bytes(two);
        }
    }

    /// With its length in front.
    fn message(self) -> Vec<u8> {
        let mut message = (self.0.len() as u64).to_le_bytes().to_vec();
        message.extend(self.0);
        message
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*head))
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.number()?).ok()?;
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head.to_vec())
    }

    fn list(&mut self) -> Option<Vec<Vec<u8>>> {
        (0..self.number()?).map(|_| self.bytes()).collect()
    }

    fn pairs(&mut self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        (0..self.number()?).map(|_| Some((self.bytes()?, self.bytes()?))).collect()
    }

    fn sample(&mut self) -> Option<Sample> {
        Some(Sample {
            elapsed_us: self.number()?,
            cpu_us: self.number()?,
            memory: self.number()?,
            peak: self.number()?,
            group: self.number()?,
        })
    }
}

impl Plan {
    /// The message.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer(Vec::new());
        to.number(u64::from(self.probe));
        to.number(match self.walls {
            Walls::None => 0,
            Walls::Landlock => 1,
            Walls::Namespaces => 2,
            Walls::Container => 3,
        });
        to.bytes(&self.folder);
        to.number(self.become_id);
        to.list(&self.binds);
        to.pairs(&self.links);
        to.pairs(&self.files);
        to.list(&self.argv);
        to.list(&self.env);
        to.list(&self.filters);
        to.list(&self.signal_filters);
        for number in [
            self.timeout_ms,
            self.memory,
            self.cpu_milli,
            self.pids,
            self.output_files,
            self.output_bytes,
            self.scratch_bytes,
            self.tmp_bytes,
            self.shm_bytes,
            self.grace_ms,
        ] {
            to.number(number);
        }
        to.bytes(&self.start_in);
        to.list(&self.also_scratch);
        to.bytes(&self.secret);
        to.message()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        Some(Self {
            probe: from.number()? != 0,
            walls: match from.number()? {
                0 => Walls::None,
                1 => Walls::Landlock,
                2 => Walls::Namespaces,
                3 => Walls::Container,
                _ => return None,
            },
            folder: from.bytes()?,
            become_id: from.number()?,
            binds: from.list()?,
            links: from.pairs()?,
            files: from.pairs()?,
            argv: from.list()?,
            env: from.list()?,
            filters: from.list()?,
            signal_filters: from.list()?,
            timeout_ms: from.number()?,
            memory: from.number()?,
            cpu_milli: from.number()?,
            pids: from.number()?,
            output_files: from.number()?,
            output_bytes: from.number()?,
            scratch_bytes: from.number()?,
            tmp_bytes: from.number()?,
            shm_bytes: from.number()?,
            grace_ms: from.number()?,
            start_in: from.bytes()?,
            also_scratch: from.list()?,
            secret: from.bytes()?,
        })
    }

    /// Reads it from the socket.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        let bytes = read_message(from)?;
        Self::decode(&bytes).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }
}

impl Report {
    /// The message.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer(Vec::new());
        let sample = match self {
            Self::Started(landlock) => {
                to.number(0);
                to.number(*landlock);
                None
            }
            Self::Failed(step, problem) => {
                to.number(1);
                to.bytes(step);
                to.bytes(problem);
                None
            }
            Self::Sample(sample) => {
                to.number(2);
                Some(sample)
            }
            Self::Progress(bytes) => {
                to.number(4);
                to.bytes(bytes);
                None
            }
            Self::Note(bytes) => {
                to.number(5);
                to.bytes(bytes);
                None
            }
            Self::Ended(exit, reason, oom, sample) => {
                to.number(3);
                match exit {
                    Exit::Code(code) => {
                        to.number(0);
                        to.number(*code);
                    }
                    Exit::Signal(signal) => {
                        to.number(1);
                        to.number(*signal);
                    }
                }
                to.number(reason.map_or(0, |reason| reason as u64));
                to.number(u64::from(*oom));
                Some(sample)
            }
        };
        if let Some(sample) = sample {
            for number in [sample.elapsed_us, sample.cpu_us, sample.memory, sample.peak, sample.group] {
                to.number(number);
            }
        }
        to.message()
    }

    /// From the message without its length.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        Some(match from.number()? {
            0 => Self::Started(from.number()?),
            1 => Self::Failed(from.bytes()?, from.bytes()?),
            2 => Self::Sample(from.sample()?),
            3 => {
                let exit = match (from.number()?, from.number()?) {
                    (0, code) => Exit::Code(code),
                    (_, signal) => Exit::Signal(signal),
                };
                let reason = Reason::of(from.number()?);
                let oom = from.number()? != 0;
                Self::Ended(exit, reason, oom, from.sample()?)
            }
            4 => Self::Progress(from.bytes()?),
            5 => Self::Note(from.bytes()?),
            _ => return None,
        })
    }

    /// Writes it whole.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.encode())
    }
}

/// A report as a line of a container's log.
pub fn frame(secret: &[u8], report: &Report) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut line = vec![MARK];
    line.extend_from_slice(secret);
    for byte in report.encode() {
        line.push(DIGITS[usize::from(byte >> 4)]);
        line.push(DIGITS[usize::from(byte & 15)]);
    }
    line.push(b'\n');
    line
}

/// A report from its line without mark, secret and newline.
pub fn unframe(digits: &[u8]) -> Option<Report> {
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let bytes: Option<Vec<u8>> =
        digits.chunks(2).map(|pair| Some(value(*pair.first()?)? << 4 | value(*pair.get(1)?)?)).collect();
    // The first eight are the length.
    Report::decode(bytes?.get(8..)?)
}

/// The length of the next message, from its first eight bytes.
pub fn message_length(head: [u8; 8]) -> io::Result<usize> {
    let length = u64::from_le_bytes(head);
    if length > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message without measure"));
    }
    Ok(length as usize)
}

/// One message without its length.
pub fn read_message(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = [0; 8];
    from.read_exact(&mut head)?;
    let mut bytes = vec![0; message_length(head)?];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
