//! Questions: confirm, type a line, choose from a list.

mod open;
mod view;

#[cfg(test)]
mod tests;

pub use open::{Open, Step};

/// A question, made on demand; the top one of the stack has the input.
#[derive(Clone, Debug, PartialEq)]
pub enum Dialog {
    /// Yes or no. Nothing happens without the answer.
    Confirm {
        /// What is asked.
        title: String,
        /// What would happen, line by line.
        lines: Vec<String>,
        /// The word on the button that does it: `Delete 3 calculations`.
        verb: String,
        /// Whether it destroys something: then `y` must be pressed, Enter alone does nothing.
        danger: bool,
    },
    /// A line of text.
    Prompt {
        /// What is asked.
        title: String,
        /// What the text is.
        label: String,
        /// What stands there at first.
        text: String,
        /// What may be typed.
        check: Check,
    },
    /// One of a list, or several.
    Choose {
        /// What is asked.
        title: String,
        /// The choices.
        items: Vec<Choice>,
        /// Whether several may be chosen, with Space.
        many: bool,
        /// Which one is selected at first.
        at: usize,
    },
}

/// An item of [`Dialog::Choose`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What it is called.
    pub label: String,
    /// A word or two beside it.
    pub note: String,
    /// Whether it is chosen at first, where several may be.
    pub chosen: bool,
}

/// What a text field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// One to so many characters, not only blanks.
    Filled(usize),
    /// A whole number from the first to the second.
    Integer(u64, u64),
}

impl Check {
    /// Refuses a text in words.
    pub fn of(self, text: &str) -> Result<(), String> {
        let text = text.trim();
        match self {
            Self::Filled(_) if text.is_empty() => Err("must not be empty".to_owned()),
            Self::Filled(most) => {
                let length = text.chars().count();
                if length > most { Err(format!("{length} characters, the limit is {most}")) } else { Ok(()) }
            }
            Self::Integer(least, most) => match text.parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(()),
                _ => Err(format!("a whole number from {least} to {most}")),
            },
        }
    }
}

/// What a dialog was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Do it.
    Yes,
    /// The line of a prompt.
    Text(String),
    /// The chosen item's place.
    Chosen(usize),
    /// The places of all chosen items.
    ChosenMany(Vec<usize>),
}
