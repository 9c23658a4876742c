//! The name of an image, read strictly before it goes anywhere: it comes from a tool that somebody else wrote.

use std::fmt;

/// The registry of names that say none.
const HUB: &str = "docker.io";

/// A well-formed reference to an image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// By name.
    Name {
        /// The registry: `docker.io`, `127.0.0.1:5000`.
        registry: String,
        /// The repository in it: `library/python`.
        repository: String,
        /// The tag; `latest` where neither tag nor digest is given.
        tag: Option<String>,
        /// `sha256:…`: the content, whatever the tag.
        digest: Option<String>,
    },
    /// By the id of its content: `sha256:` and 64 hexadecimal digits.
    Id(String),
}

/// Why a text is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no image's name: {problem}")]
pub struct ReferenceError {
    given: String,
    problem: &'static str,
}

impl Reference {
    /// Reads `[registry/]repository[:tag][@digest]` as Docker does, or an id.
    pub fn parse(given: &str) -> Result<Self, ReferenceError> {
        let refused = |problem| ReferenceError { given: given.chars().take(256).collect(), problem };
        if given.is_empty() {
            return Err(refused("it is empty"));
        }
        if is_digest(given) {
            return Ok(Self::Id(given.to_owned()));
        }
        let (rest, digest) = match given.split_once('@') {
            Some((rest, digest)) if is_digest(digest) => (rest, Some(digest.to_owned())),
            Some(_) => return Err(refused("behind @ goes sha256: with 64 hexadecimal digits")),
            None => (given, None),
        };
        // A colon in front of the last slash is a registry's port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(refused("a tag is up to 128 letters, digits, '_', '.' and '-'"));
        }
        if name.len() > 255 {
            return Err(refused("it is longer than 255 characters"));
        }
        let (registry, path) = match name.split_once('/') {
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), path),
            _ => (None, name),
        };
        if registry.is_some_and(|registry| !is_host(registry)) {
            return Err(refused("in front of the first / goes host or host:port"));
        }
        if !path.split('/').all(is_component) {
            let problem = if path.contains(|c: char| c.is_ascii_uppercase()) {
                "names are in lower case"
            } else {
                "names are made of a-z, 0-9, and '.', '_' or '-' in between, in parts divided by /"
            };
            return Err(refused(problem));
        }
        let repository = match registry {
            None | Some(HUB) if !path.contains('/') => format!("library/{path}"),
            _ => path.to_owned(),
        };
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".to_owned()));
        let registry = match registry {
            None | Some("index.docker.io") => HUB.to_owned(),
            Some(registry) => registry.to_owned(),
        };
        Ok(Self::Name { registry, repository, tag, digest })
    }

    /// The registry that has it; none for an id.
    pub fn registry(&self) -> Option<&str> {
        match self {
            Self::Name { registry, .. } => Some(registry),
            Self::Id(_) => None,
        }
    }

    /// Registry and repository, as digests of pulled images name them: `python`, `127.0.0.1:5000/bash`.
    pub fn repository(&self) -> Option<String> {
        match self {
            Self::Name { registry, repository, .. } if registry == HUB => {
                Some(repository.strip_prefix("library/").unwrap_or(repository).to_owned())
            }
            Self::Name { registry, repository, .. } => Some(format!("{registry}/{repository}")),
            Self::Id(_) => None,
        }
    }

    /// The whole of it, with the registry and the tag that went without saying.
    pub fn full(&self) -> String {
        match self {
            Self::Name { registry, repository, .. } => format!("{registry}/{repository}{}", self.suffix()),
            Self::Id(id) => id.clone(),
        }
    }

    fn suffix(&self) -> String {
        match self {
            Self::Name { tag, digest, .. } => {
                let tag = tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
                format!("{tag}{}", digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default())
            }
            Self::Id(_) => String::new(),
        }
    }
}

/// As people write it: without what goes without saying, except for the tag.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { .. } => write!(f, "{}{}", self.repository().unwrap_or_default(), self.suffix()),
            Self::Id(id) => f.write_str(id),
        }
    }
}

fn is_digest(text: &str) -> bool {
    let hex = |digits: &str| digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    text.strip_prefix("sha256:").is_some_and(|digits| digits.len() == 64 && hex(digits))
}

fn is_tag(tag: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(plain) && tag.chars().all(|c| plain(c) || matches!(c, '.' | '-'))
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let is_name = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(label),
    };
    is_name && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// Lower-case letters and digits, with `.`, `_`, `__` or any number of `-` in between.
fn is_component(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let ends = [bytes.first(), bytes.last()].iter().all(|byte| byte.is_some_and(|byte| plain(*byte)));
    let divided = bytes.chunk_by(|a, b| plain(*a) == plain(*b)).filter(|run| !plain(run[0]));
    ends && divided.into_iter().all(|run| matches!(run, b"." | b"_" | b"__") || run.iter().all(|byte| *byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn both(given: &str) -> (String, String) {
        let reference = Reference::parse(given).unwrap();
        (reference.full(), reference.to_string())
    }

    #[test]
    fn names_are_completed_as_docker_does() {
        for (given, full, short) in [
            ("python", "docker.io/library/python:latest", "python:latest"),
            ("python:3.12-slim", "docker.io/library/python:3.12-slim", "python:3.12-slim"),
            ("docker.io/python", "docker.io/library/python:latest", "python:latest"),
            ("index.docker.io/ann/fem:1", "docker.io/ann/fem:1", "ann/fem:1"),
            ("ann/fem", "docker.io/ann/fem:latest", "ann/fem:latest"),
            ("127.0.0.1:5000/fem:1", "127.0.0.1:5000/fem:1", "127.0.0.1:5000/fem:1"),
            ("localhost/fem", "localhost/fem:latest", "localhost/fem:latest"),
            ("[::1]:5000/a/b__c/d--e", "[::1]:5000/a/b__c/d--e:latest", "[::1]:5000/a/b__c/d--e:latest"),
        ] {
            assert_eq!(both(given), (full.to_owned(), short.to_owned()), "{given}");
        }
        assert_eq!(both(&format!("python@{DIGEST}")).1, format!("python@{DIGEST}"));
        assert_eq!(both(DIGEST).0, DIGEST);
        assert_eq!(Reference::parse(DIGEST).unwrap().registry(), None);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for given in [
            "",
            " ",
            "a b",
            "Python",
            "python:",
            "python:-x",
            "a//b",
            "/a",
            "a/",
            "../x",
            "a/../b",
            "a?b",
            "a#b",
            "a%2e",
            "a\nb",
            "a\u{202e}b",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "host:99999/x",
            "http://x/y",
            "python@sha256:12",
            "x.y:z/a",
            "$(id)",
            "a:b:c",
        ] {
            assert!(Reference::parse(given).is_err(), "{given:?}");
        }
        assert!(Reference::parse("Python").unwrap_err().to_string().contains("lower case"));
        assert!(Reference::parse(&"a".repeat(256)).is_err());
    }

    proptest! {
        /// What is taken is safe in a path and a query, and reads the same again in both forms.
        #[test]
        fn what_is_taken_reads_the_same_again(given in "[a-zA-Z0-9./:@_\\[\\] -]{0,30}") {
            if let Ok(reference) = Reference::parse(&given) {
                prop_assert_eq!(Reference::parse(&reference.full()).unwrap(), reference.clone());
                prop_assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference.clone());
                prop_assert!(!reference.full().contains("//") && !reference.full().contains(".."));
            }
        }

        #[test]
        fn any_text_is_taken_or_refused(given in "\\PC{0,40}") {
            let _ = Reference::parse(&given);
        }
    }
}
