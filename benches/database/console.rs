//! The engine's own client, kept open and asked through its pipe.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

/// Comes back when everything before it was answered.
const DONE: &str = "<done>";

/// A running `psql` or `sqlite3`.
pub struct Console {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// The client's command that prints a word.
    print: &'static str,
}

impl Console {
    /// Starts it; `print` is its command that prints a word.
    pub fn start(mut command: Command, print: &'static str) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the client starts");
        let input = child.stdin.take().expect("piped above");
        let output = BufReader::new(child.stdout.take().expect("piped above"));
        let mut console = Self { child, input, output, print };
        console.ask("");
        console
    }

    /// Asks and reads the whole answer: how long it took, and how many lines it had.
    pub fn ask(&mut self, sql: &str) -> (Duration, usize) {
        let began = Instant::now();
        writeln!(self.input, "{sql}\n{} {DONE}", self.print).expect("the client reads");
        self.input.flush().expect("the client reads");
        let (mut line, mut lines) = (String::new(), 0);
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).expect("text") > 0, "the client ended at: {sql}");
            if line.trim_end() == DONE {
                return (began.elapsed(), lines);
            }
            lines += 1;
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
