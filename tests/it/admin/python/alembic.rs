//! Alembic itself on a database of mecapy's: what it would change, and a project of its own that goes on.

use super::super::place::{Place, db, places};
use crate::support::{
    home::Home,
    python::{SqlModel, said, with_sqlmodel},
};
use std::{path::PathBuf, process::Command};

/// A project of the platform: `alembic init`, and an env.py as `docs/models.py` says.
struct Project {
    alembic: PathBuf,
    home: Home,
    url: String,
}

impl Project {
    fn new(place: &Place) -> Option<Self> {
        let alembic = with_sqlmodel(SqlModel::Newest)?.with_file_name("alembic");
        let project = Self { alembic, home: Home::new(), url: place.url() };
        project.run(&["init", "migrations"], false).unwrap();
        std::fs::copy(
            format!("{}/tests/it/admin/python/env.py", env!("CARGO_MANIFEST_DIR")),
            project.home.path().join("migrations/env.py"),
        )
        .unwrap();
        let template = project.home.path().join("migrations/script.py.mako");
        let text = std::fs::read_to_string(&template).unwrap();
        assert!(text.contains("import sqlalchemy as sa"), "{text}");
        std::fs::write(&template, text.replace("import sqlalchemy as sa", "import sqlalchemy as sa\nimport sqlmodel"))
            .unwrap();
        Some(project)
    }

    /// Runs `alembic`; what it said, where it failed as the error.
    fn run(&self, arguments: &[&str], everything: bool) -> Result<String, String> {
        let output = Command::new(&self.alembic)
            .args(arguments)
            .current_dir(self.home.path())
            .env("MODELS", format!("{}/docs/models.py", env!("CARGO_MANIFEST_DIR")))
            .env("URL", &self.url)
            .env("EVERYTHING", if everything { "1" } else { "0" })
            .output()
            .unwrap();
        if output.status.success() { Ok(said(&output)) } else { Err(said(&output)) }
    }
}

#[tokio::test]
async fn alembic_finds_nothing_to_change_but_what_is_mecapys_own() {
    for place in places() {
        db(&place.home(), &["upgrade"]).code(0);
        let Some(project) = Project::new(&place) else { return };
        let told = project.run(&["check"], false);
        assert!(told.as_ref().is_ok_and(|told| told.contains("No new upgrade operations detected")), "{told:?}");

        // Asked about everything it would drop what it does not know, and would do nothing else.
        let told = project.run(&["check"], true).unwrap_err();
        let operations = told.split("New upgrade operations detected: ").nth(1).expect(&told);
        let words = ["('add_", "('modify_", "('remove_constraint"];
        let kinds = operations.matches("('remove_").count();
        assert!(kinds > 10 && !words.iter().any(|word| operations.contains(word)), "{operations}");
        for kept in ["'users'", "'user_files'", "'calculations'", "'calculation_files'", "'tools'", "'tool_versions'"] {
            assert!(!operations.contains(&format!("('remove_table', Table({kept}")), "{operations}");
        }

        // A project begins on it: nothing to do in its first revision, and mecapy does not mind its table.
        project.run(&["revision", "--autogenerate", "-m", "first"], false).unwrap();
        let revision = std::fs::read_dir(project.home.path().join("migrations/versions")).unwrap();
        let revision =
            revision.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "py"));
        let text = std::fs::read_to_string(revision.unwrap()).unwrap();
        assert_eq!(text.matches("    pass\n").count(), 2, "{text}");
        project.run(&["stamp", "head"], false).unwrap();
        assert_eq!(place.texts("SELECT version_num FROM alembic_version").await.len(), 1);
        db(&place.home(), &["check"]).code(0);
        db(&place.home(), &["upgrade"]).code(0).says("has every migration");
        place.home().run(&["calc", "ls"]).code(0);
    }
}

#[tokio::test]
async fn a_database_that_alembic_made_is_adopted_and_its_project_goes_on() {
    for place in places() {
        let Some(project) = Project::new(&place) else { return };
        if let Some(file) = place.file() {
            std::fs::write(file, "").unwrap();
        }
        project.run(&["revision", "--autogenerate", "-m", "first"], false).unwrap();
        project.run(&["upgrade", "head"], false).unwrap();
        let version = place.texts("SELECT version_num FROM alembic_version").await;
        place
            .sql(
                "INSERT INTO users (keycloak_id, username, email, created_at, updated_at, is_active) VALUES \
                   ('k', 'ann', 'a@b', '2024-01-15 10:20:30.123456', '2024-01-15 10:20:30.123456', TRUE)",
            )
            .await;
        db(&place.home(), &["upgrade", "--dry-run"]).code(0);
        db(&place.home(), &["upgrade"]).code(0);
        db(&place.home(), &["check"]).code(0);
        assert_eq!(place.texts("SELECT username FROM users").await, ["ann"]);
        assert_eq!(place.texts("SELECT version_num FROM alembic_version").await, version);
        let told = project.run(&["check"], false);
        assert!(told.as_ref().is_ok_and(|told| told.contains("No new upgrade operations detected")), "{told:?}");
        assert!(project.run(&["current"], false).unwrap().contains(&version[0]));
    }
}
