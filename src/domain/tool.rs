//! Tools: calculations that were made to be used by others.

use super::{
    FieldError, check_text,
    id::{ToolId, ToolVersionId, UserId},
    limits::Limits,
};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

/// The image that stands for "plain Python": the one the built-in sandbox may replace by a local interpreter.
pub const DEFAULT_IMAGE: &str = "python:3.12-slim";

/// A tool to publish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewTool {
    /// Unique, at most 100 characters.
    pub name: String,
    /// At most 200 characters.
    pub display_name: String,
    /// At most 2,000 characters.
    pub description: String,
    /// At most 20 characters.
    pub version: String,
    /// Python, at most 10,000 characters; empty where the image's own command is what the tool does.
    pub code_template: String,
    /// At most 200 characters.
    pub docker_image: String,
    /// The limits of calculations made from it.
    #[serde(flatten)]
    pub limits: Limits,
    /// What changed in this version.
    pub changelog: Option<String>,
}

impl NewTool {
    /// Checks every field against its column.
    pub fn check(&self) -> Result<(), FieldError> {
        for (field, text, limit) in [
            ("name", &self.name, 100),
            ("display_name", &self.display_name, 200),
            ("description", &self.description, 2_000),
            ("version", &self.version, 20),
            ("docker_image", &self.docker_image, 200),
        ] {
            if text.trim().is_empty() {
                return Err(FieldError::new(field, "must not be empty"));
            }
            check_text(field, text, limit)?;
        }
        check_text("changelog", self.changelog.as_deref().unwrap_or_default(), 2_000)?;
        if self.code_template.trim().is_empty() && self.docker_image != DEFAULT_IMAGE {
            // The image's own command is what the tool does.
            return Ok(());
        }
        super::calculation::requires_container("code_template", &self.code_template)?;
        super::calculation::check_code("code_template", &self.code_template)
    }
}

impl Tool {
    /// Where its calculations can run, in words.
    pub fn runs_in(&self) -> String {
        let image = self.docker_image.as_str();
        if self.code_template.trim().is_empty() && image != DEFAULT_IMAGE {
            return format!("a container only: it is the command of its image {image}");
        }
        match super::calculation::requires_container("code_template", &self.code_template) {
            Err(error) => format!("nothing: {error}"),
            Ok(true) if image == DEFAULT_IMAGE => "a container only, as its code says".to_owned(),
            Ok(true) => format!("a container of its image {image} only, as its code says"),
            Ok(false) if image == DEFAULT_IMAGE => "any sandbox with Python".to_owned(),
            Ok(false) => format!("a container of its image {image}; without it only where you say so"),
        }
    }
}

/// A row of `tools`: the current version of a tool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tool {
    /// The row.
    pub id: ToolId,
    /// Unique.
    pub name: String,
    /// For people.
    pub display_name: String,
    /// What it computes and from which source.
    pub description: String,
    /// The current version.
    pub version: String,
    /// Python.
    pub code_template: String,
    /// The image it was made for.
    pub docker_image: String,
    /// The limits of calculations made from it.
    #[serde(flatten)]
    pub limits: Limits,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub created_at: NaiveDateTime,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub updated_at: NaiveDateTime,
    /// Whether it is offered.
    pub is_active: bool,
    /// Who keeps it.
    pub author_id: UserId,
    /// The row of `tool_versions` that holds the current version, where there is one.
    pub current_version: Option<ToolVersionId>,
}
