//! One incremental parse of Python: colours, syntax errors, brackets.

use std::ops::Range;
use tree_sitter::{InputEdit, Node, Parser, Point, Tree, TreeCursor};

/// A text longer than this, bytes, is shown without colours: ten times what a calculation may hold.
const MAX_PARSED: usize = 400_000;
/// Problems kept; the first ones are what a person mends first.
const MAX_PROBLEMS: usize = 20;

/// What a piece of code is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// `def`, `for`, `and`.
    Keyword,
    /// Text and its quotes.
    String,
    /// `\n` in a string.
    Escape,
    /// From `#` to the end of its line.
    Comment,
    /// A number.
    Number,
    /// `True`, `None`.
    Constant,
    /// The name of a function where it is defined or called.
    Function,
    /// The name of a class, an annotation.
    Type,
    /// The name of a JSON member.
    Key,
}

/// Something that Python will not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// From 0.
    pub row: usize,
    /// What is wrong, in words.
    pub message: String,
}

/// A parsed text.
pub struct Syntax {
    parser: Parser,
    tree: Option<Tree>,
    source: String,
    problems: Vec<Problem>,
    /// Positions of brackets outside strings and comments, each with its partner.
    brackets: Vec<(usize, Option<usize>)>,
}

impl Default for Syntax {
    fn default() -> Self {
        let mut parser = Parser::new();
        // Fails only when grammar and library were built for different versions, which a test would show.
        let _ = parser.set_language(&tree_sitter_python::LANGUAGE.into());
        Self { parser, tree: None, source: String::new(), problems: Vec::new(), brackets: Vec::new() }
    }
}

impl Syntax {
    /// Parses `text`, which may differ anywhere from the text before; only what changed is parsed again.
    pub fn update(&mut self, text: &str) {
        if text == self.source && self.tree.is_some() {
            return;
        }
        if text.len() > MAX_PARSED {
            *self = Self::default();
            text.clone_into(&mut self.source);
            return;
        }
        if let Some(tree) = &mut self.tree {
            tree.edit(&difference(&self.source, text));
        }
        self.tree = self.parser.parse(text, self.tree.as_ref());
        text.clone_into(&mut self.source);
        self.read_tree();
    }

    /// What Python will not accept, in the order of the text.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The bracket at `byte` (or right before it) and its partner.
    pub fn bracket_pair(&self, byte: usize) -> Option<(usize, Option<usize>)> {
        let at = |place: usize| {
            self.brackets.binary_search_by_key(&place, |(at, _)| *at).ok().map(|index| self.brackets[index])
        };
        at(byte).or_else(|| at(byte.checked_sub(1)?))
    }

    /// The coloured pieces that touch `bytes`, in order.
    pub fn tokens(&self, bytes: Range<usize>) -> Vec<(Range<usize>, Token)> {
        let mut found = Vec::new();
        if let Some(tree) = &self.tree {
            leaves(&mut tree.walk(), &bytes, &mut |node| {
                if let Some(token) = token_of(node) {
                    found.push((node.byte_range(), token));
                }
            });
        }
        found
    }

    fn read_tree(&mut self) {
        self.problems.clear();
        self.brackets.clear();
        let Some(tree) = &self.tree else { return };
        let root = tree.root_node();
        let mut brackets: Vec<(usize, Option<usize>)> = Vec::new();
        let mut open: Vec<(char, usize)> = Vec::new();
        let (mut loose, mut old) = (Vec::new(), Vec::new());
        leaves(&mut tree.walk(), &(0..self.source.len()), &mut |node| {
            if node.is_missing() {
                return;
            }
            let at = node.start_byte();
            match node.kind() {
                kind @ ("(" | "[" | "{") => {
                    open.push((kind.chars().next().unwrap_or('('), brackets.len()));
                    brackets.push((at, None));
                }
                kind @ (")" | "]" | "}") => {
                    let wanted = match kind {
                        ")" => '(',
                        "]" => '[',
                        _ => '{',
                    };
                    if open.last().is_some_and(|(bracket, _)| *bracket == wanted) {
                        let partner = open.pop().map_or(0, |(_, index)| index);
                        brackets[partner].1 = Some(at);
                        brackets.push((at, Some(brackets[partner].0)));
                    } else {
                        loose.push((
                            at,
                            match open.pop() {
                                Some((bracket, _)) => format!("`{kind}` does not match `{bracket}`"),
                                None => format!("`{kind}` closes nothing here"),
                            },
                        ));
                        brackets.push((at, None));
                    }
                }
                kind @ ("print" | "exec")
                    if node.parent().is_some_and(|parent| parent.kind().ends_with("_statement")) =>
                {
                    old.push((at, at + kind.len(), format!("Python 3 wants {kind}(…)")));
                }
                _ => {}
            }
        });
        loose.extend(open.iter().map(|(bracket, index)| (brackets[*index].0, format!("`{bracket}` is never closed"))));
        self.brackets = brackets;

        let mut problems: Vec<Problem> = loose
            .into_iter()
            .map(|(at, message)| Problem { range: at..at + 1, row: row_of(&self.source, at), message })
            .collect();
        // A loose bracket tells better what is wrong than the errors that follow from it.
        if problems.is_empty() && root.has_error() {
            collect_errors(root, &self.source, &mut problems);
        }
        problems.extend(old.into_iter().map(|(start, end, message)| Problem {
            range: start..end,
            row: row_of(&self.source, start),
            message,
        }));
        problems.sort_by_key(|problem| problem.range.start);
        problems.truncate(MAX_PROBLEMS);
        self.problems = problems;
    }
}

/// Calls `each` on every leaf that touches `bytes`, from left to right.
fn leaves(cursor: &mut TreeCursor<'_>, bytes: &Range<usize>, each: &mut impl FnMut(Node<'_>)) {
    loop {
        let node = cursor.node();
        let touches = node.end_byte() > bytes.start && node.start_byte() < bytes.end;
        if touches && cursor.goto_first_child() {
            continue;
        }
        if touches {
            each(node);
        }
        while node_is_past(cursor, bytes) || !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

fn node_is_past(cursor: &TreeCursor<'_>, bytes: &Range<usize>) -> bool {
    cursor.node().start_byte() >= bytes.end
}

fn token_of(node: Node<'_>) -> Option<Token> {
    let kind = node.kind();
    Some(match kind {
        "comment" => Token::Comment,
        "string_start" | "string_content" | "string_end" => Token::String,
        "escape_sequence" | "escape_interpolation" => Token::Escape,
        "integer" | "float" => Token::Number,
        "true" | "false" | "none" | "ellipsis" => Token::Constant,
        "identifier" => return name_token(node),
        _ if !node.is_named() && kind.starts_with(|c: char| c.is_ascii_alphabetic()) => Token::Keyword,
        _ => return None,
    })
}

/// What a name is, told by what it is in.
fn name_token(node: Node<'_>) -> Option<Token> {
    let parent = node.parent()?;
    let is = |field| parent.child_by_field_name(field).is_some_and(|child| child.id() == node.id());
    match parent.kind() {
        "function_definition" if is("name") => Some(Token::Function),
        "class_definition" if is("name") => Some(Token::Type),
        "call" if is("function") => Some(Token::Function),
        "decorator" => Some(Token::Function),
        "type" => Some(Token::Type),
        "attribute" if is("attribute") => {
            let call = parent.parent().filter(|call| call.kind() == "call")?;
            (call.child_by_field_name("function")?.id() == parent.id()).then_some(Token::Function)
        }
        _ => None,
    }
}

fn collect_errors(node: Node<'_>, source: &str, into: &mut Vec<Problem>) {
    if into.len() >= MAX_PROBLEMS {
        return;
    }
    let mut add = |range: Range<usize>, message: String| {
        into.push(Problem { row: row_of(source, range.start), range, message });
    };
    if node.is_missing() {
        let at = node.start_byte();
        return add(at..at + 1, format!("`{}` is missing here", node.kind()));
    }
    if node.is_error() {
        let range = node.byte_range();
        let mut walk = node.walk();
        let unclosed = node.children(&mut walk).filter(|child| child.kind() == "string_start").last().filter(|start| {
            let quotes = &source[start.byte_range()];
            let quote = quotes.trim_start_matches(|c: char| c.is_ascii_alphabetic());
            !source[start.end_byte()..range.end].contains(quote)
        });
        if let Some(start) = unclosed {
            return add(start.byte_range(), "this string is never closed".to_owned());
        }
        let text: String = source[range.clone()].trim().lines().next().unwrap_or_default().chars().take(24).collect();
        let first_line = source[range.clone()].find('\n').map_or(range.end, |end| range.start + end.max(1));
        let message = if text.is_empty() { "syntax error".to_owned() } else { format!("syntax error at `{text}`") };
        return add(range.start..first_line, message);
    }
    let mut walk = node.walk();
    for child in node.children(&mut walk) {
        if child.has_error() || child.is_missing() {
            collect_errors(child, source, into);
        }
    }
}

/// The row of a byte, from 0.
fn row_of(text: &str, byte: usize) -> usize {
    text.get(..byte).unwrap_or(text).matches('\n').count()
}

/// The one edit that leads from `old` to `new`: what stands between their common start and their common end.
fn difference(old: &str, new: &str) -> InputEdit {
    let (a, b) = (old.as_bytes(), new.as_bytes());
    let mut start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    while !old.is_char_boundary(start) || !new.is_char_boundary(start) {
        start -= 1;
    }
    let most = a.len().min(b.len()) - start;
    let mut tail = a.iter().rev().zip(b.iter().rev()).take(most).take_while(|(x, y)| x == y).count();
    while !old.is_char_boundary(a.len() - tail) || !new.is_char_boundary(b.len() - tail) {
        tail -= 1;
    }
    let (old_end, new_end) = (a.len() - tail, b.len() - tail);
    InputEdit {
        start_byte: start,
        old_end_byte: old_end,
        new_end_byte: new_end,
        start_position: point(old, start),
        old_end_position: point(old, old_end),
        new_end_position: point(new, new_end),
    }
}

fn point(text: &str, byte: usize) -> Point {
    let before = &text.as_bytes()[..byte];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Point { row: row_of(text, byte), column: byte - line_start }
}

/// The coloured pieces of one line of JSON, as byte ranges of the line. A JSON string never spans lines.
pub fn json_tokens(line: &str) -> Vec<(Range<usize>, Token)> {
    let bytes = line.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(bytes.len());
                let key = line.get(at..).is_some_and(|rest| rest.trim_start().starts_with(':'));
                found.push((start..at, if key { Token::Key } else { Token::String }));
            }
            b'-' | b'0'..=b'9' => {
                while at < bytes.len() && matches!(bytes[at], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') {
                    at += 1;
                }
                found.push((start..at, Token::Number));
            }
            b'a'..=b'z' => {
                while at < bytes.len() && bytes[at].is_ascii_lowercase() {
                    at += 1;
                }
                if matches!(&line[start..at], "true" | "false" | "null") {
                    found.push((start..at, Token::Constant));
                }
            }
            _ => at += 1,
        }
    }
    found
}
