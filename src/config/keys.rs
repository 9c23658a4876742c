//! The list of every setting: its key, what values it takes, and the variables that set it.
//!
//! To add a setting: a line with its default and its meaning in `config/default.toml`, one in [`SETTINGS`], and a field in
//! the model of the same name.
//!
//! Names of environment variables come from this list, never from splitting a variable at `_`: a key such as
//! `limits.max_timeout` has one too.

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A path; empty for "the usual place".
    Path,
    /// Any text; empty for "not set".
    Text,
    /// The URL of a database; its password is never shown.
    Url,
    /// `true` or `false`.
    Switch,
    /// A whole number within these bounds.
    Integer(i64, i64),
    /// A number within these bounds.
    Number(f64, f64),
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// `section.key`.
    pub key: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The platform's own variable that sets it too, weaker than the `MECAPY_` one.
    pub platform: Option<&'static str>,
}

const fn setting(key: &'static str, kind: Kind) -> Setting {
    Setting { key, kind, platform: None }
}

const MIB: i64 = 1 << 20;

/// Docker's own client takes any value of this variable for "yes", `0` included.
pub(super) const ANY_IS_TRUE: &str = "DOCKER_TLS_VERIFY";

/// All of them, in the order of `config/default.toml`.
pub const SETTINGS: &[Setting] = &[
    Setting { key: "database.url", kind: Kind::Url, platform: Some("DATABASE_URL") },
    Setting { key: "database.pool_size", kind: Kind::Integer(1, 1_000), platform: Some("DB_POOL_SIZE") },
    Setting { key: "database.max_overflow", kind: Kind::Integer(0, 1_000), platform: Some("DB_MAX_OVERFLOW") },
    Setting { key: "database.pool_timeout", kind: Kind::Integer(1, 3_600), platform: Some("DB_POOL_TIMEOUT") },
    setting("database.recycle", Kind::Integer(1, 31_536_000)),
    setting("database.connect_timeout", Kind::Integer(1, 3_600)),
    setting("database.statement_timeout", Kind::Integer(0, 86_400)),
    setting("database.tls", Kind::Choice(&["auto", "disable", "prefer", "require", "verify-ca", "verify-full"])),
    setting("database.tls_ca", Kind::Path),
    setting("storage.path", Kind::Path),
    setting("paths.data", Kind::Path),
    setting("paths.state", Kind::Path),
    setting("paths.cache", Kind::Path),
    setting("limits.timeout", Kind::Integer(1, 31_536_000)),
    setting("limits.memory", Kind::Integer(16, 16 * MIB)),
    setting("limits.cpu", Kind::Number(0.01, 4096.0)),
    setting("limits.max_timeout", Kind::Integer(1, 31_536_000)),
    setting("limits.max_memory", Kind::Integer(16, 16 * MIB)),
    setting("limits.max_cpu", Kind::Number(0.01, 4096.0)),
    setting("caps.pids", Kind::Integer(8, 1 << 22)),
    setting("caps.log_mib", Kind::Integer(1, MIB)),
    setting("caps.output_files", Kind::Integer(1, 1_000_000)),
    setting("caps.output_mib", Kind::Integer(1, MIB)),
    setting("caps.scratch_mib", Kind::Integer(1, MIB)),
    setting("caps.tmp_mib", Kind::Integer(1, MIB)),
    setting("caps.grace", Kind::Integer(0, 3_600)),
    setting("runs.max_per_user", Kind::Integer(1, 4_096)),
    setting("runs.max_per_host", Kind::Integer(0, 4_096)),
    setting("sandbox.engine", Kind::Choice(&["auto", "docker", "builtin"])),
    setting("sandbox.allow_unisolated", Kind::Switch),
    setting("sandbox.python", Kind::Path),
    setting("sandbox.image", Kind::Text),
    Setting { key: "docker.host", kind: Kind::Text, platform: Some("DOCKER_HOST") },
    Setting { key: "docker.context", kind: Kind::Text, platform: Some("DOCKER_CONTEXT") },
    Setting { key: "docker.tls_verify", kind: Kind::Switch, platform: Some(ANY_IS_TRUE) },
    Setting { key: "docker.cert_path", kind: Kind::Path, platform: Some("DOCKER_CERT_PATH") },
    Setting { key: "docker.config", kind: Kind::Path, platform: Some("DOCKER_CONFIG") },
    setting("screen.color", Kind::Choice(&["auto", "always", "never"])),
    setting("screen.theme", Kind::Choice(&["terminal", "dark", "light"])),
    setting("screen.mouse", Kind::Switch),
    setting("log.level", Kind::Choice(&["error", "warn", "info", "debug", "trace"])),
    setting("log.max_mib", Kind::Integer(1, 4_096)),
];

/// Variables with mecapy's prefix that are no setting: the choice of file and profile, and those that the
/// runtime contract gives to a calculation (mecapy may well be started from one).
pub const OTHER_VARIABLES: &[&str] =
    &["MECAPY_CONFIG", "MECAPY_PROFILE", "MECAPY_CPU_LIMIT", "MECAPY_MEM_LIMIT_MB", "MECAPY_SCRATCH"];

/// A value that fits its setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A path, a word or a URL.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A switch.
    Switch(bool),
}

impl Setting {
    /// The setting of this key.
    pub fn find(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// `MECAPY_<SECTION>_<KEY>`.
    pub fn variable(&self) -> String {
        format!("MECAPY_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// Whether its value may hold a password.
    pub const fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Url)
    }

    /// Reads a value given as text, by a variable or a flag.
    pub fn read(&self, text: &str) -> Result<Scalar, String> {
        let value = match self.kind {
            Kind::Path | Kind::Text | Kind::Url | Kind::Choice(_) => Scalar::Text(text.to_owned()),
            Kind::Switch => match text {
                "true" | "1" | "yes" | "on" => Scalar::Switch(true),
                "false" | "0" | "no" | "off" => Scalar::Switch(false),
                _ => return Err(self.wants(&format!("{text:?}"))),
            },
            Kind::Integer(..) => match text.parse() {
                Ok(number) => Scalar::Integer(number),
                Err(_) => return Err(self.wants(&format!("{text:?}"))),
            },
            Kind::Number(..) => match text.parse() {
                Ok(number) => Scalar::Number(number),
                Err(_) => return Err(self.wants(&format!("{text:?}"))),
            },
        };
        self.check(value)
    }

    /// Checks a value that already has a type, as a file gives it. A whole number is a number too.
    pub fn check(&self, value: Scalar) -> Result<Scalar, String> {
        match (self.kind, value) {
            (Kind::Path | Kind::Text | Kind::Url, Scalar::Text(text)) if text.contains('\0') => {
                Err("must not hold a NUL character".to_owned())
            }
            (Kind::Path | Kind::Text | Kind::Url, Scalar::Text(text)) => Ok(Scalar::Text(text)),
            (Kind::Choice(words), Scalar::Text(text)) if words.contains(&text.as_str()) => Ok(Scalar::Text(text)),
            (Kind::Switch, Scalar::Switch(on)) => Ok(Scalar::Switch(on)),
            (Kind::Integer(least, most), Scalar::Integer(number)) if (least..=most).contains(&number) => {
                Ok(Scalar::Integer(number))
            }
            (Kind::Number(least, most), Scalar::Number(number)) if (least..=most).contains(&number) => {
                Ok(Scalar::Number(number))
            }
            (Kind::Number(..), Scalar::Integer(number)) => self.check(Scalar::Number(number as f64)),
            (_, other) => Err(self.wants(&other.to_string())),
        }
    }

    fn wants(&self, got: &str) -> String {
        // What was given for a URL may be a password.
        let got = if self.is_secret() { "something else" } else { got };
        match self.kind {
            Kind::Path => format!("must be a path in quotes, got {got}"),
            Kind::Text => format!("must be text in quotes, got {got}"),
            Kind::Url => format!("must be a URL in quotes, got {got}"),
            Kind::Switch => format!("must be true or false, got {got}"),
            Kind::Integer(least, most) => format!("must be a whole number from {least} to {most}, got {got}"),
            Kind::Number(least, most) => format!("must be a number from {least} to {most}, got {got}"),
            Kind::Choice(words) => format!("must be one of {}, got {got}", words.join(", ")),
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Switch(on) => on.fmt(f),
        }
    }
}

/// The candidate that a mistyped name most likely meant, where one is near enough.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_two_settings_share_a_variable() {
        let mut names: Vec<_> = SETTINGS.iter().map(Setting::variable).collect();
        names.extend(OTHER_VARIABLES.iter().map(|name| (*name).to_owned()));
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn refusals_say_what_would_be_right() {
        let timeout = Setting::find("limits.timeout").unwrap();
        assert_eq!(timeout.read("0").unwrap_err(), "must be a whole number from 1 to 31536000, got 0");
        assert_eq!(timeout.read("soon").unwrap_err(), "must be a whole number from 1 to 31536000, got \"soon\"");
        let cpu = Setting::find("limits.cpu").unwrap();
        assert!(cpu.read("NaN").is_err() && cpu.read("inf").is_err() && cpu.read("-1").is_err());
        assert_eq!(cpu.check(Scalar::Integer(2)), Ok(Scalar::Number(2.0)));
        let url = Setting::find("database.url").unwrap();
        assert!(!url.check(Scalar::Integer(12_345)).unwrap_err().contains("12345"));
    }

    #[test]
    fn a_mistyped_name_finds_its_setting() {
        let keys = || SETTINGS.iter().map(|setting| setting.key);
        assert_eq!(nearest("limits.timout", keys()), Some("limits.timeout"));
        assert_eq!(nearest("sandbox.pyton", keys()), Some("sandbox.python"));
        assert_eq!(nearest("zzz", keys()), None);
    }

    proptest! {
        /// Whatever stands in a variable or a flag: a value within bounds or a refusal, never a panic, and what was
        /// taken reads back the same.
        #[test]
        fn any_text_is_read_or_refused(index in 0..SETTINGS.len(), text in ".{0,40}") {
            let setting = &SETTINGS[index];
            if let Ok(value) = setting.read(&text) {
                prop_assert_eq!(setting.check(value.clone()), Ok(value));
            }
        }

        #[test]
        fn numbers_within_bounds_are_taken(number in 1_i64..=31_536_000) {
            let timeout = Setting::find("limits.timeout").unwrap();
            prop_assert_eq!(timeout.read(&number.to_string()), Ok(Scalar::Integer(number)));
        }
    }
}
