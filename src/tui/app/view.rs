//! Drawing the screen: header, tabs, the pane in front, hints, and what lies over them.

use super::{App, Layout, layout, tabs::tabs};
use crate::{
    domain::{isolation::Isolation, text::SafeText},
    tui::{
        action::{Action, GLOBAL},
        keymap::{BoundCommand, Key},
        pane::Look,
        widgets::{
            hints::{self, Hint},
            text,
            toast::Kind,
        },
    },
};
use ratatui::{Frame, layout::Rect, style::Style, text::Span, widgets::Clear};

impl App {
    /// Draws everything.
    pub fn view(&self, frame: &mut Frame<'_>) {
        let look = Look { theme: &self.settings.theme, now: self.now, spin: self.spin };
        let area = self.screen().intersection(frame.area());
        if layout::is_too_small(self.size) {
            let sentence = format!(
                "mecapy needs {}x{}; this is {}x{}. q quits.",
                layout::SMALLEST.width,
                layout::SMALLEST.height,
                self.size.width,
                self.size.height
            );
            for (y, line) in (0..area.height).zip(text::wrap(&sentence, usize::from(area.width))) {
                text::line(frame.buffer_mut(), area, y, &line, look.theme.text);
            }
            return;
        }
        let parts = Layout::of(self.size);
        self.header(frame, parts.header, &look);
        self.tabs(frame, parts.tabs, &look);
        match &self.place {
            Some(Err(failure)) => closed(frame, parts.body, &failure.message, &look),
            _ => self.pane().view(frame, parts.body, &look),
        }
        self.hints(frame, parts.hints, &look);
        self.toast(frame, parts.body, &look);
        for layer in &self.layers {
            layer.view(frame, area, &look);
        }
    }

    /// Profile, person, database, sandbox, the time of the data: what does not fit is left out from the right.
    fn header(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
        let theme = look.theme;
        let mut parts: Vec<(String, Style)> = vec![("mecapy".to_owned(), theme.title)];
        if !self.settings.profile.is_empty() {
            parts.push((SafeText::label(&self.settings.profile).into_string(), theme.text));
        }
        if let Some(since) = self.away {
            parts.push((format!("no connection since {}", look.now.short(since)), theme.bad));
        } else if self.silent.is_some() {
            parts.push(("not live".to_owned(), theme.warning));
        }
        match &self.place {
            None => parts.push(("opening the database…".to_owned(), theme.dim)),
            Some(Err(_)) => parts.push(("not connected".to_owned(), theme.bad)),
            Some(Ok(place)) => {
                parts.push((SafeText::label(&place.person).into_string(), theme.text));
                let style = if place.isolation == Isolation::None { theme.warning } else { theme.text };
                parts.push((place.isolation.badge().to_owned(), style));
                if !place.sandbox.is_empty() {
                    let style = if place.ready { theme.text } else { theme.warning };
                    parts.push((format!("sandbox {}", SafeText::label(&place.sandbox)), style));
                }
                parts.push((SafeText::label(&place.database).into_string(), theme.dim));
            }
        }
        let age = self.pane().loaded_at().map(|at| format!("loaded {}", look.now.short(at))).unwrap_or_default();
        let age_width = text::width(&age) as u16;
        let room = area.width.saturating_sub(age_width + 2);
        let mut x = 0;
        for (at, (part, style)) in parts.iter().enumerate() {
            let gap = if at == 0 { "" } else { "  " };
            let left = Rect { x: area.x + x, width: room.saturating_sub(x), ..area };
            x += text::line(frame.buffer_mut(), left, 0, gap, theme.dim);
            let left = Rect { x: area.x + x, width: room.saturating_sub(x), ..area };
            x += text::line(frame.buffer_mut(), left, 0, part, *style);
        }
        let right = Rect { x: area.right().saturating_sub(age_width), width: age_width, ..area };
        text::line(frame.buffer_mut(), right, 0, &age, theme.dim);
    }

    fn tabs(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
        for (at, tab) in tabs(area, self.specs, self.front).iter().enumerate() {
            let style = if at == self.front { look.theme.selected } else { look.theme.dim };
            text::line(frame.buffer_mut(), tab.area, 0, &tab.words, style);
        }
    }

    fn hints(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
        let pane = self.pane();
        let keymap = &self.settings.keymap;
        let hint = |bound: &BoundCommand| {
            let BoundCommand { command, keys } = bound;
            if self.is_closed() {
                return keys.first().map(|key| Hint { key: Key::to_string(key), word: command.hint });
            }
            // In a text field plain characters are text, and a nearer context may have the key: then another is shown.
            let means_it = |key: &&Key| keymap.action(pane.contexts(), **key) == Some(command.action);
            let key = keys.iter().filter(means_it).find(|key| !pane.typing() || key.character().is_none())?;
            (!command.hint.is_empty()).then(|| Hint { key: Key::to_string(key), word: command.hint })
        };
        let contexts = if self.is_closed() { &[] } else { pane.contexts() };
        let own: Vec<Hint> = contexts
            .iter()
            .flat_map(|context| keymap.commands(*context))
            .filter(|bound| pane.enabled(bound.command.action))
            .filter_map(hint)
            .collect();
        let everywhere = |action| keymap.command(GLOBAL, action).and_then(hint);
        let quit = everywhere(Action::Quit);
        // Where the keys that leave the program are text, it must be seen how to leave the text.
        let back = quit.is_none().then(|| everywhere(Action::Back)).flatten();
        let palette = everywhere(Action::Palette).filter(|_| !self.is_closed());
        let last: Vec<Hint> = [everywhere(Action::Help), palette, back, quit].into_iter().flatten().collect();
        hints::view(frame.buffer_mut(), area, &own, &last, look.theme.accent, look.theme.dim);
    }

    /// The sentence, in the last rows of the body.
    fn toast(&self, frame: &mut Frame<'_>, body: Rect, look: &Look<'_>) {
        let Some((toast, _)) = &self.toast else { return };
        let (mark, style) = match toast.kind {
            Kind::Good => ("✓", look.theme.good),
            Kind::Info => ("›", look.theme.accent),
            Kind::Bad => ("✗", look.theme.bad),
        };
        let width = usize::from(body.width.saturating_sub(4));
        let mut lines: Vec<String> =
            SafeText::lines(&toast.text).iter().flat_map(|line| text::wrap(line, width)).collect();
        lines.truncate(usize::from(body.height / 2).max(1));
        let height = lines.len() as u16;
        let area = Rect { y: body.bottom().saturating_sub(height), height, ..body };
        frame.render_widget(Clear, area);
        for (y, line) in (0..height).zip(&lines) {
            let row = Rect { x: area.x + 1, y: area.y + y, width: area.width.saturating_sub(1), height: 1 };
            let mark = if y == 0 { mark } else { " " };
            frame.render_widget(Span::styled(format!("{mark} {line}"), style), row);
        }
    }
}

/// What is said where the database could not be opened.
fn closed(frame: &mut Frame<'_>, body: Rect, message: &str, look: &Look<'_>) {
    let inner = Rect { x: body.x + 2.min(body.width), width: body.width.saturating_sub(4), ..body };
    let mut lines =
        vec![("The database could not be opened.".to_owned(), look.theme.title), (String::new(), look.theme.text)];
    for line in SafeText::lines(message) {
        for part in text::wrap(&line, usize::from(inner.width)) {
            lines.push((part, look.theme.bad));
        }
    }
    lines.push((String::new(), look.theme.text));
    lines.push(("q quits; mecapy doctor says what is wrong.".to_owned(), look.theme.text));
    for (y, (line, style)) in (1..inner.height).zip(&lines) {
        text::line(frame.buffer_mut(), inner, y, line, *style);
    }
}
