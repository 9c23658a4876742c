//! Tests of where an engine is looked for.

use super::*;
use proptest::prelude::*;

fn nothing_set(folder: &Path) -> Search {
    Search {
        host: None,
        context: None,
        tls: false,
        keys: folder.to_owned(),
        folder: folder.to_owned(),
        usual: vec![("/a.sock".into(), "the first"), ("/b.sock".into(), "the second")],
    }
}

fn with_host(given: &str, tls: bool) -> Result<Address, SearchError> {
    let search = Search { host: Some((given.into(), "DOCKER_HOST".into())), tls, ..nothing_set(Path::new("/none")) };
    search.endpoints().map(|mut found| found.remove(0).address)
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn context(folder: &Path, name: &str, host: &str, more: &str) -> String {
    let id = Sha256::digest(name).iter().fold(String::new(), |mut id, byte| {
        write!(id, "{byte:02x}").unwrap();
        id
    });
    let text = format!(r#"{{"Name":{name:?},"Metadata":{{}},"Endpoints":{{"docker":{{"Host":{host:?}{more}}}}}}}"#);
    write(&folder.join("contexts/meta").join(&id).join("meta.json"), &text);
    id
}

#[test]
fn without_a_word_the_usual_sockets_are_tried_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let found = nothing_set(folder.path()).endpoints().unwrap();
    let said: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["unix:///a.sock (the first)", "unix:///b.sock (the second)"]);
    write(&folder.path().join("config.json"), r#"{"auths":{}, "currentContext":"default"}"#);
    assert_eq!(nothing_set(folder.path()).endpoints().unwrap(), found);
}

#[test]
fn addresses_are_read_as_dockers_client_does() {
    assert_eq!(with_host("unix:///run/x.sock", true), Ok(Address::Unix("/run/x.sock".into())));
    for (given, read) in [
        ("tcp://node7:4000", "node7:4000"),
        ("tcp://node7", "node7:2375"),
        ("node7:4000", "node7:4000"),
        ("tcp://10.0.0.7:4000/", "10.0.0.7:4000"),
        ("tcp://[::1]:4000", "[::1]:4000"),
        ("tcp://[::1]", "[::1]:2375"),
    ] {
        assert_eq!(with_host(given, false), Ok(Address::Tcp(read.into())), "{given}");
    }
    let Ok(Address::Tls { host, keys }) = with_host("tcp://node7", true) else { panic!() };
    assert_eq!((&*host, &*keys), ("node7:2376", Path::new("/none")));
}

#[test]
fn what_is_no_address_is_refused_in_words() {
    for given in
        ["unix://relative", "tcp://", "tcp://host:0", "tcp://host:70000", "tcp://user:word@host", "npipe:////./x"]
    {
        let error = with_host(given, false).unwrap_err().to_string();
        assert!(error.starts_with("DOCKER_HOST is ") && error.contains("unix:///path/of.sock"), "{error}");
    }
    let error = with_host("ssh://ann@node7", false).unwrap_err().to_string();
    assert!(error.contains("starts no ssh") && error.contains("ssh -nNT -L"), "{error}");
}

#[test]
fn a_context_is_followed_with_its_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(&folder.join("config.json"), r#"{"currentContext":"node7"}"#);
    let search = nothing_set(folder);
    let error = search.endpoints().unwrap_err();
    assert!(matches!(&error, SearchError::Context { name, .. } if name == "node7"), "{error}");
    let id = context(folder, "node7", "tcp://node7:2376", "");
    assert_eq!(search.endpoints().unwrap()[0].address, Address::Tcp("node7:2376".into()));
    let keys = folder.join("contexts/tls").join(&id).join("docker");
    write(&keys.join("ca.pem"), "");
    let found = search.endpoints().unwrap();
    assert_eq!(found[0].address, Address::Tls { host: "node7:2376".into(), keys });
    assert!(found[0].origin.contains("the context node7") && found[0].origin.contains("config.json"), "{found:?}");
    assert_eq!(found.len(), 1, "nothing else is tried where something is named");
}

#[test]
fn the_address_counts_more_than_the_context_and_that_more_than_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(&folder.join("config.json"), r#"{"currentContext":"of-file"}"#);
    context(folder, "of-file", "unix:///file.sock", "");
    context(folder, "of-variable", "unix:///variable.sock", "");
    let mut search = nothing_set(folder);
    let address = |search: &Search| search.endpoints().unwrap()[0].address.to_string();
    assert_eq!(address(&search), "unix:///file.sock");
    search.context = Some(("of-variable".into(), "DOCKER_CONTEXT".into()));
    assert_eq!(address(&search), "unix:///variable.sock");
    search.context = Some(("default".into(), "DOCKER_CONTEXT".into()));
    assert_eq!(address(&search), "unix:///a.sock");
    search.host = Some(("unix:///host.sock".into(), "DOCKER_HOST".into()));
    assert_eq!(address(&search), "unix:///host.sock");
}

#[test]
fn a_context_that_checks_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    context(folder.path(), "careless", "tcp://node7:2376", r#","SkipTLSVerify":true"#);
    context(folder.path(), "local", "unix:///x.sock", r#","SkipTLSVerify":true"#);
    let named = |name: &str| Search { context: Some((name.into(), "x".into())), ..nothing_set(folder.path()) };
    assert_eq!(named("careless").endpoints().unwrap_err(), SearchError::Unverified { name: "careless".into() });
    assert!(named("local").endpoints().is_ok());
}

#[test]
fn a_broken_file_is_told_without_what_stands_in_it() {
    let folder = tempfile::tempdir().unwrap();
    write(
        &folder.path().join("config.json"),
        "{\"auths\":{\"x\":{\"auth\":\"c2VjcmV0\"}},\n \"currentContext\": 5 secret}",
    );
    let error = nothing_set(folder.path()).endpoints().unwrap_err().to_string();
    assert!(error.contains("config.json: line 2") && !error.contains("secret") && !error.contains("c2Vj"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_an_address_or_refused(given in ".{0,40}", tls: bool) {
        if let Ok(address) = with_host(&given, tls) {
            prop_assert!(!address.to_string().contains(|c: char| c == '@' && !given.starts_with("unix")));
        }
    }
}
