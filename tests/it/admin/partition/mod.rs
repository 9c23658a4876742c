//! Calculations in monthly partitions: made, kept up, taken back; what links to them and who may read them.

mod convert;
mod keys;
mod plans;
mod rights;
mod upkeep;

use super::place::{Place, db};
use crate::support::{home::Home, postgres};
use sea_orm::{ConnectionTrait, DbErr, RuntimeErr};

/// A database on the server with the present schema.
struct Server {
    place: Place,
    home: Home,
}

impl Server {
    /// Empty; `None` where PostgreSQL is not installed, which was said then.
    fn new() -> Option<Self> {
        let place = Place::Server(postgres::database()?);
        let home = place.home();
        Some(Self { place, home })
    }

    /// With people, files, calculations of January and February 2024, of now and of times that no month has, links, runs
    /// and calculations made from others.
    async fn filled() -> Option<Self> {
        let server = Self::new()?;
        server
            .place
            .sql(
                "INSERT INTO users (keycloak_id, username, email) VALUES ('k1', 'ann', ''), ('k2', 'bob', '');
                 INSERT INTO user_files (user_id, filename, original_filename, file_size, content_type, s3_key, s3_bucket, s3_url)
                     SELECT 1 + n % 2, 'f' || n, 'f' || n, n, 'text/plain', 'key/' || n, 'local', 'file:///' || n
                     FROM generate_series(1, 6) n;
                 INSERT INTO calculations (user_id, name, code, status, created_at)
                     SELECT 1 + n % 2, 'é ' || n, 'x', 'completed', timestamp '2024-01-01' + n * interval '30 hours'
                     FROM generate_series(0, 39) n;
                 INSERT INTO calculations (user_id, name, code, status, created_at) VALUES
                     (1, 'now', 'x', 'completed', now() AT TIME ZONE 'utc'),
                     (1, 'tomorrow''s clock', 'x', 'completed', '2999-01-01'),
                     (1, 'never', 'x', 'completed', '9999-12-31'),
                     (1, 'draft', 'x', 'pending', now() AT TIME ZONE 'utc');
                 UPDATE calculations SET parent_id = id - 3 WHERE id > 3;
                 INSERT INTO calculation_files (calculation_id, file_id, file_role)
                     SELECT id, 1 + id % 6, 'input' FROM calculations;
                 INSERT INTO calculation_runs (id, calculation_id, user_id, host, timeout, memory_limit, cpu_limit, completed_at)
                     SELECT gen_random_uuid()::text, id, user_id, 'h', 30, 256, 0.5, now() FROM calculations
                     WHERE status = 'completed';
                 INSERT INTO calculations (user_id, name, code) VALUES (1, 'gone', 'x');
                 DELETE FROM calculations WHERE name = 'gone'",
            )
            .await;
        Some(server)
    }

    /// `mecapy db partition …`.
    fn partition(&self, arguments: &[&str]) -> crate::support::home::Done {
        let mut all = vec!["partition"];
        all.extend(arguments);
        db(&self.home, &all)
    }

    async fn count(&self, from: &str) -> String {
        self.place.texts(&format!("SELECT count(*)::text FROM {from}")).await.remove(0)
    }

    fn database(&self) -> &postgres::Database {
        match &self.place {
            Place::Server(database) => database,
            Place::File(_) => unreachable!("made on a server"),
        }
    }

    /// Every row but those of the table of ids.
    async fn rows(&self) -> Vec<String> {
        let mut rows = self.place.rows().await;
        rows.retain(|row| !row.starts_with("calculation_ids:"));
        rows
    }
}

/// What a statement ends with: the rows it changed, or the code and the constraint of the refusal.
async fn outcome(connection: &impl ConnectionTrait, sql: &str) -> Result<u64, (String, Option<String>)> {
    match connection.execute_unprepared(sql).await {
        Ok(done) => Ok(done.rows_affected()),
        Err(DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) => {
            let error = error.as_database_error().unwrap_or_else(|| panic!("{sql}: {error}"));
            Err((error.code().unwrap().into_owned(), error.constraint().map(str::to_owned)))
        }
        Err(error) => panic!("{sql}: {error}"),
    }
}
