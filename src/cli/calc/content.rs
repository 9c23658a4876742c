//! A calculation from the command line: code, parameters, inputs and limits, each checked before anything is made.

use super::args::{Content, Settings};
use crate::{
    cli::exit::{Exit, Failure},
    config::LimitSettings,
    domain::{
        FieldError,
        calculation::{MAX_CODE, NewCalculation, check_code},
        file::LinkedFile,
        limits::Limits,
        parameters::{self, MAX_PARAMETERS},
        text::is_hidden,
        tool::Tool,
    },
    runs::Input,
    session::calculations::InputFile,
};
use serde_json::{Map, Value};
use std::{
    ffi::{OsStr, OsString},
    io::{self, Read},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// Standard input, as a file name.
pub const STDIN: &str = "-";

/// Where the code comes from.
#[derive(Clone, Debug)]
pub enum Code<'a> {
    /// A file, or `-`.
    File(&'a Path),
    /// A tool.
    Tool(&'a Tool),
}

/// A checked calculation whose inputs are not stored yet.
pub fn read(
    code: &Code<'_>,
    content: &Content,
    limits: &LimitSettings,
) -> Result<(NewCalculation, Vec<InputFile>), Failure> {
    let settings = &content.settings;
    let (text, name, base) = match code {
        Code::File(path) => (read_code(path)?, name_of(path), limits.default),
        Code::Tool(tool) => (tool.code_template.clone(), tool.display_name.clone(), tool.limits),
    };
    if matches!(code, Code::File(path) if path.as_os_str() == STDIN) && settings.params.as_deref() == Some(STDIN) {
        return Err(Failure::usage("code and parameters cannot both come from standard input"));
    }
    check_code("code", &text)?;
    let calculation = NewCalculation {
        name: settings.name.clone().unwrap_or(name),
        description: settings.description.clone(),
        code: text,
        parameters: read_parameters(settings.params.as_deref(), None, &settings.param)?,
        limits: Limits {
            timeout: settings.timeout.unwrap_or(base.timeout),
            memory_limit: settings.memory.unwrap_or(base.memory_limit),
            cpu_limit: settings.cpu.unwrap_or(base.cpu_limit),
        },
        tool_id: match code {
            Code::Tool(tool) => Some(tool.id),
            Code::File(_) => None,
        },
        tool_version_id: match code {
            Code::Tool(tool) => tool.current_version,
            Code::File(_) => None,
        },
        parent_id: None,
        inputs: Vec::new(),
    };
    calculation.check(&limits.maximum)?;
    Ok((calculation, read_inputs(&settings.input)?))
}

/// Changes a copy of a calculation: what is set is set, all else stays. An input of a name that is there takes its place.
pub fn change(
    copy: &mut NewCalculation,
    known: &[LinkedFile],
    settings: &Settings,
    limits: &LimitSettings,
) -> Result<Vec<InputFile>, Failure> {
    if let Some(name) = &settings.name {
        copy.name.clone_from(name);
    }
    if settings.description.is_some() {
        copy.description.clone_from(&settings.description);
    }
    if settings.params.is_some() || !settings.param.is_empty() {
        let base = if settings.params.is_some() { None } else { copy.parameters.take() };
        copy.parameters = read_parameters(settings.params.as_deref(), base, &settings.param)?;
    }
    copy.limits = Limits {
        timeout: settings.timeout.unwrap_or(copy.limits.timeout),
        memory_limit: settings.memory.unwrap_or(copy.limits.memory_limit),
        cpu_limit: settings.cpu.unwrap_or(copy.limits.cpu_limit),
    };
    let inputs = read_inputs(&settings.input)?;
    copy.inputs.retain(|link| {
        let file = known.iter().find(|linked| linked.file.id == link.file_id).map(|linked| &linked.file);
        let name = file.map(|file| Input::name_of(file, link.alias.as_deref())).unwrap_or_default();
        let stem = Path::new(&name).file_stem().and_then(OsStr::to_str);
        !inputs.iter().any(|input| Some(input.alias.as_str()) == stem)
    });
    copy.check(&limits.maximum)?;
    Ok(inputs)
}

/// The file's stem, as a name of at most 200 characters.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().chars().take(200).collect::<String>());
    stem.filter(|stem| !stem.trim().is_empty() && stem != STDIN).unwrap_or_else(|| "calculation".to_owned())
}

fn read_code(path: &Path) -> Result<String, Failure> {
    // Whatever the characters, text within the limit is no longer than this; a device or a disk image is not read whole.
    let text = read_text(path, MAX_CODE * 4 + 3)?;
    text.ok_or_else(|| {
        FieldError::new("code", format!("{} holds more than {MAX_CODE} characters, the limit", path.display())).into()
    })
}

/// The text of a file or of standard input; `None` when it is longer than `most` bytes.
fn read_text(path: &Path, most: usize) -> Result<Option<String>, Failure> {
    let cannot = |error: io::Error| {
        let exit = match error.kind() {
            io::ErrorKind::NotFound => Exit::NotFound,
            io::ErrorKind::PermissionDenied => Exit::Denied,
            _ => Exit::Error,
        };
        Failure::new(exit, anyhow::Error::new(error).context(format!("cannot read {}", path.display())))
    };
    let mut bytes = Vec::new();
    let limit = most as u64 + 1;
    if path.as_os_str() == STDIN {
        io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(cannot)?;
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(cannot)?;
    }
    if bytes.len() > most {
        return Ok(None);
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|byte| *byte == b'\n').count();
        Failure::usage(format!("{}: line {line} is not UTF-8; save the file in that encoding", path.display()))
    })
}

/// The parameters as they will be stored: as given (`base` where nothing is), unless single ones are set over them.
fn read_parameters(params: Option<&str>, base: Option<String>, single: &[String]) -> Result<Option<String>, Failure> {
    let text = match params {
        None => base,
        // A file of that name wins: `{` is a legal one.
        Some(given) if is_json(given) && !Path::new(given).exists() => Some(given.to_owned()),
        Some(given) => Some(read_text(Path::new(given), MAX_PARAMETERS * 4)?.ok_or_else(|| {
            FieldError::new("parameters", format!("{given} holds more than {MAX_PARAMETERS} characters, the limit"))
        })?),
    };
    let mut object = parameters::parse(text.as_deref().unwrap_or_default())?;
    if single.is_empty() {
        return Ok(text.filter(|text| !text.trim().is_empty()));
    }
    for given in single {
        set(&mut object, given)?;
    }
    let text = serde_json::to_string_pretty(&object)?;
    parameters::parse(&text)?;
    Ok(Some(text))
}

fn is_json(given: &str) -> bool {
    given.trim_start().starts_with(['{', '[', '"'])
}

fn set(object: &mut Map<String, Value>, given: &str) -> Result<(), Failure> {
    let (key, value) = given
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| Failure::usage(format!("--param {given:?}: write it as key=value, such as d=12")))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    object.insert(key.to_owned(), value);
    Ok(())
}

fn read_inputs(given: &[OsString]) -> Result<Vec<InputFile>, Failure> {
    let mut inputs: Vec<InputFile> = Vec::new();
    for given in given {
        let (alias, path) = split(given).ok_or_else(|| {
            let given = given.display();
            Failure::usage(format!("--input \"{given}\": write it as name=file, such as mesh=grid.csv"))
        })?;
        check_alias(alias)?;
        if inputs.iter().any(|other| other.alias == alias) {
            return Err(Failure::usage(format!("--input: two files are called {alias:?}")));
        }
        let path = PathBuf::from(path);
        let kind = std::fs::metadata(&path).map_err(|error| {
            let exit = if error.kind() == io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Error };
            Failure::new(
                exit,
                anyhow::Error::new(error).context(format!("input {alias}: cannot read {}", path.display())),
            )
        })?;
        if !kind.is_file() {
            return Err(Failure::usage(format!("input {alias}: {} is not a file", path.display())));
        }
        inputs.push(InputFile { alias: alias.to_owned(), path });
    }
    Ok(inputs)
}

/// The name, which is text, and the path, which may be anything.
fn split(given: &OsStr) -> Option<(&str, &OsStr)> {
    let bytes = given.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    Some((std::str::from_utf8(&bytes[..at]).ok()?, OsStr::from_bytes(&bytes[at + 1..])))
}

/// The name becomes a file's stem in the sandbox: one path segment that is what it looks like.
fn check_alias(alias: &str) -> Result<(), FieldError> {
    let problem = if alias.is_empty() {
        "must not be empty".to_owned()
    } else if alias.contains('/') || alias.starts_with('.') {
        format!("{alias:?} is a path; give a plain name")
    } else if alias.chars().any(is_hidden) {
        format!("{alias:?} holds characters that cannot be seen; give a plain name")
    } else if alias.len() > 100 {
        "must have at most 100 bytes".to_owned()
    } else {
        return Ok(());
    };
    Err(FieldError::new("input name", problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn single_parameters_go_over_the_object() {
        let single = ["d=12", "grade=8.8", "name=a=b", "list=[1, 2]"].map(str::to_owned);
        let text = read_parameters(None, Some("{\"d\": 1, \"z\": true}".into()), &single).unwrap().unwrap();
        let object: Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({"d": 12, "z": true, "grade": 8.8, "name": "a=b", "list": [1, 2]});
        assert_eq!(object, expected);
        assert_eq!(read_parameters(Some("{ \"d\": 1 }"), Some("{}".into()), &[]).unwrap().unwrap(), "{ \"d\": 1 }");
        assert_eq!(read_parameters(None, None, &[]).unwrap(), None);
        assert!(read_parameters(None, None, &["=3".to_owned()]).is_err());
    }

    #[test]
    fn input_names_are_plain() {
        assert!(check_alias("mesh").is_ok() && check_alias("maillage é").is_ok());
        for bad in ["", "../x", "a/b", ".hidden", "a\u{1b}[31m", "\u{202e}gpj", "a\nb", &"x".repeat(101)] {
            assert!(check_alias(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn files_without_a_name_get_one() {
        assert_eq!(name_of(Path::new("a/beam.py")), "beam");
        assert_eq!(name_of(Path::new("-")), "calculation");
        assert_eq!(name_of(Path::new(&"x".repeat(300))).len(), 200);
    }

    proptest! {
        #[test]
        fn any_single_parameter_is_set_or_refused(given in ".{0,30}") {
            let mut object = Map::new();
            if set(&mut object, &given).is_ok() {
                let key = given.split('=').next().unwrap();
                prop_assert!(object.contains_key(key));
            }
        }
    }
}
