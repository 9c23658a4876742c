//! Plans and reports as bytes, and back.

use super::{Exit, Plan, Reason, Report, Sample, Walls, message::read_message};
use std::io::{self, Read, Write};

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
            Self::Output(name, bytes) => {
                to.number(6);
                to.bytes(name);
                to.bytes(bytes);
                None
            }
            Self::Outputs(files) => {
                to.number(7);
                to.number(*files);
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
            6 => Self::Output(from.bytes()?, from.bytes()?),
            7 => Self::Outputs(from.number()?),
            _ => return None,
        })
    }

    /// Writes it whole.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.encode())
    }
}
