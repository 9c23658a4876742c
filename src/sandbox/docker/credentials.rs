//! What Docker's client knows of registries: kept in its `config.json`, or asked of the helper named there.
//!
//! Nothing here implements `Debug`, and a helper gets and gives by its standard input and output: a secret is in no
//! argument list, log or message.

use bollard::auth::DockerCredentials;
use serde::Deserialize;
use std::{collections::HashMap, io, path::Path, process::Stdio, time::Duration};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// How long a helper may take; some ask a person or a network.
const PATIENCE: Duration = Duration::from_mins(1);

/// The key under which the client keeps what it knows of Docker's public registry.
const HUB: &str = "https://index.docker.io/v1/";

/// Why credentials that should be there cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the sign-in for the registry {registry} cannot be read: {problem}")]
pub struct CredentialsError {
    registry: String,
    problem: String,
}

/// The sign-in for a registry; `None` where nothing is known of it.
pub async fn of_registry(folder: &Path, registry: &str) -> Result<Option<DockerCredentials>, CredentialsError> {
    let failed = |problem: String| CredentialsError { registry: registry.to_owned(), problem };
    let path = folder.join("config.json");
    let text = match tokio::fs::read(&path).await {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(format!("{}: {error}", path.display()))),
    };
    // Only the place of an error: the parser's words would repeat what stands there.
    let file: File = serde_json::from_slice(&text).map_err(|error| {
        failed(format!(
            "{}, line {}, column {}: not what Docker's client writes",
            path.display(),
            error.line(),
            error.column()
        ))
    })?;
    let key = if registry == "docker.io" { HUB } else { registry };
    let helper = file.cred_helpers.get(key).or_else(|| file.cred_helpers.get(registry)).or(file.creds_store.as_ref());
    if let Some(helper) = helper.filter(|name| !name.is_empty())
        && let Some(found) = ask(helper, key).await.map_err(&failed)?
    {
        return Ok(Some(found));
    }
    // The address as written, or what is left of it without scheme and path.
    let entry = file
        .auths
        .get(key)
        .or_else(|| file.auths.iter().find(|(name, _)| host(name) == host(key)).map(|(_, entry)| entry));
    entry.map_or(Ok(None), |entry| entry.read(key).map_err(failed))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct File {
    auths: HashMap<String, Entry>,
    cred_helpers: HashMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

impl Entry {
    fn read(&self, key: &str) -> Result<Option<DockerCredentials>, String> {
        let (mut username, mut password) = (self.username.clone(), self.password.clone());
        if !self.auth.is_empty() {
            let both = decode(&self.auth).ok_or("its auth is no base64 text")?;
            let (name, word) = both.split_once(':').ok_or("its auth holds no user:password")?;
            (username, password) = (name.to_owned(), word.trim_end_matches('\0').to_owned());
        }
        let tokens =
            [&self.identitytoken, &self.registrytoken].map(|token| Some(token.clone()).filter(|it| !it.is_empty()));
        let [identitytoken, registrytoken] = tokens;
        if username.is_empty() && identitytoken.is_none() && registrytoken.is_none() {
            // An entry of a helper, which had nothing.
            return Ok(None);
        }
        Ok(Some(DockerCredentials {
            username: Some(username),
            password: Some(password),
            serveraddress: Some(key.to_owned()),
            identitytoken,
            registrytoken,
            ..DockerCredentials::default()
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks `docker-credential-NAME`; `None` where it knows nothing.
async fn ask(helper: &str, key: &str) -> Result<Option<DockerCredentials>, String> {
    if helper.contains('/') {
        return Err(format!("the helper {helper:?} is no name of a program"));
    }
    ask_program(Path::new(&format!("docker-credential-{helper}")), key).await
}

async fn ask_program(path: &Path, key: &str) -> Result<Option<DockerCredentials>, String> {
    let program = path.display();
    let answer = tokio::time::timeout(PATIENCE, async {
        let mut child = Command::new(path)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What it says there is for no log of ours.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        // One that answers without reading closes the pipe.
        let _ = input.write_all(format!("{key}\n").as_bytes()).await;
        drop(input);
        child.wait_with_output().await
    });
    let output = match answer.await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(format!("{program}: {error}")),
        Err(_) => return Err(format!("{program} does not answer within {} s", PATIENCE.as_secs())),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout).to_lowercase();
        if said.contains("not found") {
            return Ok(None);
        }
        return Err(format!("{program} failed ({})", output.status));
    }
    let answer: Answer =
        serde_json::from_slice(&output.stdout).map_err(|_| format!("{program} gave something else than a sign-in"))?;
    let is_token = answer.username == "<token>";
    let (username, password, identitytoken) =
        if is_token { (None, None, Some(answer.secret)) } else { (Some(answer.username), Some(answer.secret), None) };
    let serveraddress = Some(key.to_owned());
    Ok(Some(DockerCredentials { username, password, serveraddress, identitytoken, ..DockerCredentials::default() }))
}

/// `https://registry.example/v1/` without scheme and path.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// Standard base64, as the client writes it.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn folder(config: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        folder
    }

    async fn pair(folder: &Path, registry: &str) -> Option<(String, String)> {
        let found = of_registry(folder, registry).await.unwrap()?;
        Some((found.username?, found.password?))
    }

    fn entry(name: &str, word: &str) -> (String, String) {
        (name.to_owned(), word.to_owned())
    }

    #[test]
    fn base64_is_read() {
        assert_eq!(decode("YW5uOnNlY3JldA==").as_deref(), Some("ann:secret"));
        assert_eq!(decode("YW5uOj8/Pz4+Pg==").as_deref(), Some("ann:???>>>"));
        assert_eq!(decode("not base64!"), None);
        assert_eq!(decode("/////w=="), None);
    }

    #[tokio::test]
    async fn the_files_own_entries_are_read_by_registry() {
        let folder = folder(
            r#"{"auths":{"10.0.0.7:5000":{"auth":"YW5uOnNlY3JldA=="},
                "https://index.docker.io/v1/":{"auth":"Ym9iOmh1Yg=="},
                "https://fem.example/v2/":{"username":"eve","password":"plain"},
                "empty.example":{}}}"#,
        );
        assert_eq!(pair(folder.path(), "10.0.0.7:5000").await, Some(entry("ann", "secret")));
        assert_eq!(pair(folder.path(), "docker.io").await, Some(entry("bob", "hub")));
        assert_eq!(pair(folder.path(), "fem.example").await, Some(entry("eve", "plain")));
        assert_eq!(pair(folder.path(), "empty.example").await, None);
        assert_eq!(pair(folder.path(), "10.0.0.7").await, None, "another port is another registry");
        assert_eq!(pair(Path::new("/nowhere"), "fem.example").await, None);
    }

    #[tokio::test]
    async fn what_is_broken_is_told_without_the_secret() {
        let folder = folder("{\"auths\": {\"x.example\": {\"auth\": \"c2VjcmV0\"} } } trailing");
        let Err(error) = of_registry(folder.path(), "x.example").await else { panic!() };
        assert!(error.to_string().contains("line 1") && !error.to_string().contains("c2Vj"), "{error}");
        std::fs::write(folder.path().join("config.json"), r#"{"auths":{"x.example":{"auth":"c2VjcmV0"}}}"#).unwrap();
        let Err(error) = of_registry(folder.path(), "x.example").await else { panic!() };
        assert!(error.to_string().contains("user:password") && !error.to_string().contains("secret"), "{error}");
    }

    #[tokio::test]
    async fn a_helper_that_is_missing_is_named() {
        let folder = folder(r#"{"credsStore":"of-nobody-at-all"}"#);
        let Err(error) = of_registry(folder.path(), "x.example").await else { panic!() };
        assert!(error.to_string().contains("docker-credential-of-nobody-at-all"), "{error}");
        let folder = self::folder(r#"{"credHelpers":{"x.example":"../../bin/sh"}}"#);
        assert!(of_registry(folder.path(), "x.example").await.is_err());
        assert!(pair(folder.path(), "y.example").await.is_none(), "a helper of one registry is not asked for another");
    }

    #[tokio::test]
    async fn a_helper_is_asked_by_its_input() {
        let bin = tempfile::tempdir().unwrap();
        let program = bin.path().join("docker-credential-mecapy-test");
        let script = "#!/bin/sh\nread -r server\ncase $server in\n\
             x.example) echo '{\"ServerURL\":\"x\",\"Username\":\"ann\",\"Secret\":\"of helper\"}' ;;\n\
             t.example) echo '{\"ServerURL\":\"t\",\"Username\":\"<token>\",\"Secret\":\"tok\"}' ;;\n\
             b.example) echo broken ;;\n\
             *) echo credentials not found in native keychain; exit 1 ;;\nesac\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        // The program's name is looked up on the PATH of this process: a link there would be the machine's.
        let ask = async |key: &str| ask_program(&program, key).await;
        let found = ask("x.example").await.unwrap().unwrap();
        assert_eq!((found.username.as_deref(), found.password.as_deref()), (Some("ann"), Some("of helper")));
        assert_eq!(ask("t.example").await.unwrap().unwrap().identitytoken.as_deref(), Some("tok"));
        assert!(ask("unknown.example").await.unwrap().is_none());
        assert!(ask("b.example").await.is_err_and(|problem| !problem.contains("broken")));
    }
}
