//! The README's table of keys is what the commands say. `MECAPY_UPDATE_README=1` writes it anew.

use mecapy::tui::{
    keymap::{Key, Keymap},
    panes::PANES,
};
use std::{fmt::Write as _, fs, path::Path};

const START: &str = "<!-- keys:start -->";
const END: &str = "<!-- keys:end -->";

fn table() -> String {
    let keymap = Keymap::new(PANES);
    let mut text = String::new();
    for section in keymap.sections() {
        let context = section.context;
        writeln!(text, "\n**{}** (`[{}]` in `keymap.toml`)\n", context.title, context.name).unwrap();
        writeln!(text, "| key | command | what it does |\n|---|---|---|").unwrap();
        for bound in &section.commands {
            let keys: Vec<String> = bound.keys.iter().map(|key| format!("`{}`", Key::to_string(key))).collect();
            writeln!(text, "| {} | {} | {} |", keys.join(" "), bound.command.name, bound.command.doc).unwrap();
        }
    }
    text.push('\n');
    text
}

#[test]
fn the_readme_shows_the_keys_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).expect("there is a README.md");
    let from = readme.find(START).expect("README.md has the mark where the keys start") + START.len();
    let to = readme.find(END).expect("README.md has the mark where the keys end");
    let table = table();
    if std::env::var_os("MECAPY_UPDATE_README").is_some() {
        fs::write(&path, format!("{}\n{table}{}", &readme[..from], &readme[to..])).expect("README.md can be written");
        return;
    }
    assert_eq!(
        readme[from..to].trim(),
        table.trim(),
        "write it anew: MECAPY_UPDATE_README=1 cargo test --test it the_readme_shows_the_keys"
    );
}
