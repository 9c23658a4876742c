//! What the terminal can do, as far as its variables tell.

use super::{Check, Mark};
use std::io::IsTerminal as _;

/// What the surroundings say of the terminal.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    variables: Vec<(&'static str, String)>,
    /// Columns and rows, where standard output is a terminal.
    size: Option<(u16, u16)>,
    is_terminal: bool,
}

const VARIABLES: &[&str] = &[
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "CLICOLOR",
    "COLUMNS",
    "LINES",
    "TMUX",
    "STY",
    "SSH_CONNECTION",
    "SSH_TTY",
    "LC_ALL",
    "LC_CTYPE",
    "LANG",
    "VISUAL",
    "EDITOR",
];

impl Facts {
    /// Those of this process.
    pub(super) fn of_process() -> Self {
        let set = |name: &&'static str| Some((*name, std::env::var(name).ok().filter(|value| !value.is_empty())?));
        let stdout = std::io::stdout();
        Self {
            variables: VARIABLES.iter().filter_map(set).collect(),
            size: rustix::termios::tcgetwinsize(&stdout).ok().map(|size| (size.ws_col, size.ws_row)),
            is_terminal: stdout.is_terminal() && std::io::stdin().is_terminal(),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// Everything worth knowing about the terminal.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![kind(facts), colour(facts), letters(facts)];
    if let Some((columns, rows)) = facts.size.filter(|size| size.0 > 0) {
        let fact = format!("{columns} columns, {rows} rows");
        let check = if columns < 40 || rows < 10 {
            Check::new("terminal", Mark::Warning, fact)
                .advise("the screen needs 40x10, and shows everything from 80x24")
        } else {
            Check::ok("terminal", fact)
        };
        checks.push(check);
    }
    let (columns, lines) = (facts.get("COLUMNS"), facts.get("LINES"));
    if columns.is_some() || lines.is_some() {
        let shown = |value: Option<&str>| value.unwrap_or("-").to_owned();
        checks.push(Check::ok("terminal", format!("COLUMNS={} LINES={}", shown(columns), shown(lines))));
    }
    let inside: Vec<_> = [("TMUX", "tmux"), ("STY", "GNU screen"), ("SSH_CONNECTION", "SSH")]
        .into_iter()
        .filter(|(name, _)| facts.get(name).is_some())
        .map(|(_, words)| words)
        .collect();
    if !inside.is_empty() {
        checks.push(Check::ok("terminal", format!("inside {}", inside.join(" over "))));
    }
    if facts.get("TMUX").is_some() {
        checks.push(
            Check::ok("terminal", "copying from the screen goes through tmux")
                .advise("it passes with `set -g set-clipboard on` in tmux.conf"),
        );
    }
    let editor = facts.get("VISUAL").or_else(|| facts.get("EDITOR")).unwrap_or("vi (VISUAL and EDITOR are not set)");
    checks.push(Check::ok("terminal", format!("external editor: {editor}")));
    checks
}

fn kind(facts: &Facts) -> Check {
    if !facts.is_terminal {
        return Check::new("terminal", Mark::Warning, "standard input or output is not a terminal")
            .advise("the screen needs one; every command works without");
    }
    match facts.get("TERM") {
        None => Check::new("terminal", Mark::Warning, "TERM is not set, and the screen needs it")
            .advise("set it to the name of your terminal, such as xterm-256color"),
        Some("dumb") => Check::new("terminal", Mark::Warning, "TERM=dumb").advise(
            "the screen cannot place text on it; if the terminal can do more than that, set TERM, for instance to xterm-256color",
        ),
        Some(name) => Check::ok("terminal", format!("TERM={name}")),
    }
}

fn colour(facts: &Facts) -> Check {
    let words = if facts.get("NO_COLOR").is_some() {
        "none (NO_COLOR)".to_owned()
    } else if facts.get("CLICOLOR") == Some("0") {
        "none (CLICOLOR=0)".to_owned()
    } else if facts.get("TERM") == Some("dumb") {
        "none (TERM=dumb)".to_owned()
    } else {
        match (facts.get("COLORTERM"), facts.get("TERM")) {
            (Some("truecolor" | "24bit"), _) => "16 million".to_owned(),
            (_, Some(name)) if name.contains("256") => "256".to_owned(),
            _ => "16".to_owned(),
        }
    };
    Check::ok("terminal", format!("colours: {words}"))
}

/// The screen draws with Unicode; a terminal of another encoding shows garbage.
fn letters(facts: &Facts) -> Check {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| Some((name, facts.get(name)?)));
    match locale {
        Some((name, value)) if value.to_ascii_lowercase().replace('-', "").contains("utf8") => {
            Check::ok("terminal", format!("letters: UTF-8 ({name}={value})"))
        }
        other => {
            let found = other.map_or("no locale is set".to_owned(), |(name, value)| format!("{name}={value}"));
            Check::new("terminal", Mark::Warning, format!("letters: {found}, not UTF-8"))
                .advise("if the screen shows odd marks: export LC_ALL=C.UTF-8")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(variables: &[(&'static str, &str)], size: (u16, u16)) -> Facts {
        let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Facts { variables, size: Some(size), is_terminal: true }
    }

    fn text(facts: &Facts) -> String {
        let lines: Vec<_> = checks(facts).iter().map(|check| format!("{:?} {}", check.mark, check.fact)).collect();
        lines.join("\n")
    }

    #[test]
    fn a_usual_terminal_is_all_right() {
        let facts = facts(
            &[("TERM", "tmux-256color"), ("TMUX", "/tmp/x"), ("SSH_CONNECTION", "1 2 3 4"), ("LANG", "fr_FR.UTF-8")],
            (80, 24),
        );
        let text = text(&facts);
        assert!(!text.contains("Warning") && !text.contains("Error"), "{text}");
        for fact in ["colours: 256", "80 columns, 24 rows", "inside tmux over SSH", "UTF-8 (LANG=fr_FR.UTF-8)"] {
            assert!(text.contains(fact), "{fact}: {text}");
        }
    }

    #[test]
    fn what_is_less_is_said() {
        let text = text(&facts(&[("TERM", "dumb"), ("LANG", "C")], (20, 5)));
        for fact in ["Warning TERM=dumb", "colours: none (TERM=dumb)", "Warning 20 columns", "Warning letters: LANG=C"]
        {
            assert!(text.contains(fact), "{fact}: {text}");
        }
        assert!(self::text(&facts(&[("TERM", "xterm"), ("NO_COLOR", "1")], (80, 24))).contains("none (NO_COLOR)"));
        assert!(self::text(&Facts::default()).contains("not a terminal"));
    }
}
