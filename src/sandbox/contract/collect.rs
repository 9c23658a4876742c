//! After the end: the verdict, the result and the files.

use super::{
    failure::Account,
    open,
    outputs::Outputs,
    result::{self, Good, MAX_RESULT, RESULT},
    verdict,
};
use crate::{
    domain::{
        limits::{Caps, Limits},
        run::{ErrorKind, Outcome},
    },
    sandbox::{Ended, Exit},
};
use serde_json::json;
use std::{fs, os::unix::fs::DirBuilderExt, path::Path};

/// Reads what a run left in `folder` (as `prepare` made it) and copies its files into the new folder `into`.
///
/// `log_tail` is the end of its standard error: the last source for a failure's words. Never fails: what cannot be
/// read is a note, and the verdict stands. What a failed or cancelled run left is kept like any other. Blocks on the
/// file system.
pub fn collect(folder: &Path, into: &Path, ended: &Ended, caps: &Caps, limits: &Limits, log_tail: &str) -> Outcome {
    let mut notes = Vec::new();
    let out =
        open::root(&folder.join("out")).map_err(|problem| notes.push(format!("the output folder {problem}"))).ok();
    let read = out.as_ref().map_or(Ok(None), |out| result::read(out, caps.output_bytes));
    let refused = read.as_ref().map(|_| ()).map_err(Clone::clone);
    let verdict = verdict::judge(ended, limits, caps, refused, log_tail, || Account::read(out.as_ref(), log_tail));
    let mut outputs = Outputs::new(into, caps);
    let mut result_data = None;
    if let Err(error) = fs::DirBuilder::new().mode(0o700).create(into) {
        notes.push(format!("no output file could be kept: {}: {error}", into.display()));
    } else if let Some(out) = &out {
        match read {
            Ok(good) => result_data = good.map(|good| result_column(good, &mut outputs, &mut notes)),
            // Said already where it is why the run failed.
            Err(problem) if verdict.kind != Some(ErrorKind::BadResult) => notes.push(problem),
            Err(_) => {}
        }
        outputs.take(out, "files", false);
        outputs.take(out, "artifacts", true);
        outputs.note_strangers(out);
    }
    notes.extend(outputs.notes());
    notes.extend(outputs.summary());
    let (exit_code, signal) = match ended.exit {
        Exit::Code(code) => (Some(code), None),
        Exit::Signal(signal) => (None, Some(signal)),
    };
    Outcome {
        status: verdict.status,
        error_kind: verdict.kind,
        error_message: verdict.message,
        error_line: verdict.line,
        result_data,
        outputs: outputs.files,
        notes,
        exit_code,
        signal,
        usage: Some(ended.usage),
    }
}

/// The text for the column: the result itself, or where the whole of it is.
fn result_column(good: Good, outputs: &mut Outputs, notes: &mut Vec<String>) -> String {
    if good.characters <= MAX_RESULT {
        return good.text;
    }
    let characters = good.characters;
    match outputs.keep_text(RESULT, &good.text) {
        Ok(()) => {
            notes.push(format!("the result has {characters} characters and is kept whole as the output file {RESULT}"));
            json!({ "result_file": RESULT, "characters": characters }).to_string()
        }
        Err(error) => {
            notes.push(format!("the result has {characters} characters and could not be kept: {error}"));
            json!({ "result_file": null, "characters": characters }).to_string()
        }
    }
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
