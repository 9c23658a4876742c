//! Finding text, and going to a line.

use super::{EditorPane, Question};
use crate::tui::{
    pane::Cx,
    widgets::{
        dialog::{Check, Dialog},
        input::Input,
    },
};

impl EditorPane {
    pub(super) fn open_find(&mut self) {
        let Some(editor) = self.editor() else { return };
        let selected = editor.selected_text().filter(|text| !text.contains('\n')).map(str::to_owned);
        let text = selected.unwrap_or_else(|| editor.find().needle().to_owned());
        self.prompt = Some(Input::selected(&text));
        self.look_for();
    }

    pub(super) fn look_for(&mut self) {
        let needle = self.prompt.as_ref().map(|prompt| prompt.text().to_owned()).unwrap_or_default();
        if let Some(editor) = self.editor() {
            editor.look_for(&needle);
        }
    }

    pub(super) fn find_next(&mut self, backwards: bool) {
        if let Some(editor) = self.editor() {
            editor.find_next(backwards);
        }
    }

    pub(super) fn ask_line(&mut self, cx: &mut Cx<'_>) {
        let Some(editor) = self.editor() else { return };
        let (lines, here) = (editor.line_count(), editor.cursor().0 + 1);
        let dialog = Dialog::Prompt {
            title: "Go to line".to_owned(),
            label: format!("Line, 1 to {lines} (now {here})"),
            text: String::new(),
            check: Check::Integer(1, lines as u64),
        };
        self.question.ask(dialog, Question::Line, cx);
    }
}
