//! Python with SQLModel from the package index, in an environment that is made once and kept in the build folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Mutex,
};

/// The versions of SQLModel that the models are tested with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlModel {
    /// What the index gives today.
    Newest,
    /// An older one, whose defaults differ.
    Older,
}

/// The interpreter of an environment with SQLModel, Alembic and a driver for PostgreSQL; `None` where it cannot be made, which
/// was said then.
pub fn with_sqlmodel(version: SqlModel) -> Option<PathBuf> {
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // What `postgresql://` means changed with SQLAlchemy 2.1.
    let (name, package, driver) = match version {
        SqlModel::Newest => ("newest", "sqlmodel", "psycopg[binary]"),
        SqlModel::Older => ("older", "sqlmodel==0.0.39", "psycopg2-binary"),
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{name}"));
    let python = folder.join("bin/python");
    if folder.join("complete").exists() {
        return Some(python);
    }
    // What an interrupted run left is no environment.
    drop(fs::remove_dir_all(&folder));
    let run = |program: &Path, arguments: &[&str]| match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(said(&output)),
        Err(error) => Err(error.to_string()),
    };
    let folder_text = folder.to_str().unwrap();
    let made = run(Path::new("python3"), &["-m", "venv", folder_text]).and_then(|()| {
        let pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", package, driver, "alembic"];
        run(&python, &pip)
    });
    match made {
        Ok(()) => {
            fs::write(folder.join("complete"), "").unwrap();
            Some(python)
        }
        Err(problem) => {
            super::skipped(&format!("no environment with {package}: {}", problem.trim()));
            None
        }
    }
}

/// What a program said.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
