//! Help, version, completions, the manual page, and a standard output that nobody reads.

use crate::support::home::Home;

#[test]
fn help_lists_the_verbs_and_a_wrong_one_is_refused() {
    let home = Home::new();
    insta::assert_snapshot!("help", home.run(&["--help"]).code(0).out);
    insta::assert_snapshot!("help_of_calc_run", home.run(&["calc", "run", "--help"]).code(0).out);
    home.run(&["clac"]).code(2).says("calc");
    home.run(&["calc", "show", "seven"]).code(2).says("seven");
    let version = home.run(&["--version"]).code(0).out;
    assert_eq!(version.trim(), format!("mecapy {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_a_terminal_there_is_help_instead_of_a_screen() {
    let home = Home::new();
    let help = home.run(&[]).code(2).says("not a terminal");
    assert!(help.out.contains("Usage: mecapy"), "{}", help.out);
}

#[test]
fn completions_and_the_manual_know_every_verb() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = home.run(&["completions", shell]).code(0).out;
        assert!(text.contains("doctor") && text.contains("read-only"), "{shell}");
        assert!(!text.contains("supervise"), "{shell}");
    }
    let manual = home.run(&["man"]).code(0).out;
    for verb in ["CALC NEW", "CALC RUN", "CALC LOGS", "CALC LS", "TOOLS SHOW", "DOCTOR", "CONFIG SHOW", "COMPLETIONS"] {
        assert!(manual.contains(&format!("MECAPY {verb}")), "{verb} is not in the manual");
    }
    for words in ["124 the run timed out", "MECAPY_LIMITS_TIMEOUT", "/etc/mecapy/config.toml"] {
        assert!(manual.contains(words), "{words} is not in the manual");
    }
}

#[test]
fn a_closed_standard_output_is_no_failure() {
    let home = Home::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = home.command(&["config", "show"]).stdout(writer).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn broken_settings_leave_help_completions_and_doctor() {
    let home = Home::new();
    home.file(".config/mecapy/config.toml", "[limits\n");
    home.run(&["config", "show"]).code(1).says("config.toml, line 1:");
    home.run(&["man"]).code(0);
    let doctor = home.run(&["doctor"]).code(1);
    assert!(doctor.out.contains("config.toml, line 1:"), "{}", doctor.out);
}

#[test]
fn a_full_disk_under_standard_output_is_said() {
    let home = Home::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = home.command(&["config", "show"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot write to standard output: No space left on device"), "{said}");
}

#[test]
fn work_goes_on_without_a_log() {
    let home = Home::new();
    home.file(".local/state/mecapy", "a file where the folder should be");
    let done = home.run(&["tools", "ls"]);
    assert!(done.err.contains("no log in "), "{}", done.err);
    assert!(done.out.contains("beam_deflection"), "{}", done.out);
}
