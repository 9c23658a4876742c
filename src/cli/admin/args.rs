//! The verbs about people as clap reads them.

use clap::{Args, Subcommand};

/// Verbs about people.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Make the role and the row of a person, or complete what is there of them
    ///
    /// A new role gets a password that is printed once on standard output. Where the person has a row already (the same
    /// --sub), everything the row owns is the person's.
    #[command(
        after_help = "Example:\n  mecapy admin provision ann --sub 6a1f0f2e-7d2b-4c5e-9a53-0d1c2b3a4f5e --email ann@example.org"
    )]
    Provision {
        /// The name of the role that the person signs in with
        name: String,
        /// The id that the platform knows the person by (Keycloak's sub, or local:MACHINE:UID)
        #[arg(long, value_name = "ID")]
        sub: String,
        /// The e-mail address; needed where the person has no row yet
        #[arg(long)]
        email: Option<String>,
        /// The name in the platform; the role's without one
        #[arg(long)]
        username: Option<String>,
        /// The name to show
        #[arg(long)]
        display_name: Option<String>,
        /// An administrator: reads everything, switches people on and off
        #[arg(long, conflicts_with = "no_admin")]
        admin: bool,
        /// No longer an administrator
        #[arg(long)]
        no_admin: bool,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Make the role of a program that works for everybody
    #[command(after_help = "Example:\n  mecapy admin service nightly --ask-password")]
    Service {
        /// The name of the role
        name: String,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Switch a person or a program off: it sees nothing from the next statement on
    #[command(after_help = "Example:\n  mecapy admin off ann --end-sessions")]
    Off {
        /// The name of the role
        name: String,
        /// End the connections that are open as well
        #[arg(long)]
        end_sessions: bool,
    },
    /// Switch a person or a program on again
    #[command(after_help = "Example:\n  mecapy admin on ann")]
    On {
        /// The name of the role
        name: String,
    },
    /// Give a role another password, which is printed once
    #[command(after_help = "Example:\n  mecapy admin password ann")]
    Password {
        /// The name of the role
        name: String,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// List people and programs, and what is wrong about their roles; exit code 1 if anything is
    #[command(after_help = "Example:\n  mecapy admin list")]
    List,
}

/// Where a password comes from. Never from an argument, which everybody on the host can read.
#[derive(Args, Clone, Copy, Debug)]
pub struct PasswordFrom {
    /// Ask for the password, or read it from standard input, instead of making one
    #[arg(long)]
    pub ask_password: bool,
}
