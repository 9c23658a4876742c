//! Database addresses as the platform writes them.

use super::DbError;
use std::path::PathBuf;

/// What an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A SQLite file.
    File(PathBuf),
    /// A SQLite database that lives as long as it is open.
    Memory,
}

/// Reads `sqlite:///./relative.db`, `sqlite:////absolute.db` or `sqlite::memory:` (also `sqlite://`), as SQLAlchemy
/// does; a driver behind a plus sign is dropped.
pub(super) fn parse(url: &str) -> Result<Target, DbError> {
    let refused = |problem: &str| DbError::Address { url: shown(url), problem: problem.to_owned() };
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(refused("is no address; write sqlite:////absolute/path.db"));
    };
    match scheme.split('+').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "sqlite" => {}
        "postgresql" | "postgres" => {
            return Err(refused("this build speaks to SQLite only; remove it to use the embedded database"));
        }
        _ => return Err(refused("unknown kind of database; write sqlite:////absolute/path.db")),
    }
    if matches!(rest, ":memory:" | "//" | "///:memory:") {
        return Ok(Target::Memory);
    }
    let Some(path) = rest.strip_prefix("///").filter(|path| !path.is_empty()) else {
        return Err(refused("write three slashes before a relative path, four before an absolute one"));
    };
    if path.contains('?') {
        return Err(refused("the options behind the ? are not understood; remove them"));
    }
    Ok(Target::File(PathBuf::from(path)))
}

/// The address without the passwords that it may hold: before the server, or among the options.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_at(url.find("://").map_or(0, |at| at + 3));
    let (person, server) = rest.rsplit_once('@').map_or((None, rest), |(person, server)| (Some(person), server));
    let person = person.map(|person| format!("{}:***@", person.split([':', '?']).next().unwrap_or_default()));
    let (server, options) = server.split_once('?').map_or((server, ""), |(server, _)| (server, "?***"));
    format!("{scheme}{}{server}{options}", person.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_sqlalchemy_reads_them() {
        let file = |path: &str| Target::File(PathBuf::from(path));
        for (url, target) in [
            ("sqlite:///./mecapy.db", file("./mecapy.db")),
            ("sqlite:///mecapy.db", file("mecapy.db")),
            ("sqlite:////srv/mecapy.db", file("/srv/mecapy.db")),
            ("sqlite+aiosqlite:////srv/a b.db", file("/srv/a b.db")),
            ("sqlite::memory:", Target::Memory),
            ("sqlite:///:memory:", Target::Memory),
            ("sqlite://", Target::Memory),
        ] {
            assert_eq!(parse(url).unwrap(), target, "{url}");
        }
    }

    #[test]
    fn refusals_say_what_to_write_and_hide_passwords() {
        for (url, words) in [
            ("mecapy.db", "write sqlite:////"),
            ("sqlite://mecapy.db", "three slashes"),
            ("sqlite:///", "three slashes"),
            ("sqlite:///a.db?mode=ro", "not understood"),
            ("mysql://a/b", "unknown kind"),
            ("postgresql+psycopg2://ann:secret@db/mecapy", "ann:***@db/mecapy: this build speaks to SQLite only"),
            ("postgresql://ann:se?cret:secret@db/mecapy", "SQLite only"),
            ("postgresql://db/mecapy?user=ann&password=secret", "postgresql://db/mecapy?***"),
            ("postgresql://db/mecapy?password=secret@a", "SQLite only"),
            ("postgresql:ann:secret@db", "SQLite only"),
            ("sqlite:///a.db?password=secret", "not understood"),
        ] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
