//! What `calculate` takes: the names and the defaults that its `def` line gives.

use serde_json::{Map, Value};
use tree_sitter::{Node, Parser};

/// The parameters of a function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signature {
    /// Its names, in order.
    pub names: Vec<String>,
    /// Those whose default is a plain value, in order.
    pub defaults: Map<String, Value>,
    /// Whether it takes any other name too: `**kwargs`, or everything as one `inputs`.
    pub open: bool,
}

impl Signature {
    /// Reads the `def calculate(…)` of `code`; `None` where there is none.
    pub fn of(code: &str) -> Option<Self> {
        // Only its own lines are parsed: this is done at every key.
        let code = format!("{} pass", head(code)?);
        let code = code.as_str();
        let mut parser = Parser::new();
        parser.set_language(&tree_sitter_python::LANGUAGE.into()).ok()?;
        let tree = parser.parse(code, None)?;
        let text = |node: Node<'_>| code.get(node.byte_range()).unwrap_or_default().to_owned();
        let function = tree.root_node().child(0).filter(|node| node.kind() == "function_definition")?;
        let parameters = function.child_by_field_name("parameters")?;
        let mut signature = Self::default();
        let mut walk = parameters.walk();
        for parameter in parameters.named_children(&mut walk) {
            let name = match parameter.kind() {
                "identifier" => text(parameter),
                "default_parameter" | "typed_default_parameter" => {
                    let name = parameter.child_by_field_name("name").map(text).unwrap_or_default();
                    if let Some(value) = parameter.child_by_field_name("value").and_then(|node| literal(node, code)) {
                        signature.defaults.insert(name.clone(), value);
                    }
                    name
                }
                "typed_parameter" => match parameter.named_child(0) {
                    Some(child) if child.kind() == "identifier" => text(child),
                    Some(child) if child.kind() == "dictionary_splat_pattern" => {
                        signature.open = true;
                        continue;
                    }
                    _ => continue,
                },
                "dictionary_splat_pattern" => {
                    signature.open = true;
                    continue;
                }
                _ => continue,
            };
            signature.names.push(name);
        }
        // The runner gives a function whose only parameter is `inputs` all parameters as one dict.
        if signature.names == ["inputs"] {
            signature = Self { open: true, ..Self::default() };
        }
        Some(signature)
    }

    /// A name among `given` that the function does not take, in words.
    pub fn unknown<'a>(&self, given: impl IntoIterator<Item = &'a String>) -> Option<String> {
        if self.open {
            return None;
        }
        let name = given.into_iter().find(|name| !self.names.contains(name))?;
        let near =
            self.names.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
        Some(match near {
            Some(near) if strsim::jaro_winkler(near, name) > 0.8 => {
                format!("calculate has no parameter {name:?}; did you mean {near:?}?")
            }
            Some(_) => format!("calculate has no parameter {name:?}; it takes {}", self.names.join(", ")),
            None => format!("calculate has no parameter {name:?}; it takes none"),
        })
    }

    /// The defaults as the text of a parameters field; empty where there are none.
    pub fn defaults_text(&self) -> String {
        if self.defaults.is_empty() {
            return String::new();
        }
        serde_json::to_string_pretty(&self.defaults).unwrap_or_default()
    }
}

/// The last `def calculate(…):` that stands at the start of a line, without its body.
fn head(code: &str) -> Option<&str> {
    const NAME: &str = "def calculate";
    let after = |at: usize| code[at + NAME.len()..].trim_start().starts_with('(');
    let line_start = |at: usize| {
        let line = code[..at].rfind('\n').map_or(0, |end| end + 1);
        code[line..at].is_empty() || &code[line..at] == "async "
    };
    let start = code.rmatch_indices(NAME).map(|(at, _)| at).find(|at| line_start(*at) && after(*at))?;
    let (mut depth, mut quote, mut before) = (0_u32, None, ' ');
    let mut comment = false;
    for (at, c) in code[start..].char_indices() {
        match (c, quote) {
            ('\n', _) => comment = false,
            _ if comment => {}
            (c, Some(open)) if c == open && before != '\\' => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            ('#', None) => comment = true,
            ('(' | '[' | '{', None) => depth += 1,
            (')' | ']' | '}', None) => depth = depth.checked_sub(1)?,
            (':', None) if depth == 0 => return Some(&code[start..=start + at]),
            _ => {}
        }
        before = c;
    }
    None
}

/// The value of a literal; `None` for anything that has to be computed.
fn literal(node: Node<'_>, code: &str) -> Option<Value> {
    let text = code.get(node.byte_range())?;
    match node.kind() {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        "none" => Some(Value::Null),
        "integer" | "float" => number(text),
        "unary_operator" => {
            let operand = node.child_by_field_name("argument")?;
            let plain = matches!(operand.kind(), "integer" | "float") && text.starts_with('-');
            plain.then(|| number(text)).flatten()
        }
        "string" => {
            let mut walk = node.walk();
            let children: Vec<_> = node.children(&mut walk).collect();
            match children.as_slice() {
                [start, end] if start.kind() == "string_start" && end.kind() == "string_end" => {
                    Some(Value::String(String::new()))
                }
                // An escape or an interpolation is a child of its own: then it is left to Python.
                [start, content, _] if matches!(code.get(start.byte_range())?, "\"" | "'") => {
                    (content.child_count() == 0 && content.kind() == "string_content")
                        .then(|| code.get(content.byte_range()).map(|text| Value::String(text.to_owned())))
                        .flatten()
                }
                _ => None,
            }
        }
        "list" => {
            let mut walk = node.walk();
            node.named_children(&mut walk).map(|item| literal(item, code)).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        _ => None,
    }
}

/// A number of Python as JSON has it: `1_000`, `.5` and `1.` are none there.
fn number(text: &str) -> Option<Value> {
    let text: String = text.chars().filter(|c| !matches!(c, '_' | ' ')).collect();
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::from(whole));
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_plain_defaults_are_read() {
        let signature = Signature::of(
            "import math\nX = 3\n@cached\ndef calculate(\n    d: float = 12.5, n=-4, s: str = 'M12', *, on: bool = True,\n    \
             xs=[1, 2.0], raw=r'x\\d', esc='a\\n', many=1_000, e=1e-3, none=None, mesh: Path, q=X * 2, deep=.5,\n) -> dict:\n    pass\n",
        )
        .unwrap();
        assert_eq!(
            signature.names,
            ["d", "n", "s", "on", "xs", "raw", "esc", "many", "e", "none", "mesh", "q", "deep"]
        );
        assert_eq!(
            serde_json::to_string(&signature.defaults).unwrap(),
            r#"{"d":12.5,"n":-4,"s":"M12","on":true,"xs":[1,2.0],"many":1000,"e":0.001,"none":null,"deep":0.5}"#
        );
        assert!(!signature.open);
    }

    #[test]
    fn forms_that_take_everything() {
        assert!(Signature::of("def calculate(inputs): ...").unwrap().open);
        assert!(Signature::of("def calculate(a, **rest): ...").unwrap().open);
        assert_eq!(Signature::of("def other(a): ...\nclass C:\n    def calculate(self): ...\n"), None);
        assert_eq!(Signature::of("print(1)"), None);
        let last = "def calculate(a): ...\nasync def calculate(b='):', c={'x': 1}):  # ):\n    def calculate(z): ...\n";
        assert_eq!(Signature::of(last).unwrap().names, ["b", "c"]);
        assert_eq!(
            Signature::of("def calculate(\n    a=1,  # what: (it\n    b=2,\n):\n    x").unwrap().names,
            ["a", "b"]
        );
    }

    #[test]
    fn a_wrong_name_is_told_with_the_nearest() {
        let signature = Signature::of("def calculate(length_m=1.0, load_kN=2.0): ...").unwrap();
        let unknown = |name: &str| signature.unknown(&[name.to_owned()]);
        assert_eq!(unknown("length_m"), None);
        assert_eq!(unknown("lenght_m").unwrap(), "calculate has no parameter \"lenght_m\"; did you mean \"length_m\"?");
        assert!(unknown("zzz").unwrap().ends_with("it takes length_m, load_kN"));
    }

    #[test]
    fn broken_code_is_no_trouble() {
        for code in ["def calculate(", "def calculate(a=, b", "", "\0", "def calculate(a='"] {
            let _ = Signature::of(code);
        }
    }
}
