//! A filled database of either engine, and the programs that use it.

use crate::{
    console::Console,
    fill::{self, Amount},
    postgres::{self, Server},
    terminal::Terminal,
};
use mecapy::db::Db;
use portable_pty::CommandBuilder;
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The embedded file.
    Sqlite,
    /// A server on loopback.
    Postgres,
}

/// A filled database in a home of its own. The person has the id 1.
pub struct Place {
    /// How many calculations the person has.
    pub rows: u32,
    home: tempfile::TempDir,
    server: Option<Server>,
    url: String,
}

/// The name of the database on the server.
pub const DATABASE: &str = "large";

impl Place {
    /// Makes and fills one; `None` where the engine is not installed, which was said.
    pub fn filled(engine: Engine, rows: u32) -> Option<Self> {
        let home = tempfile::tempdir().expect("a folder");
        let place = match engine {
            Engine::Sqlite => {
                let file = home.path().join(".local/share/mecapy/mecapy.db");
                Self { rows, home, server: None, url: format!("sqlite:///{}", file.display()) }
            }
            Engine::Postgres => {
                let Some(server) = Server::start(&["shared_buffers = 512MB", "max_wal_size = 8GB"]) else {
                    crate::skipped("PostgreSQL is not installed");
                    return None;
                };
                server.create_migrated(DATABASE);
                let url = server.url(DATABASE);
                Self { rows, home, server: Some(server), url }
            }
        };
        let mut first = Command::new(env!("CARGO_BIN_EXE_mecapy"));
        let first = first.env_clear().envs(place.variables()).args(["tools", "ls", "--quiet"]);
        assert!(first.stdout(Stdio::null()).status().expect("mecapy starts").success());
        let began = Instant::now();
        let target = match &place.server {
            None => place.url.replacen("sqlite:///", "sqlite://", 1),
            Some(server) => server.superuser_url(DATABASE),
        };
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(fill::at(&target, 1, Amount::among_others(rows))).expect("filled");
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        println!(
            "\n{engine:?}: {rows} calculations and {} files of one person, half as many of 49 others; made in {:.0} s; load {}",
            rows / 10,
            began.elapsed().as_secs_f64(),
            load.split(' ').next().unwrap_or_default()
        );
        if place.server.is_some() {
            // Asked once on a host: whether to work where nobody is kept apart.
            let mut terminal = Terminal::start(place.screen("mecapy"));
            terminal.wait_for("isolation?");
            terminal.press(b"y");
            terminal.rest(Duration::from_millis(500));
            terminal.stop();
        }
        Some(place)
    }

    /// The engine's own client.
    pub fn client(&self) -> &'static str {
        if self.server.is_some() { "psql" } else { "sqlite3" }
    }

    /// The server, where it is one.
    pub fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// Opens it as mecapy does.
    pub async fn open(&self) -> Db {
        Db::open(&self.url).await.expect("it opens")
    }

    /// The screen, with a name that a server shows.
    pub fn screen(&self, name: &str) -> CommandBuilder {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mecapy"));
        command.env_clear();
        for (variable, mut value) in self.variables() {
            if variable == "DATABASE_URL" {
                value = format!("{value}?application_name={name}");
            }
            command.env(variable, value);
        }
        command.env("TERM", "xterm-256color");
        command
    }

    /// The engine's client, ready to be asked.
    pub fn console(&self) -> Console {
        let print = if self.server.is_some() { "\\echo" } else { ".print" };
        Console::start(self.client_command(), print)
    }

    /// The engine's client, with plain output.
    pub fn client_command(&self) -> Command {
        if self.server.is_some() {
            let mut command = Command::new(postgres::program("psql").expect("it comes with the server"));
            command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", &self.url]);
            command
        } else {
            let mut command = Command::new("sqlite3");
            command.arg(self.url.replacen("sqlite:///", "", 1));
            command
        }
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut variables = vec![("HOME", self.home.path().display().to_string()), ("PATH", path)];
        if self.server.is_some() {
            variables.push(("DATABASE_URL", self.url.clone()));
        }
        variables
    }
}
