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
    #[error("no python3 in PATH; install it, or name one: --python PATH or sandbox.python in the configuration")]
    NotFound,
    /// The configured one does not start.
    #[error("{}: cannot be started: {source}", path.display())]
    Start {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It started and is no usable Python 3.
    #[error("{}: not a usable Python 3: {problem}", path.display())]
    Unusable {
        /// As configured or found.
        path: PathBuf,
        /// What it said.
        problem: String,
    },
}

/// The oldest minor version of Python 3 that the managed runner works with.
const OLDEST_MINOR: u32 = 8;

/// Prints, a line each: version, executable, the four prefixes, and every folder it imports from.
const QUESTION: &str = "import sys\nprint('.'.join(map(str, sys.version_info[:3])))\nprint(sys.executable)\n\
    for p in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sys.path):\n    print(p)\n";

/// The configured interpreter (a file, or a venv's folder), else the first `python3` of the PATH. Blocks for one start of it.
pub fn find(configured: Option<&Path>) -> Result<Interpreter, PythonError> {
    let path = match configured {
        Some(path) if path.is_dir() => path.join("bin/python3"),
        Some(path) if path.components().count() == 1 => in_path(path.as_os_str()).unwrap_or_else(|| path.to_owned()),
        Some(path) => path.to_owned(),
        None => in_path(OsStr::new("python3")).ok_or(PythonError::NotFound)?,
    };
    let path = std::path::absolute(&path).map_err(|source| PythonError::Start { path: path.clone(), source })?;
    ask(&path)
}

fn in_path(name: &OsStr) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok() && file.is_file())
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
        assert!(error.contains("/nowhere/python3") && error.contains("cannot be started"), "{error}");
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
