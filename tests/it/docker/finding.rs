//! The engine is found where Docker's own client finds it, and every failure is told.

use crate::support::{
    docker::{Engine, block_on, on_the_path},
    home::Home,
    skipped,
};
use mecapy::sandbox::docker::{ConnectError, Connection, Search, find};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
    time::Instant,
};

/// Nothing named, and only these sockets.
fn usual(sockets: &[PathBuf]) -> Search {
    let whose = ["the first", "the second", "the third"];
    Search {
        host: None,
        context: None,
        tls: false,
        keys: "/nowhere".into(),
        folder: "/nowhere".into(),
        usual: sockets.iter().cloned().zip(whose).collect(),
    }
}

fn named(host: &str) -> Search {
    Search { host: Some((host.to_owned(), "DOCKER_HOST".to_owned())), ..usual(&[]) }
}

#[expect(clippy::result_large_err, reason = "once a search")]
fn found(search: &Search) -> Result<Connection, ConnectError> {
    block_on(find(search))
}

#[track_caller]
fn refused(search: &Search) -> String {
    match found(search) {
        Ok(connection) => panic!("found {}", connection.endpoint),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_named_engine_is_asked_who_it_is() {
    let Some(engine) = Engine::shared() else { return };
    let connection = found(&named(&engine.host())).unwrap();
    assert_eq!(connection.facts.product, "Docker");
    assert!(connection.facts.cgroup_version.is_some() && connection.facts.storage_driver.is_some());
    // The older side decides: nothing newer is spoken than the engine knows.
    let api: Vec<usize> = connection.facts.api.split('.').map(|part| part.parse().unwrap()).collect();
    let spoken = connection.client.client_version();
    assert!(vec![spoken.major_version, spoken.minor_version] <= api, "{spoken:?} to {api:?}");
    assert_eq!(connection.endpoint.to_string(), format!("{} (DOCKER_HOST)", engine.host()));
}

#[test]
fn the_usual_sockets_are_tried_in_order_and_podman_is_known() {
    let (Some(docker), Some(podman)) = (Engine::shared(), Engine::podman()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("dead.sock");
    drop(UnixListener::bind(&dead).unwrap());
    let nothing = folder.path().join("none.sock");
    let connection = found(&usual(&[nothing.clone(), dead.clone(), podman.socket()])).unwrap();
    assert_eq!((&*connection.facts.product, &*connection.endpoint.origin), ("Podman", "the third"));
    let connection = found(&usual(&[docker.socket(), podman.socket()])).unwrap();
    assert_eq!((&*connection.facts.product, &*connection.endpoint.origin), ("Docker", "the first"));
    // What says most is told.
    let words = refused(&usual(&[nothing.clone(), dead]));
    assert!(words.contains("dead.sock") && words.contains("does not run"), "{words}");
    let words = refused(&usual(std::slice::from_ref(&nothing)));
    assert!(words.contains("no such socket"), "{words}");
    let words = refused(&usual(&[nothing.clone(), nothing]));
    assert!(words.contains("no container engine is here"), "{words}");
}

#[test]
fn a_named_engine_that_is_not_there_is_not_replaced_by_another() {
    let Some(engine) = Engine::shared() else { return };
    let mut search = usual(&[engine.socket()]);
    search.host = Some(("unix:///nowhere/engine.sock".into(), "DOCKER_HOST".into()));
    let words = refused(&search);
    assert!(words.contains("unix:///nowhere/engine.sock (DOCKER_HOST)"), "{words}");
}

#[test]
fn whoever_does_not_answer_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("silent.sock");
    let _silent = UnixListener::bind(&socket).unwrap();
    let began = Instant::now();
    let words = refused(&named(&format!("unix://{}", socket.display())));
    assert!(words.contains("does not answer within 5 s"), "{words}");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn an_engine_that_is_busy_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("busy.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    // It says that it is there, and nothing else before it was asked that.
    let pinged = Arc::new(OnceLock::new());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let pinged = Arc::clone(&pinged);
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let n = stream.read(&mut request).unwrap_or(0);
                let body = if String::from_utf8_lossy(&request[..n]).contains("/_ping ") {
                    let _ = pinged.set(());
                    "OK"
                } else {
                    pinged.wait();
                    r#"{"ApiVersion": "1.24", "Version": "1.12.6"}"#
                };
                let length = body.len();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
                let _ = write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{body}");
            });
        }
    });
    let words = refused(&named(&format!("unix://{}", socket.display())));
    assert!(words.contains("too old"), "{words}");
}

/// Answers every request with this.
fn fake(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("tcp://{address}")
}

#[test]
fn somebody_else_and_old_engines_are_told_apart() {
    let words = refused(&named(&fake("220 mail.example ready\r\n".to_owned())));
    assert!(words.contains("no container engine answers"), "{words}");
    let old = r#"{"Version":"19.03.15","ApiVersion":"1.40","Platform":{"Name":"Old"}}"#;
    let words = refused(&named(&fake(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{old}",
        old.len()
    ))));
    assert!(words.contains("19.03.15") && words.contains("20.10"), "{words}");
}

#[test]
fn the_variables_and_contexts_of_dockers_client_choose_for_the_program_too() {
    let Some(engine) = Engine::shared() else { return };
    let bash = engine.bash();
    let list = |home: &Home| home.run(&["images", "ls"]).code(0).out;
    assert!(list(&Home::new().with("DOCKER_HOST", &engine.host())).contains(bash));
    let home = Home::new();
    let meta = format!(r#"{{"Name":"lab","Endpoints":{{"docker":{{"Host":{:?}}}}}}}"#, engine.host());
    home.file(&format!(".docker/contexts/meta/{}/meta.json", sha256("lab")), meta);
    home.file(".docker/config.json", r#"{"currentContext":"lab"}"#);
    assert!(list(&home).contains(bash));
    let home = home.with("DOCKER_CONTEXT", "other");
    home.run(&["images", "ls"]).code(1).says("names the context \"other\"");
    let shown = home.run(&["config", "show"]).code(0).out;
    assert!(shown.contains("environment variable DOCKER_CONTEXT"), "{shown}");
    // A rootless engine.
    let runtime = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(engine.socket(), runtime.path().join("docker.sock")).unwrap();
    if !Path::new("/var/run/docker.sock").exists() {
        let home = Home::new().with("XDG_RUNTIME_DIR", runtime.path().to_str().unwrap());
        assert!(list(&home).contains(bash));
    }
    Home::new().with("DOCKER_HOST", "ssh://ann@node7").run(&["images", "ls"]).code(1).says("mecapy starts no ssh");
}

fn sha256(text: &str) -> String {
    let mut child = Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("part of coreutils");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout[..64]).into_owned()
}

#[test]
fn a_socket_of_others_says_whom_to_ask() {
    let Some(engine) = Engine::own() else { return };
    let home = Home::new().with("DOCKER_HOST", &engine.host()).of_an_ordinary_user();
    home.run(&["images", "ls"]).code(6).says("no permission for unix://");
    engine.open_to_everybody();
    home.run(&["images", "ls"]).code(0);
    engine.stop();
    home.run(&["images", "ls"]).code(7);
}

/// A folder of keys: `ca.pem`, and `cert.pem` with `key.pem` for each of two sides.
fn certificates(folder: &Path) {
    fs::write(folder.join("settings"), "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=tests\n").unwrap();
    let make = |name: &str, extensions: &[&str], signed: bool| {
        let mut command = Command::new("openssl");
        command.current_dir(folder).args(["req", "-x509", "-nodes", "-days", "2", "-config", "settings"]);
        command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-keyout", &format!("{name}/key.pem"), "-out", &format!("{name}/cert.pem")]);
        command.args(["-subj", &format!("/CN={name}")]);
        for extension in extensions {
            command.args(["-addext", extension]);
        }
        if signed {
            command.args(["-CA", "ca/cert.pem", "-CAkey", "ca/key.pem"]);
        }
        fs::create_dir_all(folder.join(name)).unwrap();
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::copy(folder.join("ca/cert.pem"), folder.join(name).join("ca.pem")).unwrap();
    };
    make("ca", &["basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign"], false);
    make("server", &["subjectAltName=IP:127.0.0.1", "extendedKeyUsage=serverAuth"], true);
    make("client", &["extendedKeyUsage=clientAuth"], true);
}

#[test]
fn an_engine_behind_tls_wants_the_right_certificates() {
    if !on_the_path("openssl") {
        return skipped("no openssl on the PATH");
    }
    let (ours, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificates(ours.path());
    certificates(others.path());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = ours.path().join("server");
    let address = format!("tcp://127.0.0.1:{port}");
    let file = |name: &str| server.join(name).display().to_string();
    let options = [
        "--host".to_owned(),
        address.clone(),
        "--tlsverify".to_owned(),
        format!("--tlscacert={}", file("ca.pem")),
        format!("--tlscert={}", file("cert.pem")),
        format!("--tlskey={}", file("key.pem")),
    ];
    let Some(engine) = Engine::own_with(&options.each_ref().map(String::as_str)) else { return };
    let keys = |folder: &Path| folder.join("client").display().to_string();
    let home = |keys: &str| {
        Home::new().with("DOCKER_HOST", &address).with("DOCKER_TLS_VERIFY", "1").with("DOCKER_CERT_PATH", keys)
    };
    home(&keys(ours.path())).run(&["images", "ls"]).code(0).says("no images at tcp://127.0.0.1");
    // Somebody else's: neither side believes the other.
    home(&keys(others.path())).run(&["images", "ls"]).code(7).says("certificate");
    home("/nowhere").run(&["images", "ls"]).code(1).says("/nowhere/ca.pem is not there");
    // Without TLS the engine is not understood, and says so.
    Home::new().with("DOCKER_HOST", &address).run(&["images", "ls"]).code(7).says("no container engine answers");
    // The keys of a context.
    let home = Home::new();
    let id = sha256("far");
    let meta = format!(r#"{{"Name":"far","Endpoints":{{"docker":{{"Host":{address:?},"SkipTLSVerify":false}}}}}}"#);
    home.file(&format!(".docker/contexts/meta/{id}/meta.json"), meta);
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        let key = fs::read(ours.path().join("client").join(name)).unwrap();
        home.file(&format!(".docker/contexts/tls/{id}/docker/{name}"), key);
    }
    home.with("DOCKER_CONTEXT", "far").run(&["images", "ls"]).code(0).says("the context far");
    drop(engine);
}
