//! The sample tools that come with the program, embedded from `assets/tools`.
//!
//! Each tool is a folder: `tool.toml` (what the catalogue shows, and the limits), `code.py` (the code), and
//! `example.json` (worked examples with published or exact results, which `tests/it/tools.rs` checks).

use crate::domain::tool::NewTool;

/// Embeds `tool.toml` and `code.py` of each named folder of `assets/tools`.
macro_rules! embed {
    ($($name:literal),* $(,)?) => {
        &[$((
            include_str!(concat!("../assets/tools/", $name, "/tool.toml")),
            include_str!(concat!("../assets/tools/", $name, "/code.py")),
        )),*]
    };
}

/// Manifest and code of each tool, in the order in which the catalogue shows them.
const FILES: &[(&str, &str)] = embed![
    "bolted_joint",
    "beam_deflection",
    "hertz_contact",
    "thick_walled_cylinder",
    "truss_2d",
    "column_buckling",
    "compression_spring",
    "natural_frequencies",
];

/// The sample tools, ready to be published into an empty database.
pub fn samples() -> Vec<NewTool> {
    FILES
        .iter()
        .map(|(manifest, code)| read(manifest, code).expect("the embedded tools are read by the test below"))
        .collect()
}

/// A tool from the text of its `tool.toml` and of its `code.py`.
fn read(manifest: &str, code: &str) -> Result<NewTool, toml_edit::de::Error> {
    let mut document: toml_edit::DocumentMut = manifest.parse()?;
    document["code_template"] = toml_edit::value(code);
    toml_edit::de::from_document(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_tool_is_read_and_fits_its_columns() {
        assert_eq!(samples().len(), FILES.len());
        for tool in samples() {
            tool.check().unwrap_or_else(|error| panic!("{}: {error}", tool.name));
        }
    }

    #[test]
    fn a_manifest_without_a_version_is_refused() {
        let (manifest, code) = FILES[0];
        let cut: String = manifest.lines().filter(|line| !line.starts_with("version")).collect::<Vec<_>>().join("\n");
        assert!(read(&cut, code).unwrap_err().to_string().contains("version"));
    }
}
