//! `db`: migrations, what differs, adoption, partitions, copies. Works without a session: the schema may be any.

pub mod args;

mod copies;
mod migrate;
mod partition;

use super::{
    Changes,
    exit::{CommandResult, Exit, Failure},
    output::{Output, table},
};
use crate::{
    admin::{Admin, AdminError, MigrationStatus},
    config::Config,
    domain::{text::SafeText, time::rfc3339},
    session::database_options,
};
use args::Db;
use chrono::{DateTime, Utc};
use migrations::STEPS;
use serde_json::json;

/// Runs one verb.
pub async fn db(config: &Config, verb: &Db, changes: Changes, output: Output) -> CommandResult {
    let (is_preview, what) = match verb {
        Db::Partition { sql, list, .. } => (*sql || *list || changes.dry_run || !output.yes, "change its tables"),
        Db::Upgrade { sql, .. } | Db::Downgrade { sql, .. } => (*sql || changes.dry_run, "change the schema"),
        Db::Secure { sql, .. } => (*sql || changes.dry_run, "change who may do what"),
        Db::Restore { .. } => (changes.dry_run, "replace what is in the database"),
        Db::History | Db::Current | Db::Check | Db::Backup { .. } => (true, ""),
    };
    if !is_preview {
        changes.allowed(what)?;
    }
    let makes = matches!(verb, Db::Upgrade { .. } | Db::Restore { .. }) && !is_preview;
    let admin = open(config, makes).await?;
    let done = match verb {
        Db::Upgrade { target, sql } => migrate::upgrade(&admin, target, *sql, changes, output).await,
        Db::Downgrade { target, sql } => migrate::downgrade(&admin, target, *sql, changes, output).await,
        Db::Partition { list: true, .. } => partition::list(&admin, output).await,
        Db::Partition { ahead, archive_before, undo, sql, .. } => {
            let what = partition::what(*ahead, *archive_before, *undo);
            partition::partition(&admin, what, *sql, is_preview, output).await
        }
        Db::History => history(&admin, output).await,
        Db::Current => current(&admin, output).await,
        Db::Check => check(&admin, output).await,
        Db::Secure { off, sql } => migrate::secure(&admin, !off, *sql, changes, output).await,
        Db::Backup { file, plain } => copies::backup(&admin, file.as_deref(), *plain, changes, output).await,
        Db::Restore { file } => copies::restore(&admin, file, changes, output).await,
    };
    if let Err(error) = admin.close().await {
        tracing::warn!(%error, "database not closed");
    }
    done
}

/// Connects to the database that the settings name, whatever schema it has.
pub(super) async fn open(config: &Config, make: bool) -> Result<Admin, Failure> {
    Ok(match &config.database.url {
        Some(url) => Admin::connect(url.expose(), &database_options(&config.database), make).await?,
        None => Admin::connect_file(&config.paths.database(), make).await?,
    })
}

async fn history(admin: &Admin, output: Output) -> CommandResult {
    let status = admin.migration_status().await?;
    let mut rows = Vec::new();
    let at = |name: &str| {
        let (_, second) = status.applied.iter().find(|(applied, _)| applied == name)?;
        DateTime::<Utc>::from_timestamp(*second, 0).map(|time| time.naive_utc())
    };
    let unknown = status.unknown();
    for name in STEPS.iter().map(|step| step.name).chain(unknown.iter().map(String::as_str)) {
        let applied = status.is_applied(name);
        if output.json {
            let at = at(name).map(rfc3339);
            output.json(&json!({ "name": name, "applied": applied, "applied_at": at }))?;
        } else {
            let when = match at(name) {
                Some(time) => super::words::local(time),
                None if applied => "applied".to_owned(),
                None => "not applied".to_owned(),
            };
            rows.push(vec![SafeText::label(name).into_string(), when]);
        }
    }
    output.raw(table(&rows, &[]).as_bytes())?;
    tell(admin, &status, output);
    Ok(Exit::Ok)
}

async fn current(admin: &Admin, output: Output) -> CommandResult {
    let status = admin.migration_status().await?;
    let missing: Vec<&str> = status.missing().iter().map(|step| step.name).collect();
    if output.json {
        output.json(&json!({
            "current": status.current(),
            "head": STEPS.last().map(|step| step.name),
            "missing": missing,
            "unknown": status.unknown(),
            "alembic": status.alembic,
        }))?;
    } else {
        let head = if missing.is_empty() { " (head)" } else { "" };
        output.line(&format!("{}{head}", SafeText::label(status.current().unwrap_or("none")).as_str()))?;
    }
    tell(admin, &status, output);
    Ok(Exit::Ok)
}

/// What stands in the way, or is to be done.
fn tell(admin: &Admin, status: &MigrationStatus, output: Output) {
    let missing = status.missing().len();
    if let Err(error) = status.not_newer(admin.place()) {
        output.say(format_args!("mecapy: {error}"));
    } else if !status.is_ours && !status.tables.is_empty() {
        output.say(format_args!("mecapy: not made by mecapy; mecapy db upgrade --dry-run tells what adopting it does"));
    } else if missing > 0 {
        output.say(format_args!("mecapy: {missing} not applied; mecapy db upgrade applies them"));
    }
}

async fn check(admin: &Admin, output: Output) -> CommandResult {
    let differences = admin.check().await?;
    for difference in &differences {
        if output.json {
            output.json(difference)?;
        } else {
            output.line(SafeText::label(&difference.to_string()).as_str())?;
        }
    }
    if differences.is_empty() {
        output.say(format_args!("mecapy: {} is as this mecapy expects it", admin.place()));
        return Ok(Exit::Ok);
    }
    let status = admin.migration_status().await?;
    output.say(format_args!("mecapy: {} differences in {}", differences.len(), admin.place()));
    tell(admin, &status, output);
    Ok(Exit::Error)
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        let exit = match error {
            AdminError::Db(error) => return Self::from(error),
            AdminError::Unknown { .. } | AdminError::Target(_) => Exit::Usage,
            AdminError::Busy { .. } => Exit::Unreachable,
            _ => Exit::Error,
        };
        Self::new(exit, error)
    }
}
