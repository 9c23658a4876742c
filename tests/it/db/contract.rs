//! The contract: what the platform's description prints, checked against the migrated schema of both engines.

use super::engines::{Place, on_each_engine, texts};
use sea_orm::{ConnectionTrait as _, DatabaseConnection};
use std::collections::BTreeSet;

/// name, type as SQLite spells it, NULL allowed, default ("now" for the time of the insert)
type Column = (&'static str, &'static str, bool, Option<&'static str>);

const NOW: Option<&str> = Some("now");

const USERS: &[Column] = &[
    ("id", "INTEGER", false, None),
    ("keycloak_id", "VARCHAR(255)", false, None),
    ("username", "VARCHAR(100)", false, None),
    ("email", "VARCHAR(255)", false, None),
    ("first_name", "VARCHAR(100)", true, None),
    ("last_name", "VARCHAR(100)", true, None),
    ("display_name", "VARCHAR(200)", true, None),
    ("created_at", "DATETIME", false, NOW),
    ("updated_at", "DATETIME", false, NOW),
    ("last_login", "DATETIME", true, None),
    ("is_active", "BOOLEAN", false, Some("1")),
];
const USER_FILES: &[Column] = &[
    ("id", "INTEGER", false, None),
    ("user_id", "INTEGER", false, None),
    ("filename", "VARCHAR(255)", false, None),
    ("original_filename", "VARCHAR(255)", false, None),
    ("file_size", "INTEGER", false, None),
    ("content_type", "VARCHAR(100)", false, None),
    ("s3_key", "VARCHAR(500)", false, None),
    ("s3_bucket", "VARCHAR(100)", false, None),
    ("s3_url", "VARCHAR(1000)", false, None),
    ("uploaded_at", "DATETIME", false, NOW),
    ("is_public", "BOOLEAN", false, Some("0")),
    ("description", "VARCHAR(1000)", true, None),
    ("file_hash", "VARCHAR(64)", true, None),
];
const CALCULATIONS: &[Column] = &[
    ("id", "INTEGER", false, None),
    ("user_id", "INTEGER", false, None),
    ("name", "VARCHAR(200)", false, None),
    ("description", "VARCHAR(2000)", true, None),
    ("status", "VARCHAR(9)", false, Some("'pending'")),
    ("started_at", "DATETIME", true, None),
    ("completed_at", "DATETIME", true, None),
    ("code", "VARCHAR(10000)", false, None),
    ("parameters", "VARCHAR(5000)", true, None),
    ("result_data", "VARCHAR(50000)", true, None),
    ("error_message", "VARCHAR(2000)", true, None),
    ("execution_time", "FLOAT", true, None),
    ("memory_used", "INTEGER", true, None),
    ("cpu_time", "FLOAT", true, None),
    ("created_at", "DATETIME", false, NOW),
    ("updated_at", "DATETIME", false, NOW),
    // mecapy's own, all nullable:
    ("timeout", "INTEGER", true, None),
    ("memory_limit", "INTEGER", true, None),
    ("cpu_limit", "FLOAT", true, None),
    ("tool_id", "INTEGER", true, None),
    ("tool_version_id", "INTEGER", true, None),
    ("parent_id", "INTEGER", true, None),
];
const CALCULATION_FILES: &[Column] = &[
    ("calculation_id", "INTEGER", false, None),
    ("file_id", "INTEGER", false, None),
    ("added_at", "DATETIME", false, NOW),
    ("file_role", "VARCHAR(50)", false, Some("'input'")),
    ("alias", "VARCHAR(255)", true, None),
];
const TOOLS: &[Column] = &[
    ("id", "INTEGER", false, None),
    ("name", "VARCHAR(100)", false, None),
    ("display_name", "VARCHAR(200)", false, None),
    ("description", "VARCHAR(2000)", false, None),
    ("version", "VARCHAR(20)", false, None),
    ("code_template", "VARCHAR(10000)", false, None),
    ("docker_image", "VARCHAR(200)", false, None),
    ("memory_limit", "INTEGER", false, Some("256")),
    ("cpu_limit", "FLOAT", false, Some("0.5")),
    ("timeout", "INTEGER", false, Some("30")),
    ("created_at", "DATETIME", false, NOW),
    ("updated_at", "DATETIME", false, NOW),
    ("is_active", "BOOLEAN", false, Some("1")),
    ("author_id", "INTEGER", false, None),
];
const TOOL_VERSIONS: &[Column] = &[
    ("id", "INTEGER", false, None),
    ("tool_id", "INTEGER", false, None),
    ("version", "VARCHAR(20)", false, None),
    ("code_template", "VARCHAR(10000)", false, None),
    ("docker_image", "VARCHAR(200)", false, None),
    ("memory_limit", "INTEGER", false, Some("256")),
    ("cpu_limit", "FLOAT", false, Some("0.5")),
    ("timeout", "INTEGER", false, Some("30")),
    ("changelog", "VARCHAR(2000)", true, None),
    ("created_at", "DATETIME", false, NOW),
    ("created_by", "INTEGER", false, None),
];

const TABLES: &[(&str, &[Column], &[&str])] = &[
    ("users", USERS, &[]),
    ("user_files", USER_FILES, &["user_id -> users.id"]),
    (
        "calculations",
        CALCULATIONS,
        &[
            "parent_id -> calculations.id",
            "tool_id -> tools.id",
            "tool_version_id -> tool_versions.id",
            "user_id -> users.id",
        ],
    ),
    ("calculation_files", CALCULATION_FILES, &["calculation_id -> calculations.id", "file_id -> user_files.id"]),
    ("tools", TOOLS, &["author_id -> users.id"]),
    ("tool_versions", TOOL_VERSIONS, &["created_by -> users.id", "tool_id -> tools.id"]),
];

/// name, table, unique, columns as they are indexed
const INDEXES: &[(&str, &str, bool, &str)] = &[
    ("ix_users_keycloak_id", "users", true, "keycloak_id"),
    ("ix_users_username", "users", false, "username"),
    ("ix_users_email", "users", false, "email"),
    ("ix_user_files_user_id", "user_files", false, "user_id"),
    ("ix_user_files_file_hash", "user_files", false, "file_hash"),
    ("ix_user_files_s3_key", "user_files", true, "s3_key"),
    ("ix_calculations_user_id", "calculations", false, "user_id"),
    ("ix_calculations_status", "calculations", false, "status"),
    ("ix_calculations_created_at", "calculations", false, "created_at"),
    ("ix_tools_name", "tools", true, "name"),
    ("ix_tools_author_id", "tools", false, "author_id"),
    ("ix_tools_is_active", "tools", false, "is_active"),
    ("idx_user_files_user_created", "user_files", false, "user_id, uploaded_at DESC"),
    ("idx_calculations_user_status_created", "calculations", false, "user_id, status, created_at DESC"),
    ("idx_user_files_hash_size", "user_files", false, "file_hash, file_size"),
];

const VIEWS: &[(&str, &[&str])] = &[
    (
        "user_stats",
        &["id", "username", "total_files", "total_storage_bytes", "total_calculations", "completed_calculations"],
    ),
    ("recent_calculations", &["id", "name", "status", "created_at", "execution_time", "username", "display_name"]),
];

/// A connection to the migrated database.
async fn migrated(place: &Place) -> DatabaseConnection {
    place.open().await.close().await.unwrap();
    place.connect().await
}

/// A column as PostgreSQL tells it: `name|type|1 where it is not null|default`.
fn on_a_server((name, kind, nullable, default): &Column) -> String {
    let is_wide = *name == "id" || name.ends_with("_id") || ["file_size", "created_by"].contains(name);
    let text = kind.strip_prefix("VARCHAR");
    let kind = match *kind {
        "INTEGER" if is_wide && *name != "keycloak_id" => "bigint".to_owned(),
        "DATETIME" => "timestamp without time zone".to_owned(),
        "FLOAT" => "double precision".to_owned(),
        other => text.map_or_else(|| other.to_lowercase(), |length| format!("character varying{length}")),
    };
    let default = match (*default, kind.as_str()) {
        (None, _) => "-".to_owned(),
        (NOW, _) => "(now() AT TIME ZONE 'utc'::text)".to_owned(),
        (Some(yes), "boolean") => (yes == "1").to_string(),
        (Some(word), _) if word.starts_with('\'') => format!("{word}::character varying"),
        (Some(number), _) => number.to_owned(),
    };
    format!("{name}|{kind}|{}|{default}", u8::from(!nullable))
}

/// A column as SQLite tells it.
fn in_a_file((name, kind, nullable, default): &Column) -> String {
    let default = match *default {
        NOW => "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
        Some(default) => default,
        None => "-",
    };
    format!("{name}|{kind}|{}|{default}", u8::from(!nullable))
}

async fn the_schema_is_what_the_description_says(place: Place) {
    let db = migrated(&place).await;
    for (table, columns, foreign_keys) in TABLES {
        let sql = place.pick(
            format!(
                "SELECT name || '|' || type || '|' || \"notnull\" || '|' || coalesce(dflt_value, '-') \
                 FROM pragma_table_info('{table}')"
            ),
            format!(
                "SELECT attname || '|' || format_type(atttypid, atttypmod) || '|' || attnotnull::int || '|' || \
                 coalesce(pg_get_expr(adbin, adrelid), '-') FROM pg_attribute \
                 LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum \
                 WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
            ),
        );
        let expected: Vec<String> = columns.iter().map(place.pick(in_a_file as fn(&_) -> _, on_a_server)).collect();
        assert_eq!(texts(&db, &sql).await, expected, "columns of {table}");

        let sql = place.pick(
            format!("SELECT \"from\" || ' -> ' || \"table\" || '.' || \"to\" FROM pragma_foreign_key_list('{table}')"),
            // Keys to partitioned calculations lead to the table of their ids.
            format!(
                "SELECT a.attname || ' -> ' || replace(confrelid::regclass::text, 'calculation_ids', 'calculations') || '.' || b.attname FROM pg_constraint \
                 JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = ANY (conkey) \
                 JOIN pg_attribute b ON b.attrelid = confrelid AND b.attnum = ANY (confkey) \
                 WHERE contype = 'f' AND conrelid = '{table}'::regclass"
            ),
        );
        let found: BTreeSet<String> = texts(&db, &sql).await.into_iter().collect();
        assert_eq!(found, foreign_keys.iter().map(ToString::to_string).collect(), "foreign keys of {table}");
    }
    for (view, columns) in VIEWS {
        let sql = place.pick(
            format!("SELECT name FROM pragma_table_info('{view}')"),
            format!("SELECT attname::text FROM pg_attribute WHERE attrelid = '{view}'::regclass AND attnum > 0 ORDER BY attnum"),
        );
        assert_eq!(texts(&db, &sql).await, *columns, "{view}");
    }
    // An id that is given out by the database, once.
    if place.is_postgres() {
        let sql = "SELECT attrelid::regclass::text FROM pg_attribute WHERE attname = 'id' AND attidentity = 'd' \
                   AND attrelid::regclass::text <> 'calculation_runs' ORDER BY 1";
        assert_eq!(texts(&db, sql).await, ["calculations", "tool_versions", "tools", "user_files", "users"]);
    }
}

async fn the_indexes_of_the_description_are_there(place: Place) {
    let db = migrated(&place).await;
    for (name, table, unique, columns) in INDEXES {
        let sql = place.pick(
            format!(
                "SELECT l.\"unique\" || ' ' || group_concat(x.name || iif(x.\"desc\", ' DESC', ''), ', ') \
                 FROM pragma_index_list('{table}') l, pragma_index_xinfo(l.name) x WHERE l.name = '{name}' AND x.key"
            ),
            format!(
                "SELECT indisunique::int || ' ' || substring(pg_get_indexdef(indexrelid) FROM ' USING btree \\((.*)\\)') \
                 FROM pg_index WHERE indexrelid = '{name}'::regclass AND indrelid = '{table}'::regclass AND indisvalid"
            ),
        );
        assert_eq!(texts(&db, &sql).await, [format!("{} {columns}", u8::from(*unique))], "{name}");
    }
    let described = place.pick(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND (name GLOB 'ix_*' OR name GLOB 'idx_*')",
        "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' AND indexname ~ '^(ix|idx)_'",
    );
    let described = texts(&db, described).await;
    assert_eq!(described.len(), INDEXES.len(), "the prefixes are the description's: {described:?}");
}

async fn lengths_count_characters_on_every_text_column(place: Place) {
    let db = migrated(&place).await;
    db.execute_unprepared(
        "INSERT INTO users (id, keycloak_id, username, email) VALUES (1, 'k', 'u', '');
         INSERT INTO user_files (id, user_id, filename, original_filename, file_size, content_type, s3_key, s3_bucket, s3_url)
             VALUES (1, 1, 'f', 'f', 0, 'text/plain', 'k', 'local', 'file:///k');
         INSERT INTO calculations (id, user_id, name, code) VALUES (1, 1, 'n', 'c');
         INSERT INTO calculation_files (calculation_id, file_id) VALUES (1, 1);
         INSERT INTO tools (id, name, display_name, description, version, code_template, docker_image, author_id)
             VALUES (1, 't', 'T', 'd', '1', 'c', 'i', 1);
         INSERT INTO tool_versions (tool_id, version, code_template, docker_image, created_by) VALUES (1, '1', 'c', 'i', 1);",
    )
    .await
    .unwrap();
    let words = place.pick("CHECK constraint failed", "value too long for type character varying");
    let mut checked = 0;
    for (table, columns, _) in TABLES {
        for (column, kind, ..) in *columns {
            let Some(limit) = kind.strip_prefix("VARCHAR(").and_then(|rest| rest.strip_suffix(')')) else { continue };
            // The status is one of five words, shorter than its column.
            if *column == "status" {
                continue;
            }
            let limit: usize = limit.parse().unwrap();
            // Two bytes a character.
            let fill = |count: usize| format!("UPDATE {table} SET {column} = '{}'", "é".repeat(count));
            db.execute_unprepared(&fill(limit)).await.unwrap_or_else(|error| panic!("{table}.{column}: {error}"));
            let error = db.execute_unprepared(&fill(limit + 1)).await.unwrap_err();
            assert!(error.to_string().contains(words), "{table}.{column}: {error}");
            checked += 1;
        }
    }
    assert_eq!(checked, 32);
}

on_each_engine!(
    the_schema_is_what_the_description_says,
    the_indexes_of_the_description_are_there,
    lengths_count_characters_on_every_text_column,
);
