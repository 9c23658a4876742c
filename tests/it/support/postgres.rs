//! A real PostgreSQL for the tests: one server for the whole binary, a database of its own for each test.
//!
//! The server runs below a watchdog that reads from a pipe of this process: when the process ends, however it ends,
//! the pipe closes, and the watchdog stops the server and removes its folder. PostgreSQL refuses to run as root, so
//! where the tests do it runs as an unprivileged user. Nothing of it is kept safe on the disk.

use migrations::{Migrator, MigratorTrait as _};
use rustix::process::geteuid;
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database as Orm, DatabaseConnection};
use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// The role that tests work as: it owns their databases, and is no superuser.
pub const ROLE: &str = "mecapy";
/// Its password; to be searched for wherever no password may be.
pub const PASSWORD: &str = "corr3ct-horse";
/// The superuser, who gets in by the socket without a password.
pub const SUPERUSER: &str = "postgres";

/// How long a busy machine may take over anything.
const PATIENCE: Duration = Duration::from_mins(1);
/// Stops the server and, unless told to keep it, removes its folder, as soon as the pipe speaks or closes.
const WATCHDOG: &str = r#"
"$1" -D "$2/data" </dev/null >>"$2/server.log" 2>&1 & server=$!
read -r word
if [ "$word" = crash ]; then kill -QUIT $server; else kill -INT $server; fi
wait $server
case "$word" in stop|crash) ;; *) rm -rf "$2" ;; esac
"#;

/// A server of its own, for a test that needs other settings or stops it.
pub struct Server {
    folder: PathBuf,
    port: u16,
    user: Option<u32>,
    running: Mutex<Option<(Child, ChildStdin)>>,
}

/// A database of one test; removed with it.
pub struct Database {
    server: &'static Server,
    name: String,
}

/// The shared server, started at first use; `None` where PostgreSQL is not installed, which was said then.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let server = Server::start(&[])?;
        // On a thread of its own: the caller may stand in an async runtime.
        let made = std::thread::scope(|scope| scope.spawn(|| server.make_template()).join());
        made.expect("the template of the test databases can be made");
        Some(server)
    });
    if server.is_none() {
        super::skipped("PostgreSQL is not installed");
    }
    server.as_ref()
}

/// A fresh database of the present schema on the shared server.
pub fn database() -> Option<Database> {
    server().map(|server| Database::new(server, "template_mecapy"))
}

/// A fresh database of the present schema on the shared server, with its calculations in monthly partitions.
///
/// January 2024, where tests put rows whose times agree to the second, is cut into three, so that pages cross from one
/// to the next.
pub fn partitioned_database() -> Option<Database> {
    static MADE: OnceLock<()> = OnceLock::new();
    let server = server()?;
    MADE.get_or_init(|| {
        let name = "template_mecapy_parts";
        server.create(name, "template_mecapy");
        let url = server.url(name);
        let made = std::thread::scope(|scope| scope.spawn(move || partition(&url)).join());
        made.expect("the partitions of the test databases can be made");
    });
    Some(Database::new(server, "template_mecapy_parts"))
}

/// A fresh database without anything in it on the shared server.
pub fn empty_database() -> Option<Database> {
    server().map(|server| Database::new(server, "template0"))
}

impl Server {
    /// Starts one with further settings (`max_connections = 5`); `None` where PostgreSQL is not installed.
    pub fn start(settings: &[&str]) -> Option<Self> {
        Self::prepared(settings, |_| {})
    }

    /// The same with TLS: a certificate for localhost and 127.0.0.1 by an authority of its own. Other connections
    /// over TCP are refused.
    pub fn start_with_tls() -> Option<Self> {
        let settings = [
            "listen_addresses = '127.0.0.1, 127.0.0.2'",
            "ssl = on",
            "ssl_cert_file = 'server.pem'",
            "ssl_key_file = 'server.key'",
        ];
        Self::prepared(&settings, |server| {
            server.make_certificates();
            let rules = "local all all trust\nhostssl all all 127.0.0.0/8 scram-sha-256\n";
            fs::write(server.folder.join("data/pg_hba.conf"), rules).unwrap();
        })
    }

    fn prepared(settings: &[&str], prepare: impl FnOnce(&Self)) -> Option<Self> {
        let initdb = program("initdb")?;
        let user = unprivileged();
        let folder = tempfile::Builder::new().prefix("mecapy-pg-").tempdir().unwrap().keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        chown(&folder, user, user).unwrap();
        let server = Self { port: free_port(), folder, user, running: Mutex::new(None) };
        let made = server
            .command(&initdb)
            .args(["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--username", SUPERUSER])
            // A collation that is no order of bytes, as most installations have.
            .args(["--locale-provider=icu", "--icu-locale=fr"])
            .arg("--pgdata")
            .arg(server.folder.join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", said(&made));
        let preload = share().is_some_and(|share| share.join("extension/pg_stat_statements.control").exists());
        let lines = [
            format!("port = {}", server.port),
            format!("unix_socket_directories = '{}'", server.folder.display()),
            "listen_addresses = '127.0.0.1'".to_owned(),
            "fsync = off\nsynchronous_commit = off\nfull_page_writes = off".to_owned(),
            "shared_buffers = 32MB\nmax_connections = 200\nautovacuum_naptime = 5s".to_owned(),
            if preload { "shared_preload_libraries = 'pg_stat_statements'".to_owned() } else { String::new() },
            settings.join("\n"),
        ];
        let mut file = fs::OpenOptions::new().append(true).open(server.folder.join("data/postgresql.conf")).unwrap();
        file.write_all(lines.join("\n").as_bytes()).unwrap();
        let rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        fs::write(server.folder.join("data/pg_hba.conf"), rules).unwrap();
        prepare(&server);
        server.run();
        server.superuser("postgres", &format!("CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{PASSWORD}'"));
        Some(server)
    }

    /// Starts the server again after [`Server::stop`] or [`Server::crash`].
    pub fn run(&self) {
        let mut watchdog = Command::new("/bin/sh");
        watchdog.args(["-c", WATCHDOG, "watchdog"]).arg(program("postgres").unwrap()).arg(&self.folder);
        self.as_user(&mut watchdog);
        let mut child = watchdog
            // Whoever interrupts the tests interrupts this process only.
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pipe = child.stdin.take().unwrap();
        *self.running.lock().unwrap() = Some((child, pipe));
        let end = Instant::now() + PATIENCE;
        // The last line of this file is written when connections are taken.
        let state = self.folder.join("data/postmaster.pid");
        while !fs::read_to_string(&state)
            .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
        {
            let log = || fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
            assert!(Instant::now() < end, "PostgreSQL does not start: {}", log());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Stops the server as an administrator does: connections are closed, everything is kept.
    pub fn stop(&self) {
        self.end("stop");
    }

    /// Ends the server as a loss of power does; it recovers when it runs again.
    pub fn crash(&self) {
        self.end("crash");
    }

    fn end(&self, word: &str) {
        if let Some((mut child, mut pipe)) = self.running.lock().unwrap().take() {
            writeln!(pipe, "{word}").unwrap();
            child.wait().unwrap();
        }
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the socket, `server.log`, and the certificate of the authority (`ca.pem`).
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The address of a database for [`ROLE`], over TCP.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{ROLE}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// The address of a database for the superuser, over the socket.
    pub fn superuser_url(&self, database: &str) -> String {
        let folder = self.folder.display();
        format!("postgresql:///{database}?host={folder}&port={}&user={SUPERUSER}", self.port)
    }

    /// Makes a database that belongs to [`ROLE`].
    pub fn create(&self, name: &str, template: &str) {
        self.superuser("postgres", &format!("CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {template}"));
        // From version 15 on only the owner of a database makes tables in it; copies of older templates let all.
        self.superuser(name, &format!("ALTER SCHEMA public OWNER TO {ROLE}"));
    }

    /// Makes a database of the present schema.
    pub fn create_migrated(&self, name: &str) {
        self.create(name, "template0");
        let url = self.url(name);
        let migrated = std::thread::scope(|scope| scope.spawn(move || migrate(&url)).join());
        migrated.expect("the present schema can be made");
    }

    fn make_template(&self) {
        self.create("template_mecapy", "template0");
        migrate(&self.url("template_mecapy"));
    }

    /// Runs SQL as the superuser and gives the rows, columns separated by `|`.
    pub fn superuser(&self, database: &str, sql: &str) -> String {
        let mut psql = self.command(&program("psql").unwrap());
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--command", sql])
            .arg("--host")
            .arg(&self.folder)
            .arg(format!("--port={}", self.port))
            .args(["--username", SUPERUSER, "--dbname", database]);
        let output = psql.output().unwrap();
        assert!(output.status.success(), "{sql}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn make_certificates(&self) {
        let script = "set -e; cd \"$1\"
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=Test \
              -keyout ca.key -out ca.pem
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost \
              -keyout data/server.key -out server.csr
            printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' >server.ext
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext \
              -out data/server.pem
            chmod 600 data/server.key";
        let made = self.command(Path::new("/bin/sh")).args(["-c", script, "sh"]).arg(&self.folder).output().unwrap();
        assert!(made.status.success(), "openssl: {}", said(&made));
    }

    /// A command as the server's user, with nothing around it.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8").current_dir("/");
        command.stdin(Stdio::null());
        self.as_user(&mut command);
        command
    }

    fn as_user(&self, command: &mut Command) {
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let running = self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        match running {
            Some((mut child, pipe)) => {
                drop(pipe);
                let _ = child.wait();
            }
            None => drop(fs::remove_dir_all(&self.folder)),
        }
    }
}

impl Database {
    fn new(server: &'static Server, template: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        // A template is copied by one at a time.
        static COPYING: Mutex<()> = Mutex::new(());
        let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
        let copying = COPYING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        server.create(&name, template);
        drop(copying);
        Self { server, name }
    }

    /// Its address for [`ROLE`], over TCP, with the password.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// The same through something that listens on another port.
    pub fn url_by(&self, port: u16) -> String {
        format!("postgresql://{ROLE}:{PASSWORD}@127.0.0.1:{port}/{}", self.name)
    }

    /// Its server.
    pub fn server(&self) -> &'static Server {
        self.server
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs SQL in it as the superuser and gives the rows, columns separated by `|`.
    pub fn superuser(&self, sql: &str) -> String {
        self.server.superuser(&self.name, sql)
    }

    /// A plain connection as [`ROLE`], as another program has one.
    pub async fn connect(&self) -> DatabaseConnection {
        Orm::connect(self.url()).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.server.superuser("postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}

fn migrate(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // One connection: the server may have few, and whoever gives one back still has it for a moment.
        let mut options = ConnectOptions::new(url);
        options.max_connections(1);
        let connection = Orm::connect(options).await.unwrap();
        Migrator::up(&connection, None).await.unwrap();
        connection.execute_unprepared("ANALYZE").await.unwrap();
        connection.close().await.unwrap();
    });
}

fn partition(url: &str) {
    use mecapy::{
        admin::{Admin, Partitioning},
        db::Options,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let admin = Admin::connect(url, &Options::default(), false).await.unwrap();
        admin.partition(Partitioning::Maintain { ahead: 1, archive_before: None }).await.unwrap();
        admin.close().await.unwrap();
        let mut options = ConnectOptions::new(url);
        options.max_connections(1);
        let connection = Orm::connect(options).await.unwrap();
        for (part, from, to) in [
            ("a", "2024-01-01", "2024-01-15 10:20:34"),
            ("b", "2024-01-15 10:20:34", "2024-01-15 10:20:38"),
            ("c", "2024-01-15 10:20:38", "2024-02-01"),
        ] {
            let sql = format!(
                "CREATE TABLE calculations_{part} PARTITION OF calculations FOR VALUES FROM ('{from}') TO ('{to}')"
            );
            connection.execute_unprepared(&sql).await.unwrap();
        }
        connection.execute_unprepared("ANALYZE").await.unwrap();
        connection.close().await.unwrap();
    });
}

/// Who the server runs as: `None` for the user of the tests.
fn unprivileged() -> Option<u32> {
    if !geteuid().is_root() {
        return None;
    }
    // initdb wants a user with a name.
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let id = |name: &str| {
        passwd.lines().find_map(|line| line.strip_prefix(&format!("{name}:x:"))?.split(':').next()?.parse().ok())
    };
    id("postgres").or_else(|| id("nobody"))
}

/// A program of PostgreSQL: the newest of Debian's, else of the PATH.
pub fn program(name: &str) -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin").join(name)))
        })
        .filter(|(_, path)| path.is_file())
        .collect();
    versions.sort();
    versions.pop().map(|(_, path)| path).or_else(|| {
        std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
    })
}

fn share() -> Option<PathBuf> {
    let output = Command::new(program("pg_config")?).arg("--sharedir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
