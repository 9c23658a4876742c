//! Database addresses as the platform writes them.

use super::DbError;
use std::path::PathBuf;

/// What an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DatabaseUrl {
    /// A SQLite file.
    File(PathBuf),
    /// A SQLite database that lives as long as it is open.
    Memory,
    /// A database on a PostgreSQL server.
    Server(Box<Server>),
}

/// A database on a PostgreSQL server; what the address leaves out is `None`.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Server {
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: Option<String>,
    pub(super) tls: Option<String>,
    pub(super) root_certificate: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    /// Seconds.
    pub(super) connect_timeout: Option<u64>,
    pub(super) application_name: Option<String>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Server").field(&self.user).field(&self.host).field(&self.port).field(&self.database).finish()
    }
}

/// What the options behind the question mark may be.
const OPTIONS: &str = "host, port, user, password, dbname, sslmode, sslrootcert, sslcert, sslkey, connect_timeout, \
                       application_name";

/// Reads `postgresql://user:password@host:5432/database`, `sqlite:///./relative.db`, `sqlite:////absolute.db` or
/// `sqlite::memory:` (also `sqlite://`), as SQLAlchemy does; a driver behind a plus sign is dropped.
pub(crate) fn parse(url: &str) -> Result<DatabaseUrl, DbError> {
    let refused = |problem: String| DbError::Address { url: shown(url), problem };
    let write = "write postgresql://user@host/database or sqlite:////absolute/path.db";
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(refused(format!("is no address; {write}")));
    };
    match scheme.split('+').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "sqlite" => file(rest).map_err(|problem| refused(problem.to_owned())),
        "postgresql" | "postgres" => match rest.strip_prefix("//") {
            Some(rest) => server(rest).map(|server| DatabaseUrl::Server(Box::new(server))).map_err(refused),
            None => Err(refused("write two slashes before the server".to_owned())),
        },
        _ => Err(refused(format!("unknown kind of database; {write}"))),
    }
}

fn file(rest: &str) -> Result<DatabaseUrl, &'static str> {
    if matches!(rest, ":memory:" | "//" | "///:memory:") {
        return Ok(DatabaseUrl::Memory);
    }
    let Some(path) = rest.strip_prefix("///").filter(|path| !path.is_empty()) else {
        return Err("write three slashes before a relative path, four before an absolute one");
    };
    if path.contains('?') {
        return Err("the options behind the ? are not understood; remove them");
    }
    Ok(DatabaseUrl::File(PathBuf::from(path)))
}

/// Reads what stands behind `postgresql://`. Whatever is refused is not repeated: it may be a part of a password.
fn server(rest: &str) -> Result<Server, String> {
    // A password may hold what should have been escaped: the last @ ends it.
    let (person, rest) = rest.rsplit_once('@').map_or((None, rest), |(person, rest)| (Some(person), rest));
    let (rest, options) = rest.split_once('?').map_or((rest, ""), |(rest, options)| (rest, options));
    let (address, database) = rest.split_once('/').unwrap_or((rest, ""));
    let mut server = Server { database: filled(decoded(database)?), ..Server::default() };
    if let Some(person) = person {
        let (user, password) = person.split_once(':').map_or((person, None), |(user, word)| (user, Some(word)));
        server.user = filled(decoded(user)?);
        server.password = password.map(decoded).transpose()?;
    }
    let (host, port) = match address.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (address, None),
    };
    server.host = filled(decoded(host.trim_start_matches('[').trim_end_matches(']'))?);
    server.port = port.filter(|port| !port.is_empty()).map(number).transpose()?;
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').ok_or("an option behind the ? has no value")?;
        let value = decoded(&value.replace('+', " "))?;
        match name {
            "host" | "hostaddr" => server.host = Some(value),
            "port" => server.port = Some(number(&value)?),
            "user" => server.user = Some(value),
            "password" => server.password = Some(value),
            "dbname" => server.database = Some(value),
            "sslmode" => server.tls = Some(value),
            "sslrootcert" => server.root_certificate = Some(value.into()),
            "sslcert" => server.certificate = Some(value.into()),
            "sslkey" => server.key = Some(value.into()),
            "connect_timeout" => server.connect_timeout = Some(number(&value)?),
            "application_name" => server.application_name = Some(value),
            _ => return Err(format!("an option behind the ? is not understood; understood are {OPTIONS}")),
        }
    }
    if server.host.as_ref().is_some_and(|host| host.contains(',')) {
        return Err("one server only".to_owned());
    }
    if server.certificate.is_some() != server.key.is_some() {
        return Err("sslcert and sslkey go together".to_owned());
    }
    Ok(server)
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "a port or a time is no such number".to_owned())
}

/// Resolves `%40` and the like.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let code = tail.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        // A stray % stands for itself: a password may hold one.
        match code.filter(|code| !code.starts_with('+')).and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| "what its % signs stand for is no text".to_owned())
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
        let file = |path: &str| DatabaseUrl::File(PathBuf::from(path));
        for (url, target) in [
            ("sqlite:///./mecapy.db", file("./mecapy.db")),
            ("sqlite:///mecapy.db", file("mecapy.db")),
            ("sqlite:////srv/mecapy.db", file("/srv/mecapy.db")),
            ("sqlite+aiosqlite:////srv/a b.db", file("/srv/a b.db")),
            ("sqlite::memory:", DatabaseUrl::Memory),
            ("sqlite:///:memory:", DatabaseUrl::Memory),
            ("sqlite://", DatabaseUrl::Memory),
        ] {
            assert_eq!(parse(url).unwrap(), target, "{url}");
        }
    }

    #[test]
    fn servers_as_sqlalchemy_reads_them() {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        for (url, host, port, user, password, database) in [
            ("postgresql://ann:secret@db:5433/mecapy", "db", Some(5433), "ann", "secret", "mecapy"),
            ("postgres://db/mecapy", "db", None, "", "", "mecapy"),
            ("postgresql+psycopg2://ann@db.example/mecapy", "db.example", None, "ann", "", "mecapy"),
            ("postgresql+asyncpg://ann:p%40ss%2Fw%25d@db/m", "db", None, "ann", "p@ss/w%d", "m"),
            ("postgresql://ann:p@ss/w?rd@db/m", "db", None, "ann", "p@ss/w?rd", "m"),
            ("postgresql://ann:100%@[::1]:5432/m", "::1", Some(5432), "ann", "100%", "m"),
            ("postgresql:///m?host=/run/postgresql&port=6&user=ann", "/run/postgresql", Some(6), "ann", "", "m"),
            ("postgresql://", "", None, "", "", ""),
        ] {
            let DatabaseUrl::Server(server) = parse(url).unwrap() else { panic!("{url}") };
            assert_eq!((server.host, server.port, server.user), (some(host), port, some(user)), "{url}");
            assert_eq!((server.password, server.database), (some(password), some(database)), "{url}");
        }
    }

    #[test]
    fn refusals_say_what_to_write_and_hide_passwords() {
        for (url, words) in [
            ("mecapy.db", "write postgresql://"),
            ("sqlite://mecapy.db", "three slashes"),
            ("sqlite:///", "three slashes"),
            ("sqlite:///a.db?mode=ro", "not understood"),
            ("mysql://a/b", "unknown kind"),
            ("postgresql+psycopg2://ann:secret@db:x/mecapy", "ann:***@db:x/mecapy: a port"),
            ("postgresql://ann:se?cret:secret@db/mecapy?secret=1", "not understood"),
            ("postgresql://db/mecapy?user=ann&password=secret&x=y", "postgresql://db/mecapy?***"),
            ("postgresql://db/mecapy?password=secret&options=-csearch_path", "understood are host"),
            ("postgresql://db/mecapy?sslcert=a", "go together"),
            ("postgresql://a,b/mecapy", "one server"),
            ("postgresql:ann:secret@db", "two slashes"),
            ("sqlite:///a.db?password=secret", "not understood"),
        ] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let server = parse("postgresql://ann:secret@db/mecapy").unwrap();
        assert!(!format!("{server:?}").contains("secret"));
    }
}
