//! The command line on a real terminal: questions, and what others wrote.

use crate::support::home::Home;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::{
    io::{Read as _, Write as _},
    sync::mpsc,
    time::{Duration, Instant},
};

/// Runs a command on a terminal; each question is answered once it was asked. What came, and the exit code.
fn on_a_terminal(home: &Home, arguments: &[&str], answers: &[(&str, &str)]) -> (String, u32) {
    let pty = native_pty_system().openpty(PtySize { rows: 24, cols: 80, ..PtySize::default() }).unwrap();
    let wanted = home.command(arguments);
    let mut command = CommandBuilder::new(wanted.get_program());
    command.args(wanted.get_args());
    command.env_clear();
    for (name, value) in wanted.get_envs() {
        command.env(name, value.unwrap());
    }
    command.env("TERM", "xterm-256color");
    command.cwd(home.path());
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut reader = pty.master.try_clone_reader().unwrap();
    let (send, came) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // The end of a terminal is an error on Linux (EIO).
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            if send.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut writer = pty.master.take_writer().unwrap();
    let (mut bytes, mut answers) = (Vec::new(), answers.iter());
    let mut next = answers.next();
    let deadline = Instant::now() + Duration::from_mins(1);
    while let Ok(part) = came.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        bytes.extend(part);
        if let Some((question, answer)) = next
            && String::from_utf8_lossy(&bytes).contains(question)
        {
            writer.write_all(answer.as_bytes()).unwrap();
            next = answers.next();
        }
    }
    assert!(next.is_none(), "{next:?} was not asked: {}", String::from_utf8_lossy(&bytes));
    (String::from_utf8(bytes).unwrap(), child.wait().unwrap().exit_code())
}

#[test]
fn deleting_asks_by_name_and_by_count() {
    let home = Home::new();
    home.file("beam.py", "pass");
    for _ in 0..3 {
        home.run(&["calc", "new", "beam.py"]).code(0);
    }
    let question = "Delete calculation 1 \"beam\" with outputs and logs? [y/N]";
    for no in ["n\n", "\n", "maybe\n"] {
        let (text, code) = on_a_terminal(&home, &["calc", "rm", "1"], &[(question, no)]);
        assert_eq!(code, 6, "{text}");
        assert!(text.contains("Nothing was done"), "{text}");
    }
    let (text, code) = on_a_terminal(&home, &["calc", "rm", "1", "--no-input"], &[]);
    assert_eq!(code, 6, "{text}");
    assert_eq!(home.run(&["calc", "ls", "--json"]).json_lines().len(), 3);
    assert_eq!(on_a_terminal(&home, &["calc", "rm", "1"], &[(question, "y\n")]).1, 0);
    let many = "Delete 2 calculations with outputs and logs? [y/N]";
    assert_eq!(on_a_terminal(&home, &["calc", "rm", "2", "3"], &[(many, "yes\n")]).1, 0);
    assert_eq!(home.run(&["calc", "ls", "--json"]).out, "");
}

#[test]
fn nothing_that_others_wrote_commands_the_terminal() {
    let home = Home::new();
    home.file(
        "evil.py",
        "print('\\x1b]0;title\\x07\\x1b[2J\\u202e\\x9b31m')\n\"\"\"\\x1b[5m\"\"\"\nraise ValueError('\\x1b[7m\\u202e')\n",
    );
    home.run(&["calc", "new", "evil.py", "--name", "n\u{1b}[31m\u{9b}1m\u{202e}"]).code(0);
    let shown = [
        vec!["calc", "run", "1", "--follow"],
        vec!["calc", "ls"],
        vec!["calc", "show", "1"],
        vec!["calc", "logs", "1"],
        vec!["calc", "logs", "1", "--json"],
        vec!["calc", "show", "1", "--json"],
    ];
    for arguments in shown {
        let (text, _) = on_a_terminal(&home, &arguments, &[]);
        assert!(text.contains('\n'), "{arguments:?} printed nothing");
        let raw = text.chars().find(|c| (c.is_control() && !matches!(c, '\r' | '\n' | '\t')) || *c == '\u{202e}');
        assert_eq!(raw, None, "{arguments:?}: {text:?}");
    }
}
