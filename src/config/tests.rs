//! Layers, origins, refusals: over made-up surroundings.

use super::*;

struct Place {
    folder: tempfile::TempDir,
    environment: Environment,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let environment = Environment {
        variables: BTreeMap::new(),
        home: root.join("home"),
        current: root.join("here"),
        base: Paths {
            config: root.join("config"),
            state: root.join("state"),
            cache: root.join("cache"),
            data: root.join("data"),
        },
        system_file: root.join("etc.toml"),
    };
    std::fs::create_dir_all(&environment.base.config).unwrap();
    Place { folder, environment }
}

impl Place {
    fn user_file(&self) -> PathBuf {
        self.environment.base.config.join("config.toml")
    }

    fn user(self, text: &str) -> Self {
        std::fs::write(self.user_file(), text).unwrap();
        self
    }

    fn system(self, text: &str) -> Self {
        std::fs::write(&self.environment.system_file, text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.variables.insert(name.into(), value.into());
        self
    }

    fn load(&self, flags: &Flags) -> Result<Loaded, ConfigError> {
        load_from(flags, &self.environment)
    }

    fn refusal(&self) -> String {
        self.load(&Flags::default()).unwrap_err().to_string()
    }
}

fn origin<'a>(loaded: &'a Loaded, key: &str) -> &'a str {
    &loaded.origins.iter().find(|origin| origin.key == key).unwrap().origin
}

#[test]
fn nothing_configured_gives_the_documented_defaults() {
    let place = place();
    let loaded = place.load(&Flags::default()).unwrap();
    let config = &loaded.config;
    assert_eq!(config.limits.default, Limits::default());
    assert_eq!(config.limits.maximum, Limits { timeout: 86_400, memory_limit: 65_536, cpu_limit: 64.0 });
    assert_eq!(config.caps, Caps::default());
    assert_eq!(config.runs.max_per_user, 2);
    assert!(config.runs.max_per_host >= 1);
    assert_eq!(config.database.url, None);
    assert_eq!(config.storage.path, place.folder.path().join("data/objects"));
    assert_eq!(config.paths, place.environment.base);
    assert!(loaded.origins.iter().all(|origin| origin.origin == "default"));
    assert!(loaded.files.iter().all(|file| !file.found));
}

#[test]
fn the_default_file_holds_every_setting_and_no_other() {
    let mut keys: Vec<_> = default_entries().unwrap().into_iter().map(|entry| entry.setting.key).collect();
    let mut known: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
    assert_eq!(keys.len(), known.len());
    keys.sort_unstable();
    known.sort_unstable();
    assert_eq!(keys, known);
}

#[test]
fn layers_win_in_their_order_and_keep_their_origin() {
    let file = "[limits]\ntimeout = 2\nmemory = 202\n[profiles.big.limits]\ntimeout = 3\nmax_memory = 300000\n";
    let place = place().system("[limits]\ntimeout = 1\ncpu = 0.25\n").user(file);
    let timeout = |place: &Place, flags: &Flags| place.load(flags).unwrap().config.limits.default.timeout;
    let none = Flags::default();
    assert_eq!(timeout(&place, &none), 2);

    let profile = Flags { profile: Some("big".to_owned()), ..Flags::default() };
    assert_eq!(timeout(&place, &profile), 3);
    let place = place.variable("MECAPY_LIMITS_TIMEOUT", "4");
    assert_eq!(timeout(&place, &profile), 4);
    let flag = Flags { set: vec!["limits.timeout=5".to_owned(), "limits.timeout=6".to_owned()], ..profile };
    let loaded = place.load(&flag).unwrap();
    assert_eq!(loaded.config.limits.default.timeout, 6);
    assert_eq!(loaded.config.profile.as_deref(), Some("big"));

    let user = place.user_file().display().to_string();
    let system = place.environment.system_file.display().to_string();
    assert_eq!(origin(&loaded, "limits.timeout"), "flag --set");
    assert_eq!(origin(&loaded, "limits.memory"), format!("{user}, line 3"));
    assert_eq!(origin(&loaded, "limits.max_memory"), format!("{user}, line 6 (profile big)"));
    assert_eq!(origin(&loaded, "limits.cpu"), format!("{system}, line 3"));
    assert_eq!(origin(&loaded, "limits.max_cpu"), "default");
}

#[test]
fn the_profile_can_come_from_the_environment_and_must_exist() {
    let place = place().user("[profiles.cluster.runs]\nmax_per_user = 9\n").variable("MECAPY_PROFILE", "cluster");
    assert_eq!(place.load(&Flags::default()).unwrap().config.runs.max_per_user, 9);
    let flags = Flags { profile: Some("clutser".to_owned()), ..Flags::default() };
    assert_eq!(
        place.load(&flags).unwrap_err().to_string(),
        "--profile: there is no profile \"clutser\"; did you mean \"cluster\"?"
    );
}

#[test]
fn unknown_keys_are_refused_with_line_and_nearest_name() {
    for (text, line, says) in [
        ("[limits]\ntimeout = 30\nmax_timout = 5\n", 3, "\"limits.max_timout\"; did you mean \"limits.max_timeout\"?"),
        ("\n[sandbx]\n", 2, "\"sandbx\"; did you mean \"sandbox\"?"),
        ("log.levle = 'info'\n", 1, "\"log.levle\"; did you mean \"log.level\"?"),
        (
            "[profiles.a.screen]\nthem = 'dark'\n",
            2,
            "\"profiles.a.screen.them\"; did you mean \"profiles.a.screen.theme\"?",
        ),
        ("[screen]\nqqq = 1\n", 2, "\"screen.qqq\"; "),
    ] {
        let place = place().user(text);
        let refusal = place.refusal();
        assert!(refusal.contains(&format!("config.toml, line {line}: there is no setting {says}")), "{refusal}");
    }
}

#[test]
fn values_of_the_wrong_kind_are_refused_with_line() {
    for (text, line, says) in [
        ("[limits]\n\ntimeout = 'soon'\n", 3, "limits.timeout must be a whole number from 1 to 31536000, got \"soon\""),
        ("[limits]\ntimeout = 0\n", 2, "limits.timeout must be a whole number"),
        ("[limits]\ncpu = nan\n", 2, "limits.cpu must be a number from 0.01 to 4096, got NaN"),
        ("[limits]\ntimeout = [30]\n", 2, "limits.timeout must be one value, got array"),
        ("limits = 3\n", 1, "limits must be a section: write [limits]"),
        ("[sandbox]\nengine = 'podman'\n", 2, "sandbox.engine must be one of auto, docker, builtin, got \"podman\""),
        ("[screen]\nmouse = 'yes'\n", 2, "screen.mouse must be true or false, got \"yes\""),
        ("[profiles]\na = 1\n", 2, "profiles.a must be a section"),
        ("[limits]\ntimeout = \n", 2, ""),
        ("[limits]\ntimeout = 1\ntimeout = 2\n", 3, ""),
    ] {
        let refusal = place().user(text).refusal();
        assert!(refusal.contains(&format!("config.toml, line {line}: {says}")), "{refusal}");
        assert!(!refusal.contains('\n'), "{refusal}");
    }
}

#[test]
fn a_default_limit_above_its_maximum_is_refused_where_it_stands() {
    let place = place().user("[limits]\nmemory = 100000\n");
    let refusal = place.refusal();
    assert!(refusal.contains("config.toml, line 2: memory_limit: 100000 MiB is outside 16 to 65536 MiB"), "{refusal}");
}

#[test]
fn variables_are_known_by_name_never_by_their_underscores() {
    let place = place().variable("MECAPY_LIMITS_MAX_TIMEOUT", "50").variable("MECAPY_SANDBOX_ALLOW_UNISOLATED", "true");
    let loaded = place.load(&Flags::default()).unwrap();
    assert_eq!(loaded.config.limits.maximum.timeout, 50);
    assert!(loaded.config.sandbox.allow_unisolated);
    assert_eq!(origin(&loaded, "limits.max_timeout"), "environment variable MECAPY_LIMITS_MAX_TIMEOUT");
    assert_eq!(loaded.warnings, Vec::<String>::new());
}

#[test]
fn unknown_variables_warn_and_empty_ones_count_as_unset() {
    let place = place()
        .variable("MECAPY_LIMITS_TIMOUT", "5")
        .variable("MECAPY_LIMITS_MEMORY", "")
        .variable("MECAPY_SCRATCH", "/workspace/scratch")
        .variable("PATH", "/bin");
    let loaded = place.load(&Flags::default()).unwrap();
    assert_eq!(loaded.config.limits.default, Limits::default());
    assert_eq!(
        loaded.warnings,
        ["the environment variable MECAPY_LIMITS_TIMOUT means nothing to mecapy; did you mean MECAPY_LIMITS_TIMEOUT?"]
    );
}

#[test]
fn a_bad_variable_or_flag_names_itself() {
    let place = place().variable("MECAPY_LIMITS_CPU", "half");
    assert_eq!(
        place.refusal(),
        "environment variable MECAPY_LIMITS_CPU: limits.cpu must be a number from 0.01 to 4096, got \"half\""
    );
    let place = self::place();
    for (flag, says) in [
        ("limits.timeout", "--set \"limits.timeout\": write it as section.key=value"),
        ("limits.timeuot=3", "--set: there is no setting \"limits.timeuot\"; did you mean \"limits.timeout\"?"),
        ("limits.timeout=-1", "--set: limits.timeout must be a whole number"),
    ] {
        let refusal = place.load(&Flags { set: vec![flag.to_owned()], ..Flags::default() }).unwrap_err().to_string();
        assert!(refusal.starts_with(says), "{refusal}");
    }
    let refusal = place.load(&Flags { color: Some("red".to_owned()), ..Flags::default() }).unwrap_err();
    assert_eq!(refusal.to_string(), "--color: screen.color must be one of auto, always, never, got \"red\"");
}

#[test]
fn the_platforms_url_counts_is_shown_with_its_origin_and_keeps_its_secret() {
    let place = place().variable("DATABASE_URL", "postgresql://ann:s3cret@db/m");
    let loaded = place.load(&Flags::default()).unwrap();
    assert_eq!(loaded.config.database.url_origin, "environment variable DATABASE_URL");
    assert_eq!(loaded.config.database.url.as_ref().unwrap().expose(), "postgresql://ann:s3cret@db/m");
    assert!(!format!("{loaded:?}").contains("s3cret"));
    assert!(!serde_json::to_string(&loaded.origins).unwrap().contains("s3cret"));

    let place = place.variable("MECAPY_DATABASE_URL", "sqlite::memory:");
    let loaded = place.load(&Flags::default()).unwrap();
    assert_eq!(loaded.config.database.url_origin, "environment variable MECAPY_DATABASE_URL");
}

#[test]
fn paths_start_where_they_were_written() {
    let place = place()
        .user("[sandbox]\npython = '~/venv/bin/python'\n[storage]\npath = 'objects'\n")
        .variable("MECAPY_PATHS_STATE", "state");
    let config = place.load(&Flags::default()).unwrap().config;
    let root = place.folder.path();
    assert_eq!(config.sandbox.python, Some(root.join("home/venv/bin/python")));
    assert_eq!(config.storage.path, root.join("config/objects"));
    assert_eq!(config.paths.state, root.join("here/state"));
}

#[test]
fn a_path_that_is_not_utf8_is_refused_not_bent() {
    use std::os::unix::ffi::OsStringExt as _;
    let mut place = place();
    place.environment.current = PathBuf::from(OsString::from_vec(b"/srv/caf\xe9".to_vec()));
    let flags = Flags { set: vec!["paths.data=data".to_owned()], ..Flags::default() };
    let refusal = place.load(&flags).unwrap_err().to_string();
    assert!(refusal.starts_with("flag --set: paths.data is not UTF-8: "), "{refusal}");
}

#[test]
fn a_named_file_replaces_the_users_and_must_be_there() {
    let place = place().user("[limits]\ntimeout = 2\n");
    let named = place.folder.path().join("other.toml");
    let flags = Flags { config: Some(named.clone()), ..Flags::default() };
    let refusal = place.load(&flags).unwrap_err().to_string();
    assert!(refusal.starts_with(&format!("cannot read {}: ", named.display())), "{refusal}");
    std::fs::write(&named, "[limits]\ntimeout = 7\n").unwrap();
    assert_eq!(place.load(&flags).unwrap().config.limits.default.timeout, 7);
    let place = place.variable("MECAPY_CONFIG", named.to_str().unwrap());
    assert_eq!(place.load(&Flags::default()).unwrap().config.limits.default.timeout, 7);
}

proptest::proptest! {
    /// Whatever stands in a file, and however a file of this grammar is cut short: settings or a refusal that names
    /// a line of it, never a panic.
    #[test]
    fn any_file_is_read_or_refused(noise in ".{0,80}", cut in 0..DEFAULTS.len(), at in 0..DEFAULTS.len()) {
        let cut: String = DEFAULTS.bytes().take(cut).map(char::from).collect();
        let mixed: String = DEFAULTS.bytes().take(at).map(char::from).chain(noise.chars()).collect();
        for text in [&noise, &cut, &mixed] {
            if let Err(error) = layers::read_file(Path::new("f.toml"), text) {
                let words = error.to_string();
                let line: usize = words.strip_prefix("f.toml, line ").unwrap().split(':').next().unwrap().parse().unwrap();
                proptest::prop_assert!((1..=text.split('\n').count()).contains(&line), "{}", words);
            }
        }
    }

    /// A `--set` is taken as it was written or refused, whatever was typed.
    #[test]
    fn any_flag_is_taken_or_refused(given in "[a-z._]{0,20}=?.{0,20}") {
        let flags = Flags { set: vec![given.clone()], ..Flags::default() };
        if let Ok(entries) = layers::read_flags(&flags) {
            proptest::prop_assert_eq!(entries.len(), 1);
            let key = given.split('=').next().unwrap();
            proptest::prop_assert_eq!(entries[0].setting.key, key);
        }
    }
}
