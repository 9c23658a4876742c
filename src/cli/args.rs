//! The command line as clap reads it: verbs, flags, and the help that `man` and the completions are made from.

use super::{admin::args::Admin, calc::args::Calc, db::args::Db};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// The terminal of MecaPy: write Python calculations, run them in a sandbox, watch them live, share them as tools.
///
/// Without a command it opens the screen. Data goes to standard output, words to standard error.
///
/// Exit codes: 0 done, 1 error, 2 usage, 3 the run failed, 5 not found, 6 denied, 7 service unreachable,
/// 8 the run was cancelled, 124 the run timed out, 130 and 143 ended by a signal.
#[derive(Debug, Parser)]
#[command(name = "mecapy", version, max_term_width = 100, infer_subcommands = false, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Print data as JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Use this profile of the settings
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Read this file instead of the user's settings
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set one setting, such as limits.timeout=60
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// Change nothing: commands that would are refused
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Never ask
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Answer every question with yes
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// Check everything and say what would be done, without doing it
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Say nothing but errors on standard error
    #[arg(long, short = 'q', global = true)]
    pub quiet: bool,
    /// Use colours: auto, always or never
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Calculations: make, run, watch, read
    #[command(subcommand)]
    Calc(Calc),
    /// Tools: calculations made to be used by others
    #[command(subcommand)]
    Tools(Tools),
    /// The database: migrations, what differs, adoption, copies, row security
    #[command(subcommand)]
    Db(Db),
    /// People on a server that keeps them apart: provision, switch off and on, list
    #[command(subcommand)]
    Admin(Admin),
    /// Show own figures, the newest calculations and the database's health
    #[command(after_help = "Example:\n  mecapy stats --database")]
    Stats(Stats),
    /// Say what is configured, reachable and isolated, and what to do about the rest
    #[command(after_help = "Example:\n  mecapy doctor")]
    Doctor,
    /// Images of the container engine: what is here, and fetching what is not
    #[command(subcommand)]
    Images(Images),
    /// The engines that run the code
    #[command(subcommand)]
    Sandbox(Sandbox),
    /// Settings: their values, and where each comes from
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completions of a shell
    #[command(after_help = "Example:\n  mecapy completions bash > ~/.local/share/bash-completion/completions/mecapy")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in troff: mecapy man | man -l -
    #[command(after_help = "Example:\n  mecapy man | man -l -")]
    Man,
}

/// What of the figures is shown.
#[derive(Args, Clone, Copy, Debug)]
pub struct Stats {
    /// The database's health too: sizes, connections, slow queries, locks, use of indexes
    #[arg(long)]
    pub database: bool,
    /// With the embedded file read whole and checked
    #[arg(long, requires = "database")]
    pub check: bool,
}

/// Verbs of tools.
#[derive(Debug, Subcommand)]
pub enum Tools {
    /// List tools
    #[command(after_help = "Example:\n  mecapy tools ls --search beam")]
    Ls {
        /// Only those whose name or description contains this text
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        search: String,
    },
    /// Put the sample tools into a database that has no tools; the embedded one gets them by itself
    #[command(after_help = "Example:\n  mecapy tools samples")]
    Samples,
    /// Show one tool
    #[command(after_help = "Example:\n  mecapy tools show beam_deflection --code > beam.py")]
    Show {
        /// The tool
        name: String,
        /// Print its code only
        #[arg(long)]
        code: bool,
    },
}

/// Verbs of images.
#[derive(Debug, Subcommand)]
pub enum Images {
    /// List the images that have a name
    #[command(after_help = "Example:\n  mecapy images ls")]
    Ls,
    /// Fetch an image from its registry, signed in as Docker's own client is (docker login)
    ///
    /// Progress goes to standard error; with --json it is an object a line on standard output. Ctrl-C stops it.
    #[command(after_help = "Example:\n  mecapy images pull python:3.12-slim")]
    Pull {
        /// The image, such as python:3.12-slim or registry.example/fem:2
        name: String,
    },
}

/// Verbs of the engines.
#[derive(Debug, Subcommand)]
pub enum Sandbox {
    /// Remove what is left over by anything that was interrupted; prints nothing where there is nothing
    #[command(after_help = "Example:\n  mecapy sandbox prune --dry-run")]
    Prune,
}

/// Verbs of settings.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting, its value and where it comes from
    #[command(after_help = "Example:\n  mecapy config show")]
    Show,
    /// Print the files of settings and mecapy's folders
    #[command(after_help = "Example:\n  mecapy config path")]
    Path,
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn every_verb_says_what_it_does_with_an_example() {
        let mut command = Cli::command();
        command.build();
        let mut left: Vec<clap::Command> = command.get_subcommands().cloned().collect();
        let mut seen = 0;
        while let Some(mut verb) = left.pop() {
            if verb.has_subcommands() {
                left.extend(verb.get_subcommands().cloned());
                continue;
            }
            let name = verb.get_bin_name().unwrap_or_default().to_owned();
            let help = verb.render_help().to_string();
            assert!(verb.get_about().is_some(), "{name}");
            let example = help.lines().rev().find(|line| line.trim_start().starts_with(&name));
            assert!(help.contains("Example") && example.is_some(), "{name} has no example:\n{help}");
            seen += 1;
        }
        assert!(seen > 25, "{seen}");
    }
}
