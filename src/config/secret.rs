//! A database URL whose password stays out of logs, messages and `Debug` output.

/// The URL of a database. `Display` and `Debug` hide what may be secret; only [`SecretUrl::expose`] gives it whole.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Wraps a URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL with its password, for the driver alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The part before `:`, without a driver's suffix: `postgresql` of `postgresql+psycopg2://…`.
    pub fn scheme(&self) -> &str {
        let scheme = self.0.split(':').next().unwrap_or_default();
        scheme.split('+').next().unwrap_or_default()
    }

    /// The URL as it may be shown: no password, no query (which may hold one).
    pub fn redacted(&self) -> String {
        let url = self.0.as_str();
        let Some((scheme, rest)) = url.split_once("://") else {
            // `sqlite::memory:` and the like; anything else without `//` is not understood, so it is not shown.
            return if url.is_empty() || url.starts_with("sqlite:") { url.to_owned() } else { "***".to_owned() };
        };
        let (before_query, query) = match rest.split_once('?') {
            Some((_, after)) if after.contains('@') => {
                // A password with `?` in it or a query with `@` in it: which, cannot be told.
                return format!("{scheme}://***");
            }
            Some((before, _)) => (before, "?***"),
            None => (rest, ""),
        };
        // A password may hold `@` and `/` unescaped: everything up to the last `@` counts as user and password.
        let shown = match before_query.rsplit_once('@') {
            Some((person, host)) => match person.split_once(':') {
                Some((user, _)) => format!("{user}:***@{host}"),
                None => format!("{person}@{host}"),
            },
            None => before_query.to_owned(),
        };
        format!("{scheme}://{shown}{query}")
    }
}

impl From<String> for SecretUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl std::fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl std::fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretUrl({})", self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_password_is_hidden() {
        for (url, shown) in [
            ("postgresql://ann:s3cret@db.example/mecapy", "postgresql://ann:***@db.example/mecapy"),
            ("postgresql+psycopg2://ann:p@ss/word@db/m", "postgresql+psycopg2://ann:***@db/m"),
            ("postgres://db/m?user=ann&password=s3cret", "postgres://db/m?***"),
            ("postgres://ann@db/m", "postgres://ann@db/m"),
            ("sqlite:////var/lib/mecapy.db", "sqlite:////var/lib/mecapy.db"),
            ("sqlite::memory:", "sqlite::memory:"),
            ("ann:s3cret", "***"),
        ] {
            assert_eq!(SecretUrl::new(url).redacted(), shown);
        }
        assert_eq!(SecretUrl::new("postgresql+psycopg2://h/d").scheme(), "postgresql");
    }

    proptest! {
        #[test]
        fn no_password_survives(password in "[A-Za-z0-9@:/?#%&=!]{6,20}") {
            let url = SecretUrl::new(format!("postgresql://u:{password}@h/d"));
            prop_assert!(!url.to_string().contains(&password));
            let debug = format!("{url:?}");
            prop_assert!(!debug.contains(&password));
        }
    }
}
