//! `config show|path`, `completions`, `man`: what needs no database.

use super::{
    args::Cli,
    exit::{CommandResult, Exit, Failure},
    output::{Output, table},
};
use crate::{config::Loaded, domain::text::SafeText};
use clap::CommandFactory as _;
use serde_json::json;

/// Every setting with its value and origin; secrets hidden.
pub fn show(loaded: &Loaded, output: Output) -> CommandResult {
    if output.json {
        for origin in &loaded.origins {
            output.json(origin)?;
        }
        return Ok(Exit::Ok);
    }
    let mut rows = vec![["SETTING", "VALUE", "FROM"].map(str::to_owned).to_vec()];
    for origin in &loaded.origins {
        let value = match &origin.value {
            serde_json::Value::String(text) if text.is_empty() => "-".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        rows.push(vec![
            origin.key.to_owned(),
            SafeText::label(&value).into_string(),
            SafeText::label(&origin.origin).into_string(),
        ]);
    }
    output.raw(table(&rows, &[]).as_bytes())?;
    Ok(Exit::Ok)
}

/// The files of settings that were looked for, and mecapy's folders.
pub fn path(loaded: &Loaded, output: Output) -> CommandResult {
    let paths = &loaded.config.paths;
    let folders = [
        ("data", &paths.data),
        ("state", &paths.state),
        ("cache", &paths.cache),
        ("objects", &loaded.config.storage.path),
    ];
    if output.json {
        let mut object = json!({
            "files": loaded.files,
            "log": paths.log().to_string_lossy(),
            "database": paths.database().to_string_lossy(),
        });
        for (name, folder) in folders {
            object[name] = json!(folder.to_string_lossy());
        }
        output.json(&object)?;
        return Ok(Exit::Ok);
    }
    let mut rows = Vec::new();
    for file in &loaded.files {
        let found = if file.found { "found" } else { "not there" };
        rows.push(vec![
            "settings".to_owned(),
            SafeText::label(&file.path.to_string_lossy()).into_string(),
            format!("({found})"),
        ]);
    }
    for (name, folder) in folders {
        rows.push(vec![name.to_owned(), SafeText::label(&folder.to_string_lossy()).into_string()]);
    }
    rows.push(vec!["log".to_owned(), SafeText::label(&paths.log().to_string_lossy()).into_string()]);
    output.raw(table(&rows, &[]).as_bytes())?;
    Ok(Exit::Ok)
}

/// The completions of a shell.
pub fn completions(shell: clap_complete::Shell, output: Output) -> CommandResult {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mecapy", &mut text);
    output.raw(&text)?;
    Ok(Exit::Ok)
}

/// The manual page: the program, then every verb.
pub fn man(output: Output) -> CommandResult {
    output.raw(&manual()?)?;
    Ok(Exit::Ok)
}

fn manual() -> Result<Vec<u8>, Failure> {
    let mut command = Cli::command();
    command.build();
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(command.clone());
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    let mut verbs = Vec::new();
    for noun in command.get_subcommands().filter(|noun| !noun.is_hide_set()) {
        let nested: Vec<_> = noun.get_subcommands().cloned().collect();
        verbs.extend(if nested.is_empty() { vec![noun.clone()] } else { nested });
    }
    for verb in verbs {
        let name = verb.get_bin_name().unwrap_or_else(|| verb.get_name()).to_owned();
        text.extend_from_slice(format!(".SH \"{}\"\n", name.to_uppercase()).as_bytes());
        // Global options are described once, at the top.
        let own: Vec<_> =
            verb.get_arguments().filter(|argument| argument.is_global_set()).map(|a| a.get_id().clone()).collect();
        let verb = own.iter().fold(verb.clone(), |verb, id| verb.mut_arg(id, |argument| argument.hide(true)));
        let examples = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        let mut page = Vec::new();
        let verb = clap_mangen::Man::new(verb);
        verb.render_description_section(&mut page)?;
        verb.render_synopsis_section(&mut page)?;
        verb.render_options_section(&mut page)?;
        // A verb is a section of the one page: its own headings go one level down.
        text.extend_from_slice(String::from_utf8_lossy(&page).replace(".SH ", ".SS ").as_bytes());
        if !examples.is_empty() {
            text.extend_from_slice(b".SS EXAMPLES\n");
            text.extend_from_slice(as_typed(&examples).as_bytes());
        }
    }
    text.extend_from_slice(SURROUNDINGS.as_bytes());
    text.extend_from_slice(as_typed(super::calc::args::EXAMPLES).as_bytes());
    Ok(text)
}

/// Examples without their heading, line by line and in characters that can be copied.
fn as_typed(examples: &str) -> String {
    let lines: Vec<String> = examples.lines().skip(1).map(|line| line.trim().replace('-', "\\-")).collect();
    format!(".nf\n{}\n.fi\n", lines.join("\n"))
}

/// The sections that no argument tells.
const SURROUNDINGS: &str = "\
.SH FILES
.TP
/etc/mecapy/config.toml
Settings of everybody on this host.
.TP
~/.config/mecapy/config.toml
Your settings; a profile in it is a set of them under a name.
.TP
~/.local/share/mecapy
Database and files, unless paths.data or database.url say otherwise.
.TP
~/.local/state/mecapy
Runs that go on, drafts, and the log.
.SH ENVIRONMENT
.TP
MECAPY_SECTION_KEY
Any setting, such as MECAPY_LIMITS_TIMEOUT for limits.timeout. `mecapy config show` lists them all.
.TP
MECAPY_PROFILE, MECAPY_CONFIG
As \\-\\-profile and \\-\\-config.
.TP
DATABASE_URL
The database, as in the platform's other programs.
.TP
NO_COLOR, CLICOLOR, TERM, VISUAL, EDITOR
As everywhere.
.SH EXAMPLES
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_shows_each_verbs_examples_on_lines_of_their_own() {
        let manual = String::from_utf8(manual().unwrap()).unwrap();
        for example in ["mecapy tools ls \\-\\-search beam", "mecapy db upgrade \\-\\-dry\\-run", "mecapy doctor"] {
            assert!(manual.lines().any(|line| line == example), "{example}");
        }
    }
}
