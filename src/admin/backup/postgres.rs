//! Copies of a PostgreSQL database by its own programs.
//!
//! They get the connection in a folder that only its owner can enter, named by a variable: neither their arguments nor
//! their surroundings hold a password. What is put back goes through one `psql` in one transaction that ends at the
//! first error; where what feeds it fails, it is ended before it could think that to be all.

use super::file::{Format, Writer, file_error, reader};
use crate::{
    admin::{
        connection::Admin,
        error::AdminError,
        partition,
        sql::{self, column, rows, value},
    },
    db::{DbError, connect::libpq},
};
use std::{
    fmt::Write as _,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
};

/// What is handed on at once.
const CHUNK: usize = 1 << 16;
/// The last line that `pg_dump` writes of its own.
const COMPLETE: &str = "-- PostgreSQL database dump complete";

pub(super) async fn backup(admin: &Admin, part: &Path, format: Format) -> Result<(), AdminError> {
    sees_everything(admin).await?;
    let files = ConnectionFiles::new(admin)?;
    let plain = format != Format::Archive;
    let mut dump = files.command("pg_dump");
    dump.args(["--no-password", "--no-owner", if plain { "--format=plain" } else { "--format=custom" }]);
    let mut child = start("pg_dump", dump.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let mut writer = Writer::open(part, format == Format::SqlGz).map_err(|error| file_error(part, &error))?;
    let copied = async {
        let mut from = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut chunk = vec![0; CHUNK];
        loop {
            match from.read(&mut chunk).await? {
                0 => return writer.finish(),
                length => writer.write_all(&chunk[..length])?,
            }
        }
    };
    let copied = copied.await;
    wait("pg_dump", child).await.map_err(|error| match error {
        // Its reader failed first.
        AdminError::Program { .. } if copied.is_err() => {
            copied.as_ref().err().map_or(error, |error| file_error(part, error))
        }
        error => error,
    })?;
    copied.map_err(|error| file_error(part, &error))?;
    verify(&files, part, format).await
}

/// Refuses a role from which rows are hidden: what it copied would be a part that looks like everything.
async fn sees_everything(admin: &Admin) -> Result<(), AdminError> {
    let asked = "SELECT session_user::text, string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_catalog.pg_class c \
                 WHERE c.relnamespace = current_schema()::text::regnamespace AND c.relkind IN ('r', 'p') \
                 AND pg_catalog.row_security_active(c.oid)";
    let found = rows(&admin.connection, asked).await.map_err(|error| admin.explain(error))?;
    let Some(row) = found.first() else { return Ok(()) };
    let role: String = row.try_get_by_index(0).map_err(|error| admin.explain(error))?;
    let hidden: Option<String> = row.try_get_by_index(1).map_err(|error| admin.explain(error))?;
    hidden.map_or(Ok(()), |tables| {
        let problem = format!(
            "row security hides rows of {tables} from {role}: back up as the owner of the tables, or as a role with BYPASSRLS \
             that may read them"
        );
        Err(DbError::Denied { place: admin.place.clone(), problem }.into())
    })
}

/// Reads a copy whole: each block of an archive has its checksum, SQL its last line.
async fn verify(files: &ConnectionFiles, part: &Path, format: Format) -> Result<(), AdminError> {
    if format == Format::Archive {
        let mut list = files.command("pg_restore");
        let child = start("pg_restore", list.args(["--file=/dev/null"]).arg(part).stdout(Stdio::null()))?;
        return wait("pg_restore", child).await.map_err(|error| match error {
            AdminError::Program { problem, .. } => file_error(part, &format!("it is damaged or truncated: {problem}")),
            error => error,
        });
    }
    let inspected = inspect(part, format)?;
    if inspected.is_complete { Ok(()) } else { Err(file_error(part, "it is truncated; nothing was kept of it")) }
}

/// Puts a copy back. Returns what there is to tell.
pub(super) async fn restore(admin: &Admin, path: &Path, format: Format) -> Result<Vec<String>, AdminError> {
    if format == Format::Database {
        return Err(file_error(path, "a SQLite file; this database is on a PostgreSQL server"));
    }
    let files = ConnectionFiles::new(admin)?;
    if format == Format::Archive {
        verify(&files, path, format).await?;
    } else {
        let inspected = inspect(path, format)?;
        if inspected.is_dump && !inspected.is_complete {
            return Err(file_error(path, "it is truncated: the last line of a dump is missing; nothing was changed"));
        }
    }
    let (mut script, mut notes) = (drop_statements(admin).await?, Vec::new());
    for (schema, aside) in archive_schemas(admin).await? {
        let _ = writeln!(script, "ALTER SCHEMA {} RENAME TO {};", sql::name(&schema), sql::name(&aside));
        notes.push(format!("months that were detached before are in the schema {aside}"));
    }
    let mut psql = files.command("psql");
    psql.args(["--no-psqlrc", "--quiet", "--no-password", "--single-transaction", "--set=ON_ERROR_STOP=1"]);
    psql.args(["--set=VERBOSITY=terse", "--output=/dev/null", "--file=-"]);
    let mut child = start("psql", psql.stdin(Stdio::piped()).stdout(Stdio::null()))?;
    let mut to = child.stdin.take().ok_or_else(|| file_error(path, "psql takes no input"))?;
    let mut fed = async {
        // Notices are no errors, and would be told as what went wrong.
        to.write_all(b"SET client_min_messages = warning;\n").await?;
        to.write_all(script.as_bytes()).await?;
        if format == Format::Archive {
            return feed_archive(&files, path, &mut to).await;
        }
        let mut from = reader(path, format)?;
        let mut chunk = vec![0; CHUNK];
        loop {
            match from.read(&mut chunk)? {
                0 => return to.flush().await,
                length => to.write_all(&chunk[..length]).await?,
            }
        }
    }
    .await;
    if fed.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
        // The end of its input would be the end of the transaction, with half of it.
        drop(child.start_kill());
    } else {
        fed = Ok(());
    }
    drop(to);
    let done = wait("psql", child).await;
    fed.map_err(|error| file_error(path, &format!("{error}; nothing was changed")))?;
    done.map_err(|error| match error {
        AdminError::Program { program, problem } => {
            AdminError::Program { program, problem: format!("{problem}; nothing was changed") }
        }
        error => error,
    })?;
    // A restored table has no statistics, and plans without them read everything.
    admin.execute("ANALYZE").await?;
    Ok(notes)
}

/// The schemas of detached months, and the names under which they stay: a copy may bring its own.
async fn archive_schemas(admin: &Admin) -> Result<Vec<(String, String)>, AdminError> {
    let sql = format!(
        "SELECT n.nspname::text, left(n.nspname, 40) || to_char(now(), '_YYYYMMDD_HH24MISS') FROM pg_catalog.pg_namespace n \
         WHERE pg_catalog.obj_description(n.oid, 'pg_namespace') = {}",
        sql::text(partition::ARCHIVED)
    );
    let found = rows(&admin.connection, &sql).await.map_err(|error| admin.explain(error))?;
    let names: Result<_, _> =
        found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect();
    Ok(names.map_err(|error: sea_orm::DbErr| admin.explain(error))?)
}

/// An archive as SQL into `psql`.
async fn feed_archive(files: &ConnectionFiles, path: &Path, to: &mut tokio::process::ChildStdin) -> io::Result<()> {
    let mut command = files.command("pg_restore");
    command.args(["--no-owner", "--file=-"]).arg(path).stdout(Stdio::piped());
    let mut child = start("pg_restore", &mut command).map_err(io::Error::other)?;
    let mut from = child.stdout.take().ok_or_else(|| io::Error::other("pg_restore has no output"))?;
    let copied = tokio::io::copy(&mut from, to).await;
    drop(from);
    let done = wait("pg_restore", child).await;
    copied?;
    done.map_err(io::Error::other)?;
    to.flush().await
}

/// The statements that drop what the current schema holds, so that everything that comes finds its place free.
async fn drop_statements(admin: &Admin) -> Result<String, AdminError> {
    let ours = |alias: &str, space: &str| {
        format!(
            "{alias}.{space} = current_schema()::text::regnamespace AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
             WHERE d.objid = {alias}.oid AND d.deptype = 'e')"
        )
    };
    let sql = format!(
        include_str!("drop_everything_postgres.sql"),
        own_relations = ours("c", "relnamespace"),
        own_routines = ours("p", "pronamespace"),
        own_types = ours("t", "typnamespace"),
    );
    let explain = |error| admin.explain(error);
    let drops: Vec<String> = column(&admin.connection, &sql).await.map_err(explain)?;
    let schema: Option<String> = value(&admin.connection, "SELECT current_schema()::text").await.map_err(explain)?;
    let schema = schema.unwrap_or_else(|| "public".to_owned());
    let mut text = format!("SET search_path = {};\n", sql::name(&schema));
    for drop in drops {
        text.push_str(&drop);
        text.push_str(";\n");
    }
    Ok(text)
}

/// What a look at SQL tells.
struct Inspected {
    /// Whether `pg_dump` wrote it.
    is_dump: bool,
    /// Whether its last line is there.
    is_complete: bool,
}

/// Reads SQL whole: what would end the transaction early, or reach past the database, is refused.
fn inspect(path: &Path, format: Format) -> Result<Inspected, AdminError> {
    use std::io::BufRead as _;
    let source = reader(path, format).map_err(|error| file_error(path, &error))?;
    let mut source = io::BufReader::new(source);
    let mut found = Inspected { is_dump: false, is_complete: false };
    let (mut line, mut number, mut within_rows) = (Vec::new(), 0_u64, false);
    loop {
        line.clear();
        if source.read_until(b'\n', &mut line).map_err(|error| file_error(path, &error))? == 0 {
            return Ok(found);
        }
        number += 1;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if within_rows {
            within_rows = text != "\\.";
            continue;
        }
        found.is_dump |= text == "-- PostgreSQL database dump";
        found.is_complete |= text == COMPLETE;
        let upper = text.trim().to_ascii_uppercase();
        within_rows = upper.starts_with("COPY ") && upper.ends_with("FROM STDIN;");
        let refused = |what: &str| Err(file_error(path, &format!("line {number}: {what}; nothing was changed")));
        let ends =
            ["COMMIT;", "BEGIN;", "ROLLBACK;", "START TRANSACTION;", "BEGIN TRANSACTION;", "COMMIT TRANSACTION;"];
        if ends.contains(&upper.as_str()) {
            return refused(&format!("{upper} stands in the way of one transaction for all; remove such lines"));
        }
        let is_harmless = ["\\restrict ", "\\unrestrict "].iter().any(|word| text.starts_with(word));
        if text.trim_start().starts_with('\\') && !is_harmless {
            return refused("a command of psql, not SQL");
        }
    }
}

/// A private folder with what the programs need to connect.
struct ConnectionFiles {
    folder: PathBuf,
}

impl ConnectionFiles {
    fn new(admin: &Admin) -> Result<Self, AdminError> {
        let Some((server, options)) = &admin.server else {
            return Err(AdminError::Target("this database is on no server".to_owned()));
        };
        let base = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
        #[expect(
            clippy::disallowed_methods,
            reason = "the folder in it has a random name and is made for its owner alone"
        )]
        let base = base.unwrap_or_else(std::env::temp_dir);
        let folder = base.join(format!("mecapy-{}", uuid::Uuid::new_v4()));
        let failed = |error: io::Error| file_error(&folder, &error);
        DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
        let files = Self { folder: folder.clone() };
        let libpq = libpq(server, options)?;
        let mut service = String::from("[mecapy]\n");
        for (name, value) in libpq.settings {
            if value.contains('\n') {
                return Err(AdminError::Target(format!("{name} holds a line end")));
            }
            for part in [name, "=", &value, "\n"] {
                service.push_str(part);
            }
        }
        files.write("service", &service).map_err(failed)?;
        if let Some(password) = libpq.password {
            let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
            files.write("password", &format!("*:*:*:*:{escaped}\n")).map_err(failed)?;
        }
        Ok(files)
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.folder.join(name))?;
        file.write_all(text.as_bytes())
    }

    /// A program of PostgreSQL with this connection and no other of its variables.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(locate(program));
        // Nothing of ours but where programs and messages are: neither PG* variables nor an address with its password.
        command.env_clear();
        for name in ["PATH", "LANG", "LC_ALL", "TZ", "HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("PGSERVICEFILE", self.folder.join("service")).env("PGSERVICE", "mecapy");
        command.env("PGPASSFILE", self.folder.join("password")).env("PGAPPNAME", "mecapy");
        command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

impl Drop for ConnectionFiles {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// The program in the PATH, else where Debian keeps those of the newest version.
fn locate(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return PathBuf::from(program);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin").join(program))))
        .filter(|(_, path): &(u32, PathBuf)| path.is_file())
        .collect();
    versions.sort();
    versions.pop().map_or_else(|| PathBuf::from(program), |(_, path)| path)
}

fn start(program: &str, command: &mut Command) -> Result<Child, AdminError> {
    command.spawn().map_err(|error| AdminError::Program {
        program: program.to_owned(),
        problem: match error.kind() {
            io::ErrorKind::NotFound => {
                "it is not installed; on Debian: apt install postgresql-client (no older than the server)".to_owned()
            }
            _ => error.to_string(),
        },
    })
}

/// Waits for its end; what it said is the error.
async fn wait(program: &str, mut child: Child) -> Result<(), AdminError> {
    let mut said = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        // Read on to the end, or the program would wait for its reader.
        let mut chunk = vec![0; CHUNK];
        while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
            if said.len() < CHUNK {
                said.extend_from_slice(&chunk[..length]);
            }
        }
    }
    let failed = |problem: String| AdminError::Program { program: program.to_owned(), problem };
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().find(|line| line.to_ascii_lowercase().contains("error")).or(said.lines().next());
    Err(failed(line.map_or_else(|| status.to_string(), |line| line.trim().to_owned())))
}
