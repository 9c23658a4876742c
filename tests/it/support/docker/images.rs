//! Images for the tests, made on the spot from what the machine has: nothing is pulled from a public registry.

use super::{Engine, on_the_path, said};
use rustix::fs::{FlockOperation, flock};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Cursor, Read, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

/// The first part of every name here.
const PREFIX: &str = "mecapy.test";
/// Another number makes the cached file system with Python again.
const PYTHON_REVISION: u32 = 1;

/// What an engine was given already.
#[derive(Default)]
pub struct Made {
    python: OnceLock<Result<String, String>>,
    bash: OnceLock<String>,
    musl: OnceLock<Result<String, String>>,
}

impl Engine {
    /// An image with python3, numpy and a shell, or `None` after saying that the test is skipped.
    pub fn python(&self) -> Option<&str> {
        let made = self.made.python.get_or_init(|| {
            let root = python_root()?;
            let size = root.metadata().map_err(|error| error.to_string())?.len();
            Ok(self.import("python:1", root, size, &[]))
        });
        said(made.as_ref().map(String::as_str))
    }

    /// An image with bash (of the machine, with its libraries) and no Python, whose own entrypoint fulfils the runtime
    /// contract: its result is the length of its parameters. It sleeps for the number of seconds in a parameter
    /// `sleep` and ends with the code in a parameter `exit`.
    pub fn bash(&self) -> &str {
        self.made.bash.get_or_init(|| {
            let mut root = Root::default();
            root.host_program("/bin/bash");
            root.file("entry", 0o755, BASH_ENTRY.as_bytes());
            self.import_root("bash:1", &root, &[r#"ENTRYPOINT ["/entry"]"#])
        })
    }

    /// An image with musl as its only C library and no shell; its result names the library.
    /// `None` after saying that the test is skipped.
    pub fn musl(&self) -> Option<&str> {
        let made = self.made.musl.get_or_init(|| {
            let mut root = Root::default();
            let (program, library) = musl_program()?;
            root.file("entry", 0o755, &program);
            root.file(&format!("lib/ld-musl-{}.so.1", std::env::consts::ARCH), 0o755, &library);
            Ok(self.import_root("musl:1", &root, &[r#"ENTRYPOINT ["/entry"]"#]))
        });
        said(made.as_ref().map(String::as_str))
    }

    /// An image with one file and nothing that could be started.
    pub fn tiny(&self, name: &str, changes: &[&str]) -> String {
        let mut root = Root::default();
        root.file("nothing", 0o644, b"nothing\n");
        self.import_root(name, &root, changes)
    }

    /// The same, made for another architecture (`arm64`).
    pub fn for_machine(&self, name: &str, architecture: &str) -> String {
        let (repository, tag) = split(name);
        let mut layer = Root::default();
        layer.file("nothing", 0o644, b"nothing\n");
        let layer = layer.tar();
        let config = format!(
            r#"{{"architecture":"{architecture}","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["sha256:{}"]}}}}"#,
            sha256(&layer)
        );
        let manifest =
            format!(r#"[{{"Config":"config.json","RepoTags":["{repository}:{tag}"],"Layers":["layer.tar"]}}]"#);
        let mut saved = Root::default();
        saved.file("manifest.json", 0o644, manifest.as_bytes());
        saved.file("config.json", 0o644, config.as_bytes());
        saved.file("layer.tar", 0o644, &layer);
        let saved = saved.tar();
        let size = saved.len() as u64;
        let said = self.request("POST", "/images/load", "Content-Type: application/x-tar", Cursor::new(saved), size);
        assert!(!said.contains("errorDetail"), "{said}");
        format!("{repository}:{tag}")
    }

    /// An image of this many bytes in each of its layers, which do not compress.
    pub fn heavy(&self, name: &str, layers: u8, bytes: usize) -> String {
        let mut image = self.tiny(name, &[]);
        for layer in 1..=layers {
            let id = self.api("POST", "/containers/create", &format!(r#"{{"Image":{image:?},"Cmd":["/x"]}}"#));
            let id = text(&id, "Id");
            let mut root = Root::default();
            root.file(&format!("noise-{layer}"), 0o644, &noise(name, layer, bytes));
            let tar = root.tar();
            let size = tar.len() as u64;
            self.request(
                "PUT",
                &format!("/containers/{id}/archive?path=/"),
                "Content-Type: application/x-tar",
                Cursor::new(tar),
                size,
            );
            image = self.commit(&id, name, &[]);
        }
        image
    }

    /// Removes an image, so that its layers have to come again.
    pub fn forget(&self, name: &str) {
        self.api("DELETE", &format!("/images/{name}?force=1"), "");
    }

    /// A new image from another with changes (`USER 1000`, `VOLUME /data`, `HEALTHCHECK …`, `ENTRYPOINT …`).
    pub fn derive(&self, base: &str, name: &str, changes: &[&str]) -> String {
        let made = self.api("POST", "/containers/create", &format!(r#"{{"Image":{base:?},"Cmd":["/bin/sh"]}}"#));
        self.commit(&text(&made, "Id"), name, changes)
    }

    /// Makes an image of a container, which goes.
    fn commit(&self, container: &str, name: &str, changes: &[&str]) -> String {
        let (repository, tag) = split(name);
        let mut path = format!("/commit?container={container}&repo={repository}&tag={tag}");
        if !changes.is_empty() {
            write!(path, "&changes={}", escape(&changes.join("\n"))).expect("memory");
        }
        self.api("POST", &path, "{}");
        self.api("DELETE", &format!("/containers/{container}?v=1"), "");
        format!("{repository}:{tag}")
    }

    /// An image of these files.
    pub fn import_root(&self, name: &str, root: &Root, changes: &[&str]) -> String {
        let tar = root.tar();
        let size = tar.len() as u64;
        self.import(name, Cursor::new(tar), size, changes)
    }

    /// Imports a file system as `mecapy.test/NAME`, and gives that name.
    fn import(&self, name: &str, tar: impl Read, size: u64, changes: &[&str]) -> String {
        let (repository, tag) = split(name);
        let mut path = format!("/images/create?fromSrc=-&repo={repository}&tag={tag}");
        for change in changes {
            write!(path, "&changes={}", escape(change)).expect("memory");
        }
        let said = self.request("POST", &path, "Content-Type: application/x-tar", tar, size);
        assert!(!said.contains("\"error"), "{name}: {said}");
        // Podman forgets the tag.
        let id = said.lines().rev().find(|line| line.contains("\"status\"")).map(|line| text(line, "status"));
        let id = id.unwrap_or_else(|| panic!("no id in {said}"));
        self.api("POST", &format!("/images/{id}/tag?repo={repository}&tag={tag}"), "");
        format!("{repository}:{tag}")
    }

    /// Asks the engine without the client library, which is under test; fails the test unless it agrees.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: &str) -> String {
        self.request(method, path, "Content-Type: application/json", body.as_bytes(), body.len() as u64)
    }

    /// The same with a header line and without a body.
    #[track_caller]
    pub fn api_with(&self, method: &str, path: &str, header: &str) -> String {
        self.request(method, path, header, io::empty(), 0)
    }

    #[track_caller]
    fn request(&self, method: &str, path: &str, header: &str, mut body: impl Read, size: u64) -> String {
        let mut stream = UnixStream::connect(self.socket()).expect("the engine runs");
        stream.set_read_timeout(Some(Duration::from_mins(2))).expect("a timeout");
        // HTTP 1.0: the answer is not chunked and ends with the connection.
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: engine\r\n{header}\r\nContent-Length: {size}\r\n\r\n")
            .expect("the engine listens");
        // An engine that refuses hangs up; its answer says why.
        let _ = io::copy(&mut body, &mut stream);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the engine answers");
        let answer = String::from_utf8_lossy(&answer);
        let (head, content) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).unwrap_or_default();
        assert!(status.starts_with('2'), "{method} {path}: {head}\n{content}");
        content.to_owned()
    }
}

/// A file system to import.
#[derive(Default)]
pub struct Root {
    /// By path, each once: mode and content.
    files: BTreeMap<PathBuf, (u32, Vec<u8>)>,
    links: Vec<(String, String)>,
}

impl Root {
    /// Adds a file.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.files.insert(path.trim_start_matches('/').into(), (mode, content.to_vec()));
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.links.push((path.trim_start_matches('/').to_owned(), target.to_owned()));
    }

    /// A program of this machine with the libraries it is linked to.
    fn host_program(&mut self, program: &str) {
        let linked = Command::new("ldd").arg(program).output().expect("ldd is part of the C library");
        let linked = String::from_utf8_lossy(&linked.stdout).into_owned();
        let libraries = linked.split_whitespace().filter(|word| word.starts_with('/'));
        for path in std::iter::once(program).chain(libraries) {
            self.file(path, 0o755, &fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}")));
        }
    }

    fn tar(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, (mode, content)) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(*mode);
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, content.as_slice()).expect("memory");
        }
        for (path, target) in &self.links {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            tar.append_link(&mut header, path, target).expect("memory");
        }
        tar.into_inner().expect("memory")
    }
}

/// A file system with python3 and numpy from Debian's packages, unpacked without being installed; kept for the next
/// test run.
fn python_root() -> Result<File, String> {
    if !on_the_path("mmdebstrap") {
        return Err("no mmdebstrap on the PATH".into());
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cache"),
        PathBuf::from,
    );
    let folder = cache.join("mecapy-tests");
    let name = format!("python-numpy-{PYTHON_REVISION}-{}.tar", std::env::consts::ARCH);
    let made = || -> io::Result<Result<File, String>> {
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        let kept = folder.join(&name);
        if !kept.exists() {
            let new = folder.join(format!("{name}.new"));
            if let Err(error) = make_python_root(&new)? {
                return Ok(Err(error));
            }
            fs::rename(&new, &kept)?;
        }
        Ok(Ok(File::open(kept)?))
    };
    made().map_err(|error| format!("{}: {error}", folder.display()))?
}

fn make_python_root(target: &Path) -> io::Result<Result<(), String>> {
    let release = fs::read_to_string("/etc/os-release")?;
    let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or("stable");
    // Nothing is configured, so the two links that Debian's alternatives would make are made here.
    let links = r#"set -e; cd "$1"/usr/lib/*-linux-gnu
        ln -s blas/libblas.so.3 libblas.so.3; ln -s lapack/liblapack.so.3 liblapack.so.3
        find "$1"/usr/lib/python3 -name tests -prune -exec rm -rf {} +"#;
    let output = Command::new("mmdebstrap")
        .args(["--quiet", "--variant=extract", "--mode=root", "--format=tar"])
        .args(["--include=python3,python3-numpy,dash,coreutils,base-files", "--dpkgopt=path-exclude=/usr/share/*"])
        .arg(format!("--extract-hook={links}"))
        .arg(suite)
        .arg(target)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    Ok(if output.status.success() { Ok(()) } else { Err(format!("mmdebstrap: {said}")) })
}

/// A program linked to musl, and musl.
fn musl_program() -> Result<(Vec<u8>, Vec<u8>), String> {
    if !on_the_path("musl-gcc") {
        return Err("no musl-gcc on the PATH".into());
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (source, program) = (folder.path().join("entry.c"), folder.path().join("entry"));
    fs::write(&source, MUSL_ENTRY).map_err(|error| error.to_string())?;
    let output = Command::new("musl-gcc").arg("-o").arg(&program).arg(&source).output();
    let output = output.map_err(|error| error.to_string())?;
    assert!(output.status.success(), "musl-gcc: {}", String::from_utf8_lossy(&output.stderr));
    let library = format!("/lib/ld-musl-{}.so.1", std::env::consts::ARCH);
    let read = |path: &Path| fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    Ok((read(&program)?, read(Path::new(&library))?))
}

const BASH_ENTRY: &str = r#"#!/bin/bash
set -e
data=$(</workspace/in/data.json)
echo "bash $BASH_VERSION was given ${#data} characters"
echo '{"step": 1, "total": 2, "message": "read"}' >>/workspace/out/progress.jsonl
if [[ $data =~ \"sleep\":\ *([0-9.]+) ]]; then
  # No program to sleep with: a read that nobody answers.
  read -r -t "${BASH_REMATCH[1]}" <> <(:) || :
fi
echo "{\"characters\": ${#data}, \"memory\": \"$MECAPY_MEM_LIMIT_MB\"}" >/workspace/out/data.json
if [[ $data =~ \"exit\":\ *([0-9]+) ]]; then
  echo "asked to fail" >&2
  exit "${BASH_REMATCH[1]}"
fi
"#;

const MUSL_ENTRY: &str = r#"#include <stdio.h>
int main(void) {
  FILE *in = fopen("/workspace/in/data.json", "r");
  if (!in) { perror("in/data.json"); return 1; }
  int bytes = 0;
  while (fgetc(in) != EOF) bytes++;
  FILE *out = fopen("/workspace/out/data.json", "w");
  if (!out) { perror("out/data.json"); return 1; }
  fprintf(out, "{\"library\": \"musl\", \"bytes\": %d}", bytes);
  puts("done by musl");
  return fclose(out);
}
"#;

/// Bytes that no compression makes smaller, the same for the same name and number.
fn noise(name: &str, number: u8, bytes: usize) -> Vec<u8> {
    let seed = name.bytes().chain([number]).fold(1_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(bytes).collect()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("memory");
        text
    })
}

/// `python:1` as repository and tag of the tests.
fn split(name: &str) -> (String, &str) {
    let name = name.strip_prefix(PREFIX).map_or(name, |rest| rest.trim_start_matches('/'));
    let (repository, tag) = name.split_once(':').unwrap_or((name, "latest"));
    (format!("{PREFIX}/{repository}"), tag)
}

/// A text of the answer.
#[track_caller]
fn text(answer: &str, key: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {answer}")).to_owned()
}

fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => escaped.push(byte.into()),
            _ => write!(escaped, "%{byte:02X}").expect("memory"),
        }
        escaped
    })
}
