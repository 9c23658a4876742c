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
    if let Some((_, options)) = path.split_once('?') {
        return Err(refused(&format!("the options ?{options} are not understood; remove them")));
    }
    Ok(Target::File(PathBuf::from(path)))
}

/// The address without the password that it may hold.
fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((person, server)) => format!("{scheme}://{}:***@{server}", person.split(':').next().unwrap_or_default()),
        None => url.to_owned(),
    }
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
            ("postgresql+psycopg2://ann:secret@db/mecapy", "SQLite only"),
        ] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
