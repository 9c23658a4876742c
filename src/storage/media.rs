//! The media type of a file, from its name.

/// The media type for `name` by its extension; `application/octet-stream` where it says nothing.
///
/// It is a label for people and browsers: nothing is decided by it, so a wrong extension does no harm.
pub fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref().unwrap_or_default() {
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "txt" | "log" | "dat" | "inp" | "out" => "text/plain",
        "md" => "text/markdown",
        "py" => "text/x-python",
        "json" | "geojson" => "application/json",
        "jsonl" => "application/jsonl",
        "xml" | "vtu" | "vtp" => "application/xml",
        "yaml" | "yml" => "application/yaml",
        "toml" => "application/toml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        "tif" | "tiff" => "image/tiff",
        "html" | "htm" => "text/html",
        "stl" => "model/stl",
        "step" | "stp" => "model/step",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::content_type;

    #[test]
    fn the_extension_decides_whatever_its_case() {
        assert_eq!(content_type("mesh.CSV"), "text/csv");
        assert_eq!(content_type("log.txt.gz"), "application/gzip");
        assert_eq!(content_type("README"), "application/octet-stream");
        assert_eq!(content_type(""), "application/octet-stream");
    }
}
