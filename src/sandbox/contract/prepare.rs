//! Before the start: the folders and what goes into them.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Why a run cannot be prepared. Nothing has run; the folder may be half made and is the caller's to remove.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Python stops there silently and reports success.
    #[error("line {line}: the code contains a NUL byte; Python would stop there without a word")]
    Nul {
        /// From 1.
        line: u32,
    },
    /// A name that is no plain file name, or that two inputs share.
    #[error("input file {name:?}: {problem}")]
    InputName {
        /// As asked for.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An input file that cannot be read.
    #[error("input file {}: {source}", path.display())]
    Input {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder cannot be written.
    #[error("{}: {source}", path.display())]
    Folder {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl PrepareError {
    /// The line of the code at fault, from 1, where there is one.
    pub const fn line(&self) -> Option<u32> {
        match self {
            Self::Nul { line } => Some(*line),
            _ => None,
        }
    }
}

/// The longest file name of Linux, bytes.
const MAX_NAME: usize = 255;

/// Makes `in/`, `out/` and `scratch/` below `folder` (made with mode 0700 where it is missing).
///
/// `parameters` is the JSON text as stored; `inputs` are pairs of a file to copy and its name under `in/files`. Blocks.
pub fn prepare(folder: &Path, code: &str, parameters: &str, inputs: &[(PathBuf, String)]) -> Result<(), PrepareError> {
    if let Some(at) = code.find('\0') {
        return Err(PrepareError::Nul { line: 1 + code[..at].matches('\n').count() as u32 });
    }
    for (place, (_, name)) in inputs.iter().enumerate() {
        let problem = name_problem(name).or_else(|| {
            inputs[..place].iter().any(|(_, other)| other == name).then_some("two input files have this name")
        });
        if let Some(problem) = problem {
            return Err(PrepareError::InputName { name: name.clone(), problem });
        }
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PrepareError::Folder { path, source }
    };
    if !folder.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
    }
    // The sandbox's user may be another one than ours (when we are root): readable inside, shut off by `folder` outside.
    // Set, not asked for at creation, where a strict umask would take it away again.
    for name in ["in", "in/files", "out", "out/files", "out/artifacts", "scratch"] {
        let path = folder.join(name);
        let made = fs::create_dir(&path).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
        made.map_err(failed(&path))?;
    }
    let parameters = if parameters.trim().is_empty() { "{}" } else { parameters };
    for (name, bytes) in [("in/main.py", code), ("in/data.json", parameters)] {
        let path = folder.join(name);
        create(&path).and_then(|mut file| io::Write::write_all(&mut file, bytes.as_bytes())).map_err(failed(&path))?;
    }
    for (source, name) in inputs {
        let mut from =
            fs::File::open(source).map_err(|error| PrepareError::Input { path: source.clone(), source: error })?;
        let path = folder.join("in/files").join(name);
        let mut to = create(&path).map_err(failed(&path))?;
        io::copy(&mut from, &mut to).map_err(failed(&path))?;
    }
    Ok(())
}

fn create(path: &Path) -> io::Result<fs::File> {
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    Ok(file)
}

fn name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() || name == "." || name == ".." {
        Some("is no file name")
    } else if name.contains('/') {
        Some("must be a plain name, without folders")
    } else if name.chars().any(char::is_control) {
        Some("contains a control character")
    } else if name.len() > MAX_NAME {
        Some("is longer than 255 bytes")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_of_the_contract_are_made() {
        let home = tempfile::tempdir().unwrap();
        let source = home.path().join("mesh");
        fs::write(&source, "1,2").unwrap();
        let folder = home.path().join("run");
        prepare(&folder, "x = 1\n", "", &[(source, "maillage é.csv".into())]).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_to_string(folder.join("in/data.json")).unwrap(), "{}");
        assert_eq!(fs::read_to_string(folder.join("in/main.py")).unwrap(), "x = 1\n");
        assert_eq!(fs::read_to_string(folder.join("in/files/maillage é.csv")).unwrap(), "1,2");
        assert_eq!(fs::metadata(folder.join("in/main.py")).unwrap().permissions().mode() & 0o777, 0o644);
        assert!(folder.join("out/artifacts").is_dir() && folder.join("scratch").is_dir());
    }

    #[test]
    fn a_nul_is_refused_with_its_line() {
        let home = tempfile::tempdir().unwrap();
        let error = prepare(home.path(), "a = 1\nb = '\0'\n", "{}", &[]).unwrap_err();
        assert_eq!(error.line(), Some(2));
    }

    #[test]
    fn input_names_stay_in_their_folder() {
        let home = tempfile::tempdir().unwrap();
        for name in ["../x", "/etc/passwd", "..", "", "a\u{1b}[2J", "a\nb", &"x".repeat(256)] {
            let refused = prepare(&home.path().join("run"), "", "{}", &[("/etc/hostname".into(), name.to_owned())]);
            assert!(matches!(refused, Err(PrepareError::InputName { .. })), "{name:?}: {refused:?}");
        }
        let twice = [("/etc/hostname".into(), "a".to_owned()), ("/etc/hostname".into(), "a".to_owned())];
        assert!(matches!(prepare(&home.path().join("run"), "", "{}", &twice), Err(PrepareError::InputName { .. })));
        let missing = prepare(&home.path().join("run"), "", "{}", &[(home.path().join("gone.csv"), "a".into())]);
        assert!(missing.unwrap_err().to_string().contains("gone.csv"));
    }
}
