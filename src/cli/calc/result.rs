//! `calc result`: the result of a run as the code wrote it, and the files it left.

use super::{args::ResultArgs, show::find};
use crate::{
    cli::{
        exit::{CommandResult, Exit, Failure},
        output::Output,
    },
    db,
    domain::{
        calculation::{Calculation, MAX_RESULT},
        file::{FileRole, LinkedFile},
        id::CalculationId,
        status::Status,
        text::is_hidden,
    },
    session::Session,
};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

/// Prints the result, or writes it to a file; with `--files` writes the output files instead.
pub async fn result(session: &Session, args: &ResultArgs, output: Output) -> CommandResult {
    let calculation = find(session, CalculationId(args.id)).await?;
    let linked = db::calculations::files(&session.db, session.user.id, calculation.id).await?;
    if let Some(folder) = &args.files {
        return files(session, &calculation, &linked, folder, output).await;
    }
    let text = text(session, &calculation, &linked).await?;
    if let Some(path) = &args.output {
        write(path, &text, output)?;
    } else if output.json {
        // On one line, as every object; the code may have written it over many.
        let value: Value = serde_json::from_str(&text)?;
        output.json(&value)?;
    } else {
        output.text(&text)?;
    }
    Ok(Exit::Ok)
}

/// The whole result, wherever it is kept.
async fn text(session: &Session, calculation: &Calculation, linked: &[LinkedFile]) -> Result<String, Failure> {
    let id = calculation.id;
    let Some(text) = &calculation.result_data else {
        let why = match calculation.status {
            Status::Completed => "gave no result".to_owned(),
            status if status.is_final() => format!("{status} without a result; see `mecapy calc show {id}`"),
            status => format!("is {status}: there is no result yet"),
        };
        return Err(Failure::words(Exit::NotFound, format!("calculation {id} {why}")));
    };
    let Some(file) = kept_as_file(text, linked) else { return Ok(text.clone()) };
    let mut stream = session.store.read(&file.file.s3_key).await.map_err(|error| Failure::new(Exit::Error, error))?;
    let mut bytes = Vec::new();
    while let Some(part) = stream.try_next().await.map_err(|error| Failure::new(Exit::Error, error))? {
        bytes.extend_from_slice(part.as_ref());
    }
    String::from_utf8(bytes).map_err(|error| Failure::new(Exit::Error, error))
}

/// The output file that holds a result too long for its column: the column then says which.
fn kept_as_file<'a>(text: &str, linked: &'a [LinkedFile]) -> Option<&'a LinkedFile> {
    let value: Value = serde_json::from_str(text).ok()?;
    let object = value.as_object().filter(|object| object.len() == 2 && object.contains_key("characters"))?;
    let name = object.get("result_file")?.as_str()?;
    linked.iter().find(|linked| {
        linked.file_role == FileRole::Output
            && linked.file.filename == name
            // Code may give back such an object of its own; a real one stands for more than fits.
            && linked.file.file_size > MAX_RESULT as i64
    })
}

/// Writes the output files into a folder, which is made; an existing file is never replaced.
async fn files(
    session: &Session,
    calculation: &Calculation,
    linked: &[LinkedFile],
    folder: &Path,
    output: Output,
) -> CommandResult {
    let wanted: Vec<_> =
        linked.iter().filter(|linked| matches!(linked.file_role, FileRole::Output | FileRole::Artifact)).collect();
    if wanted.is_empty() {
        return Err(Failure::words(Exit::NotFound, format!("calculation {} left no files", calculation.id)));
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o777).create(folder).map_err(|error| {
        Failure::new(Exit::Error, anyhow::Error::new(error).context(format!("cannot make {}", folder.display())))
    })?;
    let mut names = BTreeSet::new();
    for linked in wanted {
        let path: PathBuf = folder.join(unique(&linked.file.filename, &mut names));
        session.store.download(&linked.file, &path).await.map_err(|error| Failure::new(Exit::Error, error))?;
        if output.json {
            output.json(&json!({ "path": path.to_string_lossy(), "filename": linked.file.filename, "file_role": linked.file_role }))?;
        } else {
            output.text(&path.to_string_lossy())?;
        }
    }
    Ok(Exit::Ok)
}

/// A file name of this folder made from what the code called it, which may be anything.
fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut clean: String = name.chars().map(|c| if c == '/' || c == '\0' || is_hidden(c) { '_' } else { c }).collect();
    if clean.starts_with(['.', '-']) || clean.is_empty() {
        clean.insert(0, '_');
    }
    while clean.len() > 200 {
        clean.pop();
    }
    let mut unique = clean.clone();
    for number in 2.. {
        if taken.insert(unique.clone()) {
            break;
        }
        unique = match clean.rsplit_once('.') {
            Some((stem, extension)) => format!("{stem}-{number}.{extension}"),
            None => format!("{clean}-{number}"),
        };
    }
    unique
}

/// Writes the whole text beside its place and then puts it there, so that nobody finds half of it.
fn write(path: &Path, text: &str, output: Output) -> Result<(), Failure> {
    if !output.yes && path.symlink_metadata().is_ok() {
        return Err(Failure::words(
            Exit::Denied,
            format!("{} exists; nothing was written. --yes replaces it", path.display()),
        ));
    }
    let name = path.file_name().ok_or_else(|| Failure::usage(format!("{} names no file", path.display())))?;
    let mut part = name.to_owned();
    part.push(format!(".part-{}", std::process::id()));
    let part = path.with_file_name(part);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&part)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&part, path));
    if let Err(error) = written {
        std::fs::remove_file(&part).ok();
        let cause = anyhow::Error::new(error).context(format!("cannot write {}", path.display()));
        return Err(Failure::new(Exit::Error, cause));
    }
    output.say(format_args!("wrote {}", path.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_files_stay_in_the_folder_and_apart() {
        let mut taken = BTreeSet::new();
        for (name, path) in [
            ("beam.svg", "beam.svg"),
            ("beam.svg", "beam-2.svg"),
            ("../../etc/passwd", "_.._.._etc_passwd"),
            (".bashrc", "_.bashrc"),
            ("-rf", "_-rf"),
            ("a\u{1b}[31m\u{202e}b", "a_[31m_b"),
            ("", "_"),
        ] {
            assert_eq!(unique(name, &mut taken), path);
        }
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_path_segment(names in proptest::collection::vec(".{0,300}", 1..6)) {
            let mut taken = BTreeSet::new();
            for name in &names {
                let name = unique(name, &mut taken);
                prop_assert_eq!(Path::new(&name).components().count(), 1);
                prop_assert!(name.len() < 255 && name != ".." && name != ".");
            }
            prop_assert_eq!(taken.len(), names.len());
        }
    }
}
