//! Images come from a real registry: seen, stopped, signed in, and every failure told.

use crate::support::{
    docker::{
        Engine, Registry,
        registry::{PASSWORD, PERSON, base64},
    },
    home::Home,
    pty::Pty,
};
use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

fn home(engine: &Engine) -> Home {
    Home::new().with("DOCKER_HOST", &engine.host())
}

/// An image that the registry has and the engine has not.
pub fn heavy(engine: &Engine, registry: &Registry, name: &str, layers: u8, bytes: usize) -> String {
    let made = engine.heavy(&format!("heavy-{name}:1"), layers, bytes);
    let pushed = registry.push(engine, &made, name, "1");
    engine.forget(&made);
    pushed
}

/// Whether the engine has an image of this name.
fn has(home: &Home, name: &str) -> bool {
    home.run(&["images", "ls", "--json"]).code(0).json_lines().iter().any(|image| image["name"] == name)
}

#[test]
fn an_image_comes_with_its_progress_and_its_digest() {
    let (Some(engine), Some(registry)) = (Engine::shared(), Registry::open()) else { return };
    let name = heavy(engine, &registry, "fem", 2, 3 << 20);
    let home = home(engine);
    assert!(!has(&home, &name));
    let lines = home.run(&["--json", "images", "pull", &name]).code(0).json_lines();
    let (last, before) = lines.split_last().unwrap();
    assert_eq!(last["status"], "done");
    let digest = last["image"]["digest"].as_str().unwrap();
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{digest}");
    assert!(!before.is_empty() && before.iter().all(|line| line["status"] == "pulling"), "{before:?}");
    assert!(has(&home, &name));
    // By its digest, and again: everything is here.
    let by_digest = format!("{}@{digest}", name.rsplit_once(':').unwrap().0);
    let said = home.run(&["images", "pull", &by_digest]).code(0);
    assert!(said.err.contains("is here") && !said.err.contains('\x1b'), "{}", said.err);
    assert_eq!(said.out, "");
}

#[test]
fn two_may_want_the_same_image_at_once() {
    let (Some(engine), Some(registry)) = (Engine::shared(), Registry::open()) else { return };
    let name = heavy(engine, &registry, "shared", 2, 4 << 20);
    std::thread::scope(|scope| {
        let pulls = [(); 2].map(|()| scope.spawn(|| home(engine).run(&["images", "pull", &name]).code(0)));
        for pull in pulls {
            pull.join().unwrap();
        }
    });
}

#[test]
fn a_bar_is_drawn_and_ctrl_c_stops_the_pull() {
    let (Some(engine), Some(registry)) = (Engine::shared(), Registry::open()) else { return };
    let slow = Way::slow(registry.address(), 64 << 10);
    heavy(engine, &registry, "slow", 1, 6 << 20);
    let name = format!("{}/slow:1", slow.address);
    let home = home(engine);
    let mut terminal = Pty::start(&home, 110, 24, &["images", "pull", &name]);
    terminal.wait("a bar", |screen| {
        let text = screen.contents();
        text.contains("[#") && text.contains("KiB/s") && text.contains("left")
    });
    terminal.send("\x03");
    assert_eq!(terminal.code(), 130);
    assert!(terminal.output().contains("was stopped"), "{}", terminal.output());
    // The engine does not go on by itself.
    slow.wait_until_unused();
    assert!(!has(&home, &name));
}

#[test]
fn what_the_registry_has_not_is_told() {
    let (Some(engine), Some(mut registry)) = (Engine::shared(), Registry::open()) else { return };
    let home = home(engine);
    let name = registry.push(engine, engine.bash(), "known", "1");
    let other = format!("{}:no-such-tag", name.rsplit_once(':').unwrap().0);
    home.run(&["images", "pull", &other]).code(5).says("has no image");
    home.run(&["images", "pull", &registry.name("unknown:1")]).code(5).says("has no image");
    // For other machines only.
    let other = if cfg!(target_arch = "x86_64") { "arm64" } else { "amd64" };
    let arm = registry.push(engine, &engine.for_machine("for-others:1", other), "for-others", "1");
    home.run(&["images", "pull", &arm]).code(1).says("is made for linux/");
    registry.stop();
    home.run(&["images", "pull", &name]).code(7).says("cannot be reached");
    // Names that are none ask nobody.
    for name in ["../x", "UPPER", "a b", "$(id)", "x\u{202e}y", "x@sha256:12"] {
        home.run(&["images", "pull", name]).code(2);
    }
    home.run(&["--read-only", "images", "pull", &name]).code(6);
    home.run(&["--dry-run", "images", "pull", &name]).code(0).says("would fetch");
}

#[test]
fn a_way_that_breaks_is_gone_again() {
    let (Some(engine), Some(registry)) = (Engine::shared(), Registry::open()) else { return };
    registry.push(engine, engine.bash(), "bumpy", "1");
    let bumpy = Way::closing_first(registry.address(), 3);
    let name = format!("{}/bumpy:1", bumpy.address);
    let home = home(engine);
    let lines = home.run(&["--json", "images", "pull", &name]).code(0).json_lines();
    assert_eq!(lines.last().unwrap()["status"], "done");
    assert!(bumpy.connections.load(Ordering::SeqCst) > 3);
    assert!(has(&home, &name));
}

#[test]
fn a_private_registry_knows_its_people() {
    let (Some(engine), Some(registry)) = (Engine::shared(), Registry::private()) else { return };
    let name = registry.push(engine, engine.bash(), "secret/fem", "1");
    let address = registry.address();
    home(engine).run(&["images", "pull", &name]).code(6).says(&format!("`docker login {address}`"));
    let with_auth = |word: &str| {
        let home = home(engine);
        let auth = base64(&format!("{PERSON}:{word}"));
        home.file(".docker/config.json", format!(r#"{{"auths":{{"{address}":{{"auth":"{auth}"}}}}}}"#));
        home
    };
    with_auth("wrong").run(&["images", "pull", &name]).code(6).says("was tried");
    // This password's base64 differs between the alphabets: an engine reads one of them only.
    let known = with_auth(PASSWORD).with("MECAPY_LOG_LEVEL", "trace");
    known.run(&["images", "pull", &name]).code(0).says("is here");
    let log = std::fs::read_to_string(known.path().join(".local/state/mecapy/mecapy.log")).unwrap_or_default();
    for secret in [PASSWORD, &base64(&format!("{PERSON}:{PASSWORD}"))] {
        assert!(!log.contains(secret), "the log holds a secret");
    }
}

#[test]
fn a_helper_keeps_the_sign_in() {
    let (Some(engine), Some(registry)) = (Engine::shared(), Registry::private()) else { return };
    let name = registry.push(engine, engine.bash(), "secret/helped", "1");
    let home = home(engine);
    let answer = format!(r#"{{"ServerURL":"x","Username":"{PERSON}","Secret":"{PASSWORD}"}}"#);
    // What it is asked stands in its input, and nothing else in its arguments.
    let script =
        format!("#!/bin/sh\nread -r server\necho \"$* $server\" >>\"$HOME/asked\"\ncat <<'END'\n{answer}\nEND\n");
    let program = home.file("bin/docker-credential-kept", script);
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    home.file(".docker/config.json", r#"{"credsStore":"kept"}"#);
    let path = format!("{}:{}", home.path().join("bin").display(), std::env::var("PATH").unwrap());
    let home = home.with("PATH", &path);
    home.run(&["images", "pull", &name]).code(0).says("is here");
    let asked = std::fs::read_to_string(home.path().join("asked")).unwrap();
    assert_eq!(asked.trim(), format!("get {}", registry.address()));
}

/// A way to a registry that is not as good as loopback.
pub struct Way {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Way {
    /// Bytes a second of each connection.
    pub fn slow(to: SocketAddr, rate: usize) -> Self {
        Self::new(to, 0, rate)
    }

    /// Closes this many connections at once, then serves.
    fn closing_first(to: SocketAddr, count: usize) -> Self {
        Self::new(to, count, usize::MAX)
    }

    fn new(to: SocketAddr, closed: usize, rate: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Self { address: listener.local_addr().unwrap(), connections: Arc::default(), open: Arc::default() };
        let (connections, open) = (way.connections.clone(), way.open.clone());
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if connections.fetch_add(1, Ordering::SeqCst) < closed {
                    continue;
                }
                let Ok(far) = TcpStream::connect(to) else { continue };
                let (near_in, far_in) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                std::thread::spawn(move || copy(near_in, far_in, usize::MAX));
                let open = open.clone();
                open.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    copy(far, near, rate);
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        way
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether somebody is served.
    pub fn is_used(&self) -> bool {
        self.open.load(Ordering::SeqCst) > 0
    }

    /// Waits until something comes this way.
    #[track_caller]
    pub fn wait_until_used(&self) {
        let end = Instant::now() + Duration::from_mins(1);
        while !self.is_used() {
            assert!(Instant::now() < end, "nobody fetches anything");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits until nobody is served any more.
    #[track_caller]
    pub fn wait_until_unused(&self) {
        let end = Instant::now() + Duration::from_secs(30);
        while self.open.load(Ordering::SeqCst) > 0 {
            assert!(Instant::now() < end, "the pull goes on");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, rate: usize) {
    let mut buffer = vec![0; if rate == usize::MAX { 64 << 10 } else { (rate / 20).max(1) }];
    while let Ok(size) = from.read(&mut buffer) {
        if size == 0 || to.write_all(&buffer[..size]).is_err() {
            break;
        }
        if rate != usize::MAX {
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
