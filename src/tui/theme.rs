//! Colours and marks. Without colour, every style is made of modifiers only.

use crate::domain::status::Status;
use ratatui::style::{Color, Modifier, Style};

/// The styles of the screen, by what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Ordinary text.
    pub text: Style,
    /// Less important: units, hints, hidden things.
    pub dim: Style,
    /// Headings, column titles.
    pub title: Style,
    /// The tab in front, the focused border, keys in hints.
    pub accent: Style,
    /// The selected row where the focus is.
    pub selected: Style,
    /// The selected row of a list without the focus.
    pub selected_dim: Style,
    /// Borders without the focus.
    pub border: Style,
    /// Good ends.
    pub good: Style,
    /// Failures.
    pub bad: Style,
    /// Warnings, waiting.
    pub warning: Style,
    /// Running.
    pub running: Style,
    /// A match of a search.
    pub matched: Style,
    /// Code: keywords.
    pub keyword: Style,
    /// Code: strings.
    pub string: Style,
    /// Code: numbers and constants.
    pub number: Style,
    /// Code: comments.
    pub comment: Style,
    /// Code: names being defined or called.
    pub function: Style,
    /// Code: what cannot be parsed.
    pub error: Style,
    /// Whether colours may be used at all, also those of logs.
    pub colour: bool,
}

impl Theme {
    /// For dark backgrounds: the terminal's own 16 colours.
    pub const fn dark() -> Self {
        Self::coloured(Color::Cyan, Color::Yellow, Color::DarkGray, Color::LightBlue)
    }

    /// For light backgrounds: none of the pale colours.
    pub const fn light() -> Self {
        Self::coloured(Color::Blue, Color::Magenta, Color::DarkGray, Color::Blue)
    }

    const fn coloured(accent: Color, warning: Color, dim: Color, function: Color) -> Self {
        let plain = Style::new();
        Self {
            text: plain,
            dim: plain.fg(dim),
            title: plain.add_modifier(Modifier::BOLD),
            accent: plain.fg(accent).add_modifier(Modifier::BOLD),
            selected: plain.add_modifier(Modifier::REVERSED),
            selected_dim: plain.add_modifier(Modifier::BOLD.union(Modifier::UNDERLINED)),
            border: plain.fg(dim),
            good: plain.fg(Color::Green),
            bad: plain.fg(Color::Red),
            warning: plain.fg(warning),
            running: plain.fg(accent),
            matched: plain.fg(Color::Black).bg(Color::Yellow),
            keyword: plain.fg(Color::Magenta),
            string: plain.fg(Color::Green),
            number: plain.fg(accent),
            comment: plain.fg(dim).add_modifier(Modifier::ITALIC),
            function: plain.fg(function),
            error: plain.fg(Color::Red).add_modifier(Modifier::UNDERLINED),
            colour: true,
        }
    }

    /// Without colours (`NO_COLOR`, `--color never`, `TERM=dumb`): only modifiers, every colour `Reset`, because a
    /// reversed cell with a colour is written as `ESC[7m ESC[;m` there, which makes the selected row vanish.
    pub const fn plain() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        Self {
            text: plain,
            dim,
            title: bold,
            accent: bold,
            selected: plain.add_modifier(Modifier::REVERSED),
            selected_dim: plain.add_modifier(Modifier::BOLD.union(Modifier::UNDERLINED)),
            border: dim,
            good: plain,
            bad: bold,
            warning: bold,
            running: bold,
            matched: plain.add_modifier(Modifier::REVERSED.union(Modifier::BOLD)),
            keyword: bold,
            string: plain,
            number: plain,
            comment: dim,
            function: plain,
            error: plain.add_modifier(Modifier::UNDERLINED),
            colour: false,
        }
    }

    /// The style of a state; its glyph and word stand beside it always.
    pub const fn status(&self, status: Status) -> Style {
        match status {
            Status::Pending => self.warning,
            Status::Running => self.running,
            Status::Completed => self.good,
            Status::Failed => self.bad,
            Status::Cancelled => self.dim,
        }
    }
}

/// Steps of the spinner.
pub const SPINNER: [&str; 4] = ["◐", "◓", "◑", "◒"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_theme_has_no_colour_anywhere() {
        let theme = Theme::plain();
        let text = format!("{theme:?}");
        assert!(!text.contains("fg: Some") && !text.contains("bg: Some"), "{text}");
    }
}
