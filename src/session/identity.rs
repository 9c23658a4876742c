//! Who is at the keyboard where nobody signed in: the operating system's user.

use crate::domain::user::Identity;
use std::{fs, path::Path};

/// The longest `users.username`, characters.
const MAX_USERNAME: usize = 50;
/// The longest `users.display_name`, characters.
const MAX_DISPLAY_NAME: usize = 100;

/// The identity of this process's user: `local:<machine-id>:<uid>`.
///
/// The real user id counts: whoever starts the program owns what it makes.
pub fn of_process() -> Identity {
    let uid = rustix::process::getuid().as_raw();
    let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default();
    // A container may have neither file; its host name is then the best name there is.
    let machine = ["/etc/machine-id", "/var/lib/dbus/machine-id", "/proc/sys/kernel/hostname"]
        .into_iter()
        .map(|path| read(path).trim().to_owned())
        .find(|text| !text.is_empty() && text != "uninitialized")
        .unwrap_or_else(|| "unknown".to_owned());
    // Lossy: a GECOS field may be Latin-1, and a stranger's line must not hide ours.
    let passwd = fs::read("/etc/passwd").map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let login = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    identity(&machine, uid, &passwd, login.as_deref())
}

/// The identity of user `uid` on `machine`. Users of a directory service are not in `passwd`: their login name
/// is then the one the session was opened with, and the number where that is missing too.
fn identity(machine: &str, uid: u32, passwd: &str, login: Option<&str>) -> Identity {
    let entry = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.len() >= 5 && fields[2].parse() == Ok(uid));
    let clean = |text: &str, limit: usize| -> String {
        text.chars().filter(|c| !c.is_control()).take(limit).collect::<String>().trim().to_owned()
    };
    let username = entry
        .as_ref()
        .map(|fields| clean(fields[0], MAX_USERNAME))
        .or_else(|| login.map(|login| clean(login, MAX_USERNAME)))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| uid.to_string());
    // The GECOS field: full name, room, telephones, separated by commas.
    let display_name = entry
        .and_then(|fields| fields[4].split(',').next().map(|name| clean(name, MAX_DISPLAY_NAME)))
        .filter(|name| !name.is_empty());
    Identity {
        keycloak_id: format!("local:{}:{uid}", segment(machine)),
        username,
        email: String::new(),
        first_name: None,
        last_name: None,
        display_name,
    }
}

/// `machine` as part of an id that also stands in storage keys: one harmless path segment.
fn segment(machine: &str) -> String {
    machine.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\nann:x:1000:1000:Ann Lee,room 3,,:/home/ann:/bin/sh\nbot:x:1001:1001::/:/bin/sh\n";

    #[test]
    fn a_user_of_this_machine_is_known_by_passwd() {
        let ann = identity("0123abcd", 1000, PASSWD, Some("somebody"));
        assert_eq!(ann.keycloak_id, "local:0123abcd:1000");
        assert_eq!((ann.username.as_str(), ann.display_name.as_deref()), ("ann", Some("Ann Lee")));
        assert_eq!(ann.email, "");
        assert_eq!(identity("m", 1001, PASSWD, None).display_name, None);
    }

    #[test]
    fn a_user_of_a_directory_is_known_by_login_or_number() {
        assert_eq!(identity("m", 5000, PASSWD, Some("zoé")).username, "zoé");
        assert_eq!(identity("m", 5000, PASSWD, None).username, "5000");
        assert_eq!(identity("m", 5000, PASSWD, Some("\u{1b}")).username, "5000");
        assert_eq!(identity("m", 5000, "", Some(&"x".repeat(99))).username.len(), 50);
    }

    #[test]
    fn the_machine_is_one_path_segment() {
        assert_eq!(identity("../host.example\n", 1, PASSWD, None).keycloak_id, "local:hostexample:1");
    }

    #[test]
    fn this_process_has_an_identity() {
        let identity = of_process();
        assert!(identity.keycloak_id.starts_with("local:"), "{identity:?}");
        assert!(!identity.username.is_empty());
    }
}
