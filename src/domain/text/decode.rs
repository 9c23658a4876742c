//! Bytes of a log to safe lines, however the bytes were cut into chunks.

use super::line::{Colour, FoldedLine, SafeLine, TextStyle};

/// The longest control sequence that is read as one, characters; a longer one is text.
const MAX_SEQUENCE: usize = 64;

/// Turns the bytes of a log into safe lines; split characters and sequences are carried from chunk to chunk.
///
/// Kept are colours, bold, faint, italic and underline (SGR) and what rewrites the current line: `\r`, backspace,
/// erase-in-line. Every other sequence becomes visible text, so that none can swallow what follows it.
#[derive(Clone, Debug, Default)]
pub struct LogDecoder {
    /// The first bytes of a character whose rest has not come.
    carry: Vec<u8>,
    sequence: Sequence,
    line: FoldedLine,
}

/// Where in a control sequence the decoder stands.
#[derive(Clone, Debug, Default)]
enum Sequence {
    #[default]
    None,
    /// After ESC.
    Escape,
    /// After `ESC [`: what came since.
    Csi(String),
}

impl LogDecoder {
    /// Takes the next bytes and gives each line that ended.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(SafeLine)) {
        let joined;
        let mut rest = bytes;
        if !self.carry.is_empty() {
            self.carry.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.carry);
            rest = &joined;
        }
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => return self.text(text, &mut each),
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    self.text(&String::from_utf8_lossy(valid), &mut each);
                    let Some(bad) = error.error_len() else {
                        self.carry.extend_from_slice(after);
                        return;
                    };
                    self.character(char::REPLACEMENT_CHARACTER, &mut each);
                    rest = &after[bad..];
                }
            }
        }
    }

    /// The line that has not ended yet, as it stands.
    pub fn partial(&self) -> SafeLine {
        let mut copy = self.clone();
        copy.flush();
        copy.line.snapshot()
    }

    /// Ends the log: gives what the last line holds, if anything.
    pub fn finish(&mut self) -> Option<SafeLine> {
        self.flush();
        (!self.line.is_empty()).then(|| self.line.finish())
    }

    fn flush(&mut self) {
        if !std::mem::take(&mut self.carry).is_empty() {
            self.character(char::REPLACEMENT_CHARACTER, &mut |_| {});
        }
        self.give_up_sequence();
    }

    fn text(&mut self, text: &str, each: &mut impl FnMut(SafeLine)) {
        let mut rest = text;
        while let Some((line, after)) = rest.split_once('\n') {
            // Most lines are plain, and then nothing has to be looked at twice.
            match self.line.plain(line).filter(|_| matches!(self.sequence, Sequence::None)) {
                Some(line) => each(line),
                None => line.chars().chain(['\n']).for_each(|c| self.character(c, each)),
            }
            rest = after;
        }
        rest.chars().for_each(|c| self.character(c, each));
    }

    fn character(&mut self, c: char, each: &mut impl FnMut(SafeLine)) {
        match &mut self.sequence {
            Sequence::None => {}
            Sequence::Escape if c == '[' => {
                self.sequence = Sequence::Csi(String::new());
                return;
            }
            Sequence::Escape => self.give_up_sequence(),
            Sequence::Csi(body) => match c {
                ' '..='?' if body.len() < MAX_SEQUENCE => return body.push(c),
                'm' | 'K' if body.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':')) => {
                    let body = std::mem::take(body);
                    self.sequence = Sequence::None;
                    match c {
                        'm' => apply_sgr(&mut self.line.style, &body),
                        _ => self.line.erase(body.parse().unwrap_or(0)),
                    }
                    return;
                }
                _ => self.give_up_sequence(),
            },
        }
        match c {
            '\x1b' => self.sequence = Sequence::Escape,
            '\n' => each(self.line.finish()),
            '\r' => self.line.carriage_return(),
            '\x08' => self.line.backspace(),
            '\t' => self.line.tab(),
            _ => self.line.put_literal(c),
        }
    }

    /// Shows what was held back: it was no sequence to be kept.
    fn give_up_sequence(&mut self) {
        match std::mem::take(&mut self.sequence) {
            Sequence::None => {}
            Sequence::Escape => self.line.put_mark("^["),
            Sequence::Csi(body) => self.line.put_mark(&format!("^[[{body}")),
        }
    }
}

/// One line of a log, its line end or not included, as a safe line.
pub fn log_line(bytes: &[u8]) -> SafeLine {
    let mut decoder = LogDecoder::default();
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut first = None;
    decoder.push(body, |line| {
        first.get_or_insert(line);
    });
    first.or_else(|| decoder.finish()).unwrap_or_default()
}

fn apply_sgr(style: &mut TextStyle, body: &str) {
    let number = |code: &str| code.parse::<u16>().unwrap_or(0);
    let mut parameters = body.split(';');
    while let Some(parameter) = parameters.next() {
        if parameter.contains(':') {
            apply_parts(style, &parameter.split(':').map(number).collect::<Vec<_>>());
            continue;
        }
        let mut codes = parameters.by_ref().map(number);
        let code = number(parameter);
        match code {
            0 => *style = TextStyle::default(),
            1 => style.bold = true,
            2 => style.dim = true,
            3 => style.italic = true,
            4 | 21 => style.underline = true,
            22 => (style.bold, style.dim) = (false, false),
            23 => style.italic = false,
            24 => style.underline = false,
            30..=37 => style.foreground = Some(Colour::Indexed(code as u8 - 30)),
            90..=97 => style.foreground = Some(Colour::Indexed(code as u8 - 82)),
            38 => style.foreground = extended(&mut codes).or(style.foreground),
            39 => style.foreground = None,
            40..=47 => style.background = Some(Colour::Indexed(code as u8 - 40)),
            100..=107 => style.background = Some(Colour::Indexed(code as u8 - 92)),
            48 => style.background = extended(&mut codes).or(style.background),
            49 => style.background = None,
            _ => {}
        }
    }
    // Text in the colour of its ground would be hidden.
    if style.foreground.is_some() && style.foreground == style.background {
        style.background = None;
    }
}

/// One parameter with parts of its own (ISO 8613-6), which say nothing outside of it: `4:3` is a curly underline.
fn apply_parts(style: &mut TextStyle, parts: &[u16]) {
    let ground = match parts {
        [4, kind, ..] => {
            style.underline = *kind != 0;
            return;
        }
        [38, ..] => &mut style.foreground,
        [48, ..] => &mut style.background,
        _ => return,
    };
    let colour = match &parts[1..] {
        // The third part names a colour space; many programs leave it out.
        [2, _, red, green, blue, ..] => &[2, *red, *green, *blue],
        colour => colour,
    };
    *ground = extended(&mut colour.iter().copied()).or(*ground);
}

/// The colour after 38 or 48: `5;n` or `2;r;g;b`.
fn extended(codes: &mut impl Iterator<Item = u16>) -> Option<Colour> {
    let mut byte = || codes.next().map(|code| code.min(255) as u8);
    match byte()? {
        5 => Some(Colour::Indexed(byte()?)),
        2 => Some(Colour::Rgb(byte()?, byte()?, byte()?)),
        _ => None,
    }
}
