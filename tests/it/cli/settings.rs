//! `config show|path`, `doctor`, and what settings do to every command.

use crate::support::home::Home;

const CONFIG: &str = ".config/mecapy/config.toml";

#[test]
fn every_value_is_shown_with_its_origin() {
    let home = Home::new().with("MECAPY_LIMITS_TIMEOUT", "60").with("DATABASE_URL", "postgresql://ann:s3cret@db/m");
    let file = home.file(CONFIG, "[limits]\nmemory = 512\n");
    let shown = home.run(&["config", "show", "--json", "--set", "limits.cpu=1"]).code(0);
    assert!(!shown.out.contains("s3cret"), "{}", shown.out);
    let settings = shown.json_lines();
    let of = |key: &str| settings.iter().find(|setting| setting["key"] == key).unwrap();
    assert_eq!(of("limits.timeout")["value"], 60);
    assert_eq!(of("limits.timeout")["origin"], "environment variable MECAPY_LIMITS_TIMEOUT");
    assert_eq!(of("limits.memory")["origin"], format!("{}, line 2", file.display()));
    assert_eq!(of("limits.cpu")["origin"], "flag --set");
    assert_eq!(of("database.url")["value"], "postgresql://ann:***@db/m");
    assert_eq!(of("log.level")["origin"], "default");

    let table = home.run(&["config", "show"]).code(0);
    assert!(table.out.lines().any(|line| line.starts_with("limits.memory") && line.contains("512")), "{}", table.out);
}

#[test]
fn unknown_keys_and_profiles_name_the_nearest() {
    let home = Home::new();
    home.file(CONFIG, "[limits]\ntimeot = 3\n");
    home.run(&["config", "show"])
        .code(1)
        .says("config.toml, line 2: there is no setting \"limits.timeot\"; did you mean");
    home.file(CONFIG, "[profiles.cluster.limits]\ntimeout = 3\n");
    home.run(&["config", "show", "--profile", "clustr"]).code(2).says("did you mean \"cluster\"?");
    home.run(&["config", "show", "--profile", "cluster"]).code(0);
    home.run(&["config", "show", "--set", "limits.timeot=3"]).code(2).says("did you mean \"limits.timeout\"?");
    home.run(&["config", "show", "--config", "nowhere.toml"])
        .code(1)
        .says("nowhere.toml: No such file or directory (os error 2)\n");
}

#[test]
fn a_variable_that_means_nothing_is_warned_about() {
    let home = Home::new().with("MECAPY_LIMITS_TIMEOT", "3");
    home.run(&["config", "path"]).code(0).says("did you mean MECAPY_LIMITS_TIMEOUT?");
    let quiet = home.run(&["config", "path", "--quiet"]).code(0);
    assert_eq!(quiet.err, "");
}

#[test]
fn paths_follow_the_xdg_specification_and_the_settings() {
    let home = Home::new();
    let state = home.path().join("state");
    let home = home.with("XDG_STATE_HOME", state.to_str().unwrap());
    let data = home.path().join("elsewhere");
    let set = format!("paths.data={}", data.display());
    let paths = home.run(&["config", "path", "--json", "--set", &set]).json();
    assert_eq!(paths["state"], state.join("mecapy").to_str().unwrap());
    assert_eq!(paths["data"], data.to_str().unwrap());
    assert_eq!(paths["database"], data.join("mecapy.db").to_str().unwrap());
    assert_eq!(paths["cache"], home.path().join(".cache/mecapy").to_str().unwrap());
}

#[test]
fn the_log_is_private_and_hears_of_failures() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    home.file(CONFIG, "[log]\nlevel = 'info'\n");
    home.run(&["calc", "show", "77"]).code(5);
    let log = home.path().join(".local/state/mecapy/log/mecapy.log");
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("there is no calculation 77"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn doctor_tells_what_is_there_and_what_is_not() {
    let home = Home::new();
    let doctor = home.run(&["doctor", "--json"]);
    let checks = doctor.json_lines();
    let of = |area: &str| checks.iter().filter(|check| check["area"] == area).collect::<Vec<_>>();
    for area in ["settings", "folders", "database", "python", "sandbox", "limits", "runs", "terminal"] {
        assert!(!of(area).is_empty(), "{area}: {}", doctor.out);
    }
    assert!(!home.database().exists(), "doctor made a database");
    assert_eq!(doctor.code, i32::from(checks.iter().any(|check| check["mark"] == "error")), "{}", doctor.out);

    let empty = home.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let home = home.with("PATH", empty.to_str().unwrap());
    let doctor = home.run(&["doctor"]).code(1);
    assert!(doctor.out.contains("✗ error    python    no python3 in PATH"), "{}", doctor.out);
}
