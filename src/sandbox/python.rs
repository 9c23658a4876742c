//! Finding the Python interpreter and what it needs to read.

use super::Interpreter;
use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Why there is no interpreter.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// No `python3` anywhere in the PATH.
    #[error("no python3 in PATH; install it, or name one: {NAME_ONE}")]
    NotFound,
    /// The configured one does not start.
    #[error("{}: cannot be started: {source}; name another interpreter: {NAME_ONE}", path.display())]
    Start {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It started and is no usable Python 3.
    #[error("{}: not a usable Python 3: {problem}; name another interpreter: {NAME_ONE}", path.display())]
    Unusable {
        /// As configured or found.
        path: PathBuf,
        /// What it said.
        problem: String,
    },
}

/// How to say which interpreter it is to be.
const NAME_ONE: &str = "--python PATH, or sandbox.python in the configuration";

/// The oldest minor version of Python 3 that the managed runner works with.
const OLDEST_MINOR: u32 = 8;

/// Prints, a line each: version, executable, the four prefixes, and every folder it imports from.
const QUESTION: &str = "import sys\nprint('.'.join(map(str, sys.version_info[:3])))\nprint(sys.executable)\n\
    for p in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sys.path):\n    print(p)\n";

/// The configured interpreter (a file, or a venv's folder), else the first `python3` of the PATH. Blocks for one start of it.
pub fn find(configured: Option<&Path>) -> Result<Interpreter, PythonError> {
    ask(&locate(configured)?)
}

/// Where [`find`] will start it: there, and a program. Looks at a few files and starts nothing.
pub fn locate(configured: Option<&Path>) -> Result<PathBuf, PythonError> {
    let missing = |path: &Path, source| PythonError::Start { path: path.to_owned(), source };
    let path = match configured {
        None => return in_path(OsStr::new("python3")).ok_or(PythonError::NotFound),
        Some(path) if path.is_dir() => path.join("bin/python3"),
        Some(path) if path.components().count() == 1 => {
            let found = in_path(path.as_os_str());
            return found.ok_or_else(|| missing(path, io::Error::other("there is none in PATH")));
        }
        Some(path) => path.to_owned(),
    };
    let absolute = std::path::absolute(&path).and_then(|path| is_program(&path).map(|()| path));
    absolute.map_err(|source| missing(&path, source))
}

fn in_path(name: &OsStr) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| is_program(file).is_ok())
}

/// Fails unless this user may execute it.
fn is_program(path: &Path) -> io::Result<()> {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK)?;
    if path.is_file() { Ok(()) } else { Err(io::Error::other("it is no file")) }
}

fn ask(path: &Path) -> Result<Interpreter, PythonError> {
    let asked = Command::new(path).args(["-I", "-c", QUESTION]).stdin(Stdio::null()).env_remove("PYTHONHOME").output();
    let output = asked.map_err(|source| PythonError::Start { path: path.to_owned(), source })?;
    let unusable = |problem: String| PythonError::Unusable { path: path.to_owned(), problem };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(unusable(said.trim().lines().last().unwrap_or("it failed without a word").to_owned()));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let mut lines = said.lines();
    let version = lines.next().unwrap_or_default().to_owned();
    let minor = version.strip_prefix("3.").and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor < OLDEST_MINOR) {
        return Err(unusable(format!("version {version:?}; 3.{OLDEST_MINOR} or newer is needed")));
    }
    // Version managers put scripts in the PATH; Python's own word for its executable keeps a venv's path as it is.
    let executable = lines.next().map(PathBuf::from).filter(|path| path.is_absolute() && path.is_file());
    let executable = executable.ok_or_else(|| unusable("it does not know its own executable".to_owned()))?;
    let mut wanted: Vec<PathBuf> = lines.map(PathBuf::from).collect();
    wanted.extend(executable.parent().map(Path::to_owned));
    // A venv's `bin/python` is a link into its base.
    wanted.extend(executable.canonicalize());
    Ok(Interpreter { path: executable, version, prefixes: prefixes(wanted) })
}

/// Existing absolute paths, without those inside another one.
fn prefixes(wanted: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::new();
    let mut wanted: Vec<_> = wanted.into_iter().filter(|path| path.is_absolute() && path.exists()).collect();
    wanted.sort();
    for path in wanted {
        if !kept.iter().any(|prefix| path.starts_with(prefix)) {
            kept.push(path);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_one_is_named() {
        let error = find(Some(Path::new("/nowhere/python3"))).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/python3: cannot be started: No such file"), "{error}");
        assert!(error.ends_with("--python PATH, or sandbox.python in the configuration"), "{error}");
    }

    #[test]
    fn what_cannot_be_executed_is_no_interpreter() {
        let folder = tempfile::tempdir().unwrap();
        let python = folder.path().join("bin/python3");
        std::fs::create_dir_all(&python).unwrap();
        let error = locate(Some(folder.path())).unwrap_err().to_string();
        assert!(error.contains("bin/python3: cannot be started: it is no file"), "{error}");
        std::fs::remove_dir(&python).unwrap();
        std::fs::write(&python, "#!/bin/sh\n").unwrap();
        let error = locate(Some(folder.path())).unwrap_err().to_string();
        assert!(error.contains("bin/python3: cannot be started: Permission denied"), "{error}");
    }

    #[test]
    fn what_is_no_python_is_said() {
        let error = find(Some(Path::new("/bin/false"))).unwrap_err().to_string();
        assert!(error.contains("not a usable Python 3"), "{error}");
    }

    #[test]
    fn nested_folders_are_bound_once() {
        let wanted = ["/usr/lib", "/usr", "/usr/lib/python3", "/nowhere/at/all", "relative"].map(PathBuf::from);
        assert_eq!(prefixes(wanted.into()), [PathBuf::from("/usr")]);
    }
}
