//! Which content a name means, and whether it can do what is asked.

use crate::support::docker::{Engine, images::Root};
use mecapy::sandbox::docker::{Connection, Image, ImageError, PROBE, Search, find};

/// A connection is of one runtime, so everything with it happens inside.
fn with<T: Send + 'static>(engine: &Engine, work: impl AsyncFnOnce(Connection) -> T + Send) -> T {
    let search = Search {
        host: Some((engine.host(), "the test".to_owned())),
        context: None,
        tls: false,
        keys: "/nowhere".into(),
        folder: "/nowhere".into(),
        usual: Vec::new(),
    };
    std::thread::scope(|scope| {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let done = scope.spawn(move || runtime().block_on(async { work(find(&search).await.unwrap()).await }));
        done.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn image(engine: &Engine, name: &str) -> Result<Image, ImageError> {
    with(engine, async |connection| connection.image(name).await)
}

fn python(engine: &Engine, name: &str) -> Result<String, ImageError> {
    with(engine, async |connection| connection.python_of(&connection.image(name).await?).await)
}

/// What was made to look into this image is gone.
#[track_caller]
fn no_probe_is_left(engine: &Engine, name: &str) {
    let id = image(engine, name).unwrap().id;
    let filter = format!("%7B%22label%22%3A%5B%22{PROBE}%22%5D%7D");
    let probes = engine.api("GET", &format!("/containers/json?all=1&filters={filter}"), "");
    assert!(!probes.contains(&id), "{probes}");
}

#[test]
fn an_imported_image_has_an_id_and_no_digest() {
    for engine in [Engine::shared(), Engine::podman()] {
        let Some(engine) = engine else { continue };
        let Some(name) = engine.python() else { continue };
        let found = image(engine, name).unwrap();
        assert!(found.id.starts_with("sha256:") && found.id.len() == 71, "{found:?}");
        assert!(found.size > 50 << 20, "{found:?}");
        // Podman makes one up.
        assert!(found.digest.is_none() || engine.is_podman(), "{found:?}");
        assert_eq!(python(engine, name).unwrap(), "/usr/bin/python3");
        assert_eq!(image(engine, &found.id).unwrap().id, found.id, "an id is a name too");
        no_probe_is_left(engine, name);
    }
}

#[test]
fn an_image_without_python_is_known_before_anything_starts() {
    let Some(engine) = Engine::shared() else { return };
    let error = python(engine, engine.bash()).unwrap_err();
    assert!(matches!(&error, ImageError::NoPython { .. }), "{error}");
    assert!(error.to_string().contains("has no python3") && error.to_string().contains("/usr/bin"), "{error}");
    assert_eq!(image(engine, engine.bash()).unwrap().own_command().unwrap(), ["/entry"]);
    if let Some(musl) = engine.musl() {
        assert!(python(engine, musl).is_err());
    }
    no_probe_is_left(engine, engine.bash());
}

#[test]
fn what_only_looks_like_python_is_none() {
    let Some(engine) = Engine::shared() else { return };
    let made = |name: &str, change: &dyn Fn(&mut Root)| {
        let mut root = Root::default();
        root.file("usr/bin/other", 0o755, b"#!/bin/sh\n");
        change(&mut root);
        let image = engine.import_root(name, &root, &["ENV PATH=relative:/usr/bin:/opt/bin"]);
        let found = python(engine, &image);
        no_probe_is_left(engine, &image);
        found
    };
    assert!(made("loop:1", &|root| root.link("usr/bin/python3", "python3")).is_err());
    assert!(made("folder:1", &|root| root.file("usr/bin/python3/x", 0o644, b"")).is_err());
    assert!(made("closed:1", &|root| root.file("usr/bin/python3", 0o600, b"")).is_err());
    assert!(made("dangling:1", &|root| root.link("usr/bin/python3", "/nowhere")).is_err());
    assert!(made("elsewhere:1", &|root| root.file("sbin/python3", 0o755, b"")).is_err(), "not on its PATH");
    // A link as distributions have it, and one that leads out of the image and so nowhere.
    assert_eq!(
        made("link:1", &|root| root.link("opt/bin/python3", "../../usr/bin/other")).unwrap(),
        "/opt/bin/python3"
    );
    assert!(made("escape:1", &|root| root.link("usr/bin/python3", "../../../../../../usr/bin/env")).is_err());
}

#[test]
fn what_an_image_wants_of_its_own_is_seen() {
    let Some(engine) = Engine::shared() else { return };
    let name =
        engine.tiny("wishes:1", &["USER 1000", "VOLUME /data", "HEALTHCHECK CMD true", "CMD [\"a\",\"b\"]", "ENV X=1"]);
    let found = image(engine, &name).unwrap();
    assert_eq!(
        (&*found.user, found.volumes.as_slice(), found.has_healthcheck),
        ("1000", &["/data".to_owned()][..], true)
    );
    assert_eq!(found.own_command().unwrap(), ["a", "b"]);
    assert!(python(engine, &name).is_err());
    no_probe_is_left(engine, &name);
    let volumes = engine.api("GET", "/volumes", "");
    assert!(volumes.contains(r#""Volumes":[]"#) || volumes.contains(r#""Volumes":null"#), "{volumes}");
    let bare = image(engine, &engine.tiny("bare:1", &[])).unwrap();
    assert!(bare.own_command().unwrap_err().to_string().contains("no program of its own"));
}

#[test]
fn what_is_not_here_or_for_other_machines_is_refused() {
    let Some(engine) = Engine::shared() else { return };
    let error = image(engine, "of.nowhere/fem:1").unwrap_err();
    assert_eq!(error, ImageError::Missing { name: "of.nowhere/fem:1".into() });
    assert!(error.to_string().contains("mecapy images pull of.nowhere/fem:1"));
    let other = if cfg!(target_arch = "x86_64") { "arm64" } else { "amd64" };
    let name = engine.for_machine("other-machine:1", other);
    let error = image(engine, &name).unwrap_err();
    assert!(matches!(&error, ImageError::Platform { has, .. } if has == &format!("linux/{other}")), "{error}");
}

#[test]
fn names_cannot_reach_other_parts_of_the_engine() {
    let Some(engine) = Engine::shared() else { return };
    for name in ["../containers/json?all=1&x=", "a/../../info", "x json", "x\r\nHost: y", "x%2f..", "X", ""] {
        assert!(matches!(image(engine, name), Err(ImageError::Reference(_))), "{name:?}");
    }
}

#[test]
fn images_are_listed_by_name() {
    let Some(engine) = Engine::shared() else { return };
    let names = [engine.tiny("listed-b:1", &[]), engine.tiny("listed-a:1", &[])];
    let listed = with(engine, async |connection| connection.images().await.unwrap());
    let of = |name: &String| listed.iter().position(|image| &image.name == name).unwrap();
    assert!(of(&names[1]) < of(&names[0]));
}
