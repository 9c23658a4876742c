//! What `mecapy doctor` says of the container engine.

use crate::support::{docker::Engine, home::Home};
use std::os::unix::net::UnixListener;

/// The words on the engine, with their marks.
fn said(home: &Home) -> Vec<(String, String)> {
    let checks = home.run(&["doctor", "--json"]).json_lines();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let engine = checks.iter().filter(|check| check["area"] == "engine");
    engine
        .map(|check| (text(&check["mark"]), format!("{} -> {}", text(&check["fact"]), text(&check["advice"]))))
        .collect()
}

fn home(host: &str) -> Home {
    Home::new().with("DOCKER_HOST", host).with("MECAPY_SANDBOX_ENGINE", "auto")
}

#[test]
fn an_engine_is_told_with_its_version_its_ground_and_its_known_holes() {
    let Some(engine) = Engine::shared() else { return };
    let said = said(&home(&engine.host()));
    let all = format!("{said:#?}");
    assert!(said[0].0 == "ok" && said[0].1.starts_with("Docker ") && said[0].1.contains("DOCKER_HOST"), "{all}");
    assert!(said[0].1.contains(engine.socket().to_str().unwrap()), "{all}");
    assert!(
        said[1].1.contains("control groups ") && said[1].1.contains("storage ") && said[1].1.contains("runc "),
        "{all}"
    );
    let version = said[0].1.split([' ', ',']).nth(1).unwrap();
    if version.starts_with("20.") {
        assert!(said.iter().any(|(mark, words)| mark == "warning" && words.contains("29.5.1")), "{all}");
    }
    assert!(said.iter().any(|(_, words)| words.contains("restart")), "{all}");
    assert!(said.iter().any(|(_, words)| words.starts_with("a run in it: Holds: ")), "{all}");
    assert!(said.iter().any(|(_, words)| words.starts_with("sandbox.engine = auto: a run gets ")), "{all}");
}

#[test]
fn podman_is_told_by_its_own_name() {
    let Some(engine) = Engine::podman() else { return };
    let said = said(&home(&engine.host()));
    assert!(said[0].1.starts_with("Podman "), "{said:#?}");
    assert!(!said.iter().any(|(_, words)| words.contains("29.5.1")), "{said:#?}");
}

#[test]
fn an_engine_that_cannot_be_used_is_told_in_plain_words_and_breaks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| format!("unix://{}", folder.path().join(name).display());

    let absent = said(&home(&place("absent.sock")));
    assert!(absent[0].0 == "warning" && absent[0].1.contains("there is no such socket"), "{absent:?}");
    let auto = &absent.last().unwrap().1;
    assert!(
        auto.starts_with("sandbox.engine = auto: a run gets built-in ") && auto.contains("no such socket"),
        "{auto}"
    );

    drop(UnixListener::bind(folder.path().join("left.sock")).unwrap());
    let refused = said(&home(&place("left.sock")));
    assert!(refused[0].1.contains("does not run") && refused[0].1.contains("systemctl"), "{refused:?}");

    let _silent = UnixListener::bind(folder.path().join("silent.sock")).unwrap();
    let silent = said(&home(&place("silent.sock")));
    assert!(silent[0].1.contains("does not answer within 5 s"), "{silent:?}");

    let home = Home::new().of_an_ordinary_user();
    let closed = home.path().join("closed.sock");
    let _closed = UnixListener::bind(&closed).unwrap();
    std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    let denied = said(&home.with("DOCKER_HOST", &format!("unix://{}", closed.display())));
    assert!(denied[0].1.contains("no permission for "), "{denied:?}");
}

#[test]
fn an_engine_that_the_settings_want_and_cannot_have_is_an_error_with_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let host = format!("unix://{}/absent.sock", folder.path().display());
    let wanted = ["doctor", "--set", "sandbox.engine=docker"];
    home(&host).run(&wanted).code(7);
    let home = Home::new().of_an_ordinary_user();
    let closed = home.path().join("closed.sock");
    let _closed = UnixListener::bind(&closed).unwrap();
    std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    home.with("DOCKER_HOST", &format!("unix://{}", closed.display())).run(&wanted).code(6);
}
