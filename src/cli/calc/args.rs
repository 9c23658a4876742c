//! The verbs of calculations, as clap reads them.

use clap::{Args, Subcommand, ValueEnum};
use std::{ffi::OsString, path::PathBuf};

/// What people type, at the end of the help.
pub const EXAMPLES: &str = "\
Examples:
  mecapy calc run --tool beam_deflection --follow
  mecapy calc run beam.py --params params.json --input mesh=grid.csv --timeout 60 --follow
  mecapy calc run fem.py --engine docker --image registry.example/fem:2 --pull --follow
  mecapy calc run beam.py --param load=10 --wait --json
  mecapy calc run 12";

/// Verbs of calculations.
#[derive(Debug, Subcommand)]
pub enum Calc {
    /// Make a calculation without running it, and print its id
    #[command(after_help = "Example:\n  mecapy calc new beam.py --param load=10 --name 'Beam, 10 kN'")]
    New(New),
    /// List calculations, newest first
    #[command(after_help = "Example:\n  mecapy calc ls --status failed --search beam")]
    Ls(List),
    /// Show one calculation
    #[command(after_help = "Example:\n  mecapy calc show 12 --json")]
    Show(One),
    /// Run a calculation: one that is there, or a new one from a file or a tool
    Run(Box<Run>),
    /// Print the log of a run
    #[command(after_help = "Example:\n  mecapy calc logs 12 --tail 20 --follow")]
    Logs(Logs),
    /// Run a calculation again: a copy with everything it had, and what is changed here
    #[command(after_help = "Example:\n  mecapy calc rerun 12 --param length_m=3 --follow")]
    Rerun(Rerun),
    /// Stop a run, or take it out of the queue; asked for a second time it is killed at once
    #[command(after_help = "Examples:\n  mecapy calc cancel 12 13\n  mecapy calc cancel 12 --now")]
    Cancel(Stop),
    /// Print the result of a run
    #[command(after_help = "Examples:\n  mecapy calc result 12 -o beam.json\n  mecapy calc result 12 --files results/")]
    Result(ResultArgs),
    /// Delete calculations with their outputs and logs
    #[command(after_help = "Example:\n  mecapy calc rm 12 13 --yes")]
    Rm(Many),
}

/// One calculation.
#[derive(Args, Debug)]
pub struct One {
    /// The calculation
    #[arg(value_name = "ID")]
    pub id: i64,
}

/// Several calculations.
#[derive(Args, Debug)]
pub struct Many {
    /// The calculations
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<i64>,
}

/// What is to be stopped, and how.
#[derive(Args, Debug)]
pub struct Stop {
    #[command(flatten)]
    pub which: Many,
    /// Kill at once: SIGKILL without the grace in which it may write down what it has
    #[arg(long)]
    pub now: bool,
}

/// What a new calculation is made of.
#[derive(Args, Debug, Default, PartialEq)]
pub struct Content {
    /// Make it from this tool
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    #[command(flatten)]
    pub settings: Settings,
}

/// What can be set on a new calculation, whatever it is made from.
#[derive(Args, Debug, Default, PartialEq)]
pub struct Settings {
    /// Its name; without one, that of what it is made from
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// What it is about
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Parameters: a JSON file, `-` for standard input, or the JSON object itself
    #[arg(long, value_name = "FILE|-|JSON")]
    pub params: Option<String>,
    /// One parameter, set over those of --params; VALUE is JSON, or else text
    #[arg(long, value_name = "KEY=VALUE")]
    pub param: Vec<String>,
    /// A file the code reads, under the name it knows it by
    #[arg(long, value_name = "NAME=FILE")]
    pub input: Vec<OsString>,
    /// Seconds of wall clock
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub timeout: Option<u32>,
    /// MiB of memory
    #[arg(long, value_name = "MIB", allow_hyphen_values = true)]
    pub memory: Option<u32>,
    /// Cores, such as 0.5
    #[arg(long, value_name = "CORES", allow_hyphen_values = true)]
    pub cpu: Option<f64>,
}

impl Content {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `calc new`.
#[derive(Args, Debug)]
pub struct New {
    /// Python file, `-` for standard input
    #[arg(value_name = "FILE.py", conflicts_with = "tool")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub content: Content,
}

/// `calc run`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Run {
    /// Id of a calculation, or a Python file (`./12` for a file whose name is a number; `-` for standard input)
    #[arg(value_name = "ID|FILE.py", conflicts_with = "tool")]
    pub target: Option<OsString>,
    #[command(flatten)]
    pub content: Content,
    #[command(flatten)]
    pub how: How,
}

/// How a run is started, and what is done until it ends.
#[derive(Args, Debug)]
pub struct How {
    /// Python interpreter of this run
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// What runs it: a container engine or the built-in sandbox
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<crate::config::Engine>,
    /// Image of this run; without one, the tool's
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// Fetch the image where it is not on this host, however large it is; without, you are asked on a terminal
    #[arg(long)]
    pub pull: bool,
    /// Print the log as it comes, until the run ends; Ctrl-C leaves it running
    #[arg(long, short = 'f')]
    pub follow: bool,
    /// Wait until the run ends; its end is the exit code
    #[arg(long, short = 'w')]
    pub wait: bool,
}

/// `calc rerun`.
#[derive(Args, Debug)]
pub struct Rerun {
    /// The calculation to copy
    #[arg(value_name = "ID")]
    pub id: i64,
    #[command(flatten)]
    pub settings: Settings,
    #[command(flatten)]
    pub how: How,
}

/// `calc ls`.
#[derive(Args, Debug)]
pub struct List {
    /// Print at most so many
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 50, conflicts_with = "all")]
    pub limit: u32,
    /// Print all of them
    #[arg(long)]
    pub all: bool,
    /// Only these states, separated by commas
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    pub status: Vec<crate::domain::status::Status>,
    /// Only names that contain this text
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub search: String,
    /// Sort by this
    #[arg(long, value_name = "COLUMN", default_value = "created")]
    pub sort: Sort,
    /// Smallest or oldest first
    #[arg(long)]
    pub ascending: bool,
}

/// What `calc ls` sorts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// When it was made
    Created,
    /// Name
    Name,
    /// Status
    Status,
    /// When it started
    Started,
    /// How long it ran
    Duration,
}

/// `calc logs`.
#[derive(Args, Debug)]
pub struct Logs {
    /// The calculation
    #[arg(value_name = "ID")]
    pub id: i64,
    /// Go on until the run ends; Ctrl-C leaves it running
    #[arg(long, short = 'f')]
    pub follow: bool,
    /// Only the last lines
    #[arg(long, value_name = "COUNT")]
    pub tail: Option<u64>,
}

/// `calc result`.
#[derive(Args, Debug)]
pub struct ResultArgs {
    /// The calculation
    #[arg(value_name = "ID")]
    pub id: i64,
    /// Write the result to this file instead; it must not exist yet, unless --yes
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the output files and artifacts into this folder instead; none is replaced
    #[arg(long, value_name = "FOLDER", conflicts_with = "output")]
    pub files: Option<PathBuf>,
}
