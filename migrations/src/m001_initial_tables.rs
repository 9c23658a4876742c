//! People and their files.

use crate::{Dialect, Step, dialect::drop_all};

pub(crate) const STEP: Step = Step { name: "001_initial_tables", up, down, concurrent: false };

fn up(d: Dialect) -> Vec<String> {
    vec![
        format!(
            "CREATE TABLE users (\n  {}\n)",
            [
                d.id().to_owned(),
                d.varchar("keycloak_id", 255, "NOT NULL"),
                d.varchar("username", 100, "NOT NULL"),
                d.varchar("email", 255, "NOT NULL"),
                d.varchar("first_name", 100, "NULL"),
                d.varchar("last_name", 100, "NULL"),
                d.varchar("display_name", 200, "NULL"),
                d.now("created_at"),
                d.now("updated_at"),
                d.time("last_login"),
                d.boolean("is_active", true),
            ]
            .join(",\n  ")
        ),
        "CREATE UNIQUE INDEX ix_users_keycloak_id ON users (keycloak_id)".to_owned(),
        "CREATE INDEX ix_users_username ON users (username)".to_owned(),
        "CREATE INDEX ix_users_email ON users (email)".to_owned(),
        format!(
            "CREATE TABLE user_files (\n  {}\n)",
            [
                d.id().to_owned(),
                format!("user_id {} NOT NULL REFERENCES users (id)", d.bigint()),
                d.varchar("filename", 255, "NOT NULL"),
                d.varchar("original_filename", 255, "NOT NULL"),
                format!("file_size {} NOT NULL CHECK (file_size >= 0)", d.bigint()),
                d.varchar("content_type", 100, "NOT NULL"),
                d.varchar("s3_key", 500, "NOT NULL"),
                d.varchar("s3_bucket", 100, "NOT NULL"),
                d.varchar("s3_url", 1000, "NOT NULL"),
                d.now("uploaded_at"),
                d.boolean("is_public", false),
                d.varchar("description", 1000, "NULL"),
                d.varchar("file_hash", 64, "NULL"),
            ]
            .join(",\n  ")
        ),
        "CREATE INDEX ix_user_files_user_id ON user_files (user_id)".to_owned(),
        "CREATE INDEX ix_user_files_file_hash ON user_files (file_hash)".to_owned(),
        "CREATE UNIQUE INDEX ix_user_files_s3_key ON user_files (s3_key)".to_owned(),
    ]
}

fn down(_: Dialect) -> Vec<String> {
    drop_all("TABLE", &["user_files", "users"])
}
