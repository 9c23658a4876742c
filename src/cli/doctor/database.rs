//! The database: whether it opens, what it is, and who chose it.

use super::{Check, Mark};
use crate::{
    config::Config,
    db::{self, Db},
    domain::{format, isolation::Isolation},
};

/// Opens the database as every command does; one that is not there yet is not made.
pub(super) async fn checks(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let opened = if let Some(url) = &config.database.url {
        checks.push(Check::ok("database", format!("{url}, chosen by {}", config.database.url_origin)));
        Db::open_with(url.expose(), &crate::session::database_options(&config.database)).await
    } else {
        let path = config.paths.database();
        if !path.exists() {
            return vec![Check::ok("database", format!("{}: not there yet, made at first use", path.display()))];
        }
        Db::open_embedded(&path).await
    };
    let facts = match opened {
        Ok(db) => db::facts(&db).await.map(|facts| (db, facts)),
        Err(error) => Err(error),
    };
    match facts {
        Ok((db, facts)) => {
            let size = format::bytes(facts.size);
            let journal = facts.journal.map(|journal| format!(", journal {journal}")).unwrap_or_default();
            checks.push(Check::ok(
                "database",
                format!("{}: {}, schema {}{journal}, {size}", db.place(), facts.engine, facts.schema),
            ));
            if !facts.has_name_index {
                let words = "names are searched without an index, which takes long among many calculations";
                let advice = "run CREATE EXTENSION pg_trgm as a role that may; then mecapy db upgrade makes the index";
                checks.push(Check::new("database", Mark::Warning, words).advise(advice));
            }
            checks.extend(partitions(&db).await);
            checks.push(isolation(&db));
            checks.extend(db.notes().iter().map(|note| Check::new("database", Mark::Warning, note.clone())));
            if let Err(error) = db.close().await {
                checks.push(Check::new("database", Mark::Warning, error.to_string()));
            }
        }
        Err(error) => checks.push(Check::new("database", Mark::Error, error.to_string())),
    }
    checks
}

/// How many months there are, and what is missing.
async fn partitions(db: &Db) -> Vec<Check> {
    match db.partitions().await {
        Ok(None) => Vec::new(),
        Ok(Some(found)) => {
            let gaps = found.gaps();
            if gaps.is_empty() {
                return vec![Check::ok("database", format!("calculations in {} partitions", found.all.len()))];
            }
            gaps.into_iter()
                .map(|gap| {
                    let check = Check::new("database", Mark::Warning, gap.missing);
                    match gap.enable {
                        Some(advice) => check.advise(advice),
                        None => check,
                    }
                })
                .collect()
        }
        Err(error) => vec![Check::new("database", Mark::Warning, error.to_string())],
    }
}

/// Who sees whose rows, as the server says.
fn isolation(db: &Db) -> Check {
    let isolation = db.isolation();
    let fact = format!("{}: {}", isolation.badge(), isolation.meaning());
    match isolation {
        Isolation::None => Check::new("people", Mark::Warning, fact)
            .advise("whoever owns the database isolates people with mecapy db secure and mecapy admin provision"),
        Isolation::Local | Isolation::People => Check::ok("people", fact),
    }
}
