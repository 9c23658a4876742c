//! Who takes part: a secured database, alice and bob, an administrator, somebody who was switched off, a program.

use crate::support::postgres::{self, Database};
use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};

/// The password of every role of a test.
pub const PASSWORD: &str = "b4ttery-staple";
/// Who takes part as a person, each with a row of `users`.
pub const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "erin"];

/// The tables with rows of people, each with the column that says whose a row is.
pub const OWNED: [(&str, &str); 6] = [
    ("users", "id"),
    ("user_files", "user_id"),
    ("calculations", "user_id"),
    ("calculation_runs", "user_id"),
    ("tools", "author_id"),
    ("tool_versions", "created_by"),
];

/// A secured database and its people. Their roles are the server's, so each database has its own names for them.
pub struct Cast {
    pub database: Database,
}

impl Cast {
    /// Alice and bob with two rows everywhere, carol the administrator, erin who is switched off, and a service.
    pub fn new() -> Option<Self> {
        let cast = Self::secured()?;
        for name in PEOPLE {
            cast.person(name);
        }
        cast.owner("UPDATE users SET is_active = false WHERE username = 'erin'");
        let role = cast.role("carol");
        cast.owner(&format!("GRANT mecapy_admin TO \"{role}\""));
        let role = cast.role("robot");
        cast.owner(&format!(
            "CREATE ROLE \"{role}\" LOGIN PASSWORD '{PASSWORD}'; GRANT mecapy_service TO \"{role}\"; \
             INSERT INTO mecapy_people (role_name) VALUES ('{role}')"
        ));
        Some(cast)
    }

    /// A secured database with nobody in it.
    pub fn secured() -> Option<Self> {
        let cast = Self { database: postgres::database()? };
        let url = cast.database.server().superuser_url(cast.database.name());
        let home = crate::support::home::Home::new().with("DATABASE_URL", &url);
        home.run(&["db", "secure"]).code(0);
        Some(cast)
    }

    /// The role of somebody in this database.
    pub fn role(&self, name: &str) -> String {
        format!("{}_{name}", self.database.name())
    }

    /// Its address, over TCP with its password.
    pub fn url(&self, name: &str) -> String {
        let server = self.database.server();
        format!("postgresql://{}:{PASSWORD}@127.0.0.1:{}/{}", self.role(name), server.port(), self.database.name())
    }

    /// Runs SQL past all protection, as nobody who takes part can.
    pub fn owner(&self, sql: &str) -> String {
        self.database.superuser(sql)
    }

    /// Connects as somebody, with any client.
    pub async fn connect(&self, name: &str) -> Client {
        Client(PgConnection::connect(&self.url(name)).await.unwrap())
    }

    /// The id of somebody's row in `users`.
    pub fn id(&self, name: &str) -> i64 {
        self.owner(&format!("SELECT id FROM users WHERE username = '{name}'")).parse().unwrap()
    }

    /// The id of the first of somebody's rows.
    pub fn first(&self, table: &str, name: &str) -> i64 {
        let owner = if table == "tools" { "author_id" } else { "user_id" };
        self.owner(&format!("SELECT min(id) FROM {table} WHERE {owner} = {}", self.id(name))).parse().unwrap()
    }

    /// A role, a row of `users`, and two rows of everything: one that only its owner may see, one for everybody.
    fn person(&self, name: &str) {
        let role = self.role(name);
        let sql = format!(
            "CREATE ROLE \"{role}\" LOGIN PASSWORD '{PASSWORD}'; GRANT mecapy_user TO \"{role}\";
             INSERT INTO users (keycloak_id, username, email, display_name)
               VALUES ('sub-{name}', '{name}', '{name}@example.org', 'The {name}');
             INSERT INTO mecapy_people (role_name, user_id) SELECT '{role}', id FROM users WHERE username = '{name}';
             INSERT INTO user_files (user_id, filename, original_filename, file_size, content_type, s3_key, s3_bucket,
               s3_url, is_public, description)
               SELECT id, 'f.csv', 'f.csv', 1, 'text/csv', 'users/sub-{name}/files/' || n || '/f.csv', 'local', 'file:/f',
                 n = 2, 'secret of {name}' FROM users, generate_series(1, 2) n WHERE username = '{name}';
             INSERT INTO calculations (user_id, name, code)
               SELECT id, 'secret of {name}', 'pass' FROM users, generate_series(1, 2) WHERE username = '{name}';
             INSERT INTO calculation_files (calculation_id, file_id)
               SELECT min(c.id), min(f.id) FROM users u JOIN calculations c ON c.user_id = u.id
                 JOIN user_files f ON f.user_id = u.id WHERE username = '{name}';
             INSERT INTO calculation_runs (id, calculation_id, user_id, host, timeout, memory_limit, cpu_limit)
               SELECT 'run-of-{name}', min(c.id), u.id, 'host', 1, 1, 1 FROM users u
                 JOIN calculations c ON c.user_id = u.id WHERE username = '{name}' GROUP BY u.id;
             INSERT INTO tools (name, display_name, description, version, code_template, docker_image, author_id, is_active)
               SELECT '{name}-' || n, 'secret of {name}', '', '1', 'pass', '', id, n = 2
               FROM users, generate_series(1, 2) n WHERE username = '{name}';
             INSERT INTO tool_versions (tool_id, version, code_template, docker_image, created_by)
               SELECT t.id, '1', 'pass', '', author_id FROM tools t JOIN users u ON u.id = author_id
               WHERE username = '{name}'"
        );
        self.owner(&sql);
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // A role cannot be dropped while a database gives it something.
        let mine = format!("rolname LIKE '{}\\_%'", self.database.name());
        let names = self.owner(&format!("SELECT rolname FROM pg_roles WHERE {mine}"));
        for role in names.lines().filter(|role| !role.is_empty()) {
            let role = role.replace('"', "\"\"");
            self.owner(&format!("DROP OWNED BY \"{role}\" CASCADE; DROP ROLE \"{role}\""));
        }
    }
}

/// A client of PostgreSQL, any.
pub struct Client(pub PgConnection);

impl Client {
    /// Runs a statement; its rows, or the code and the words of the refusal.
    pub async fn ask(&mut self, sql: &str) -> Result<Vec<PgRow>, (String, String)> {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.0).await;
        done.map_err(|error| match error {
            sqlx::Error::Database(error) => (error.code().unwrap_or_default().into_owned(), error.message().to_owned()),
            error => panic!("{sql}: {error}"),
        })
    }

    /// How many rows a statement changes.
    pub async fn change(&mut self, sql: &str) -> u64 {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut self.0).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
    }

    /// The first column, as text.
    pub async fn texts(&mut self, sql: &str) -> Vec<String> {
        let rows = self.ask(&format!("SELECT it::text FROM ({sql}) AS asked (it)")).await;
        rows.unwrap_or_else(|error| panic!("{sql}: {error:?}")).iter().map(|row| row.get(0)).collect()
    }

    /// The first value.
    pub async fn one(&mut self, sql: &str) -> String {
        self.texts(sql).await.pop().unwrap_or_default()
    }

    /// Fails the test unless the server refuses with this code.
    #[track_caller]
    pub fn refused(&mut self, sql: &str, code: &str) -> impl Future<Output = String> {
        let at = std::panic::Location::caller();
        async move {
            match self.ask(sql).await {
                Err((found, words)) if found == code => words,
                other => panic!("{at}: {sql}: {:?}", other.map(|rows| rows.len())),
            }
        }
    }
}

/// What no privilege allows.
pub const DENIED: &str = "42501";
