//! Debian's registry on loopback, where engines allow plain HTTP.

use super::{Engine, keeper::Keeper, on_the_path, said};
use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    time::Duration,
};

/// The person whom a private registry knows.
pub const PERSON: &str = "ann";
/// Her password: its base64 has the two characters that differ between the alphabets.
pub const PASSWORD: &str = "a??>b??>>c~~~";
/// The same as bcrypt, which is all that the registry reads.
const HTPASSWD: &str = include_str!("htpasswd");

/// A registry of the test's own.
pub struct Registry {
    keeper: Keeper,
    address: SocketAddr,
    private: bool,
}

impl Registry {
    /// A registry that anybody may read and write, or `None` after saying that the test is skipped.
    pub fn open() -> Option<Self> {
        said(Self::start(false))
    }

    /// One that wants [`PERSON`] and [`PASSWORD`].
    pub fn private() -> Option<Self> {
        said(Self::start(true))
    }

    fn start(private: bool) -> Result<Self, String> {
        if !on_the_path("docker-registry") {
            return Err("no docker-registry on the PATH".into());
        }
        // Somebody may take the port between here and there.
        let mut told = String::new();
        for _ in 0..5 {
            let address = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a free port");
            let mut keeper = Keeper::new("registry", |folder| {
                let settings = folder.join("settings.yml");
                let mut text = format!(
                    "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {}\n  \
                     delete:\n    enabled: true\nhttp:\n  addr: {address}\n",
                    folder.join("store").display()
                );
                if private {
                    let people = folder.join("htpasswd");
                    std::fs::write(&people, HTPASSWD).expect("the folder is ours");
                    text += "auth:\n  htpasswd:\n    realm: tests\n    path: ";
                    text.push_str(&people.display().to_string());
                    text.push('\n');
                }
                std::fs::write(&settings, text).expect("the folder is ours");
                let mut command = Command::new("docker-registry");
                command.arg("serve").arg(settings);
                command
            });
            keeper.order("start");
            match keeper.wait(Duration::from_secs(20), || TcpStream::connect(address).is_ok()) {
                Ok(()) => return Ok(Self { keeper, address, private }),
                Err(log) => told = log,
            }
        }
        Err(format!("docker-registry does not start here: {told}"))
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The reference of an image in it: `127.0.0.1:PORT/NAME`.
    pub fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Pushes an image of an engine under `name:tag` and gives its reference.
    #[track_caller]
    pub fn push(&self, engine: &Engine, image: &str, name: &str, tag: &str) -> String {
        let repository = self.name(name);
        let sign_in =
            format!(r#"{{"username":"{PERSON}","password":"{PASSWORD}","serveraddress":"{}"}}"#, self.address);
        // The alphabet for addresses, as engines want it here.
        let sign_in = base64(if self.private { &sign_in } else { "{}" }).replace('+', "-").replace('/', "_");
        engine.api("POST", &format!("/images/{image}/tag?repo={repository}&tag={tag}"), "");
        let header = format!("X-Registry-Auth: {sign_in}");
        let said = engine.api_with("POST", &format!("/images/{repository}/push?tag={tag}"), &header);
        assert!(!said.contains("errorDetail"), "{said}\n{}", self.keeper.log());
        // The engine has to ask for it again.
        engine.forget(&format!("{repository}:{tag}"));
        format!("{repository}:{tag}")
    }

    /// Stops it; connections are refused from then on.
    pub fn stop(&mut self) {
        self.keeper.order("stop");
    }
}

/// In standard base64.
pub fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place > chunk.len() { '=' } else { digit.into() });
        }
    }
    out
}
