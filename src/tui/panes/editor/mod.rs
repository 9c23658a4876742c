//! Code and parameters of one calculation: written, checked while typing, kept as a draft, saved, run.

mod declaration;
mod document;
mod drafts;
mod find;
mod layout;
mod open;
mod save;
mod signature;
#[cfg(test)]
mod tests;
mod view;

use crate::domain::{id::CalculationId, limits::Limits};
use crate::tui::{
    action::{Action, Context, INPUT, MOVE},
    effect::{Effect, Ticket},
    keymap::Key,
    msg::Mouse,
    pane::{Cx, Event, Fact, Intent, Look, OpenQuestion, Pane, Tick},
    request::{Reply, Request},
    widgets::{
        code_editor::{Edit, Motion},
        dialog::{Answer, Dialog},
        input::Input,
        text,
        toast::Toast,
    },
};
pub use declaration::PANE;
use declaration::{
    COMMENT, CUT, DELETE_LINE, DRAFTS, EDIT_EXTERNAL, EDITOR, FROM_TOOL, GO_TO_LINE, INDENT, INSERT, NEXT_FIELD,
    PREVIOUS_FIELD, REDO, RUN, SAVE, UNDO, UNINDENT,
};
use document::{Document, Field};
use layout::Parts;
use ratatui::{
    Frame,
    layout::{Position, Rect},
};

/// The editor.
pub struct EditorPane {
    document: Option<Document>,
    field: Field,
    /// The line of the find prompt, while it is open.
    prompt: Option<Input>,
    /// What was cut or copied here.
    clipboard: String,
    drafts: drafts::Drafts,
    opening: Option<(Ticket, open::Opening)>,
    /// Saves under way: of this document, and of others that were put away meanwhile.
    savings: Vec<save::Saving>,
    /// The field that `$EDITOR` has.
    external: Option<(Ticket, Field)>,
    /// What an open dialog is about.
    question: OpenQuestion<Question>,
    /// The code that was refused for its problems once: asking again runs it all the same.
    warned: Option<u64>,
    /// What a new calculation may use.
    limits: Limits,
}

/// What a dialog of the editor asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Line,
    Leave,
    TakeDraft,
    ForgetDraft,
    /// The image of this one is not here.
    Fetch(CalculationId),
}

impl Default for EditorPane {
    fn default() -> Self {
        Self {
            document: None,
            field: Field::Code,
            prompt: None,
            clipboard: String::new(),
            drafts: drafts::Drafts::default(),
            opening: None,
            savings: Vec::new(),
            external: None,
            question: OpenQuestion::default(),
            warned: None,
            limits: Limits::default(),
        }
    }
}

impl Pane for EditorPane {
    fn contexts(&self) -> &'static [Context] {
        match (&self.document, &self.prompt) {
            (None, _) => &[DRAFTS, MOVE],
            (Some(_), Some(_)) => &[INPUT, EDITOR],
            (Some(_), None) => &[EDITOR],
        }
    }

    fn typing(&self) -> bool {
        self.document.is_some()
    }

    fn enabled(&self, action: Action) -> bool {
        if self.document.is_none() {
            return match action {
                Action::Open | Action::Delete => !self.drafts.is_empty(),
                _ => true,
            };
        }
        let text = matches!(self.field, Field::Code | Field::Parameters);
        match action {
            SAVE | RUN => !self.is_saving(),
            Action::FindNext
            | Action::FindPrevious
            | Action::Find
            | GO_TO_LINE
            | EDIT_EXTERNAL
            | UNDO
            | REDO
            | COMMENT
            | DELETE_LINE
            | Action::Copy
            | CUT => text,
            _ => true,
        }
    }

    fn update(&mut self, event: Event, cx: &mut Cx<'_>) {
        match event {
            Event::Action(action) => self.action(action, cx),
            Event::Key(key) => self.key(key),
            Event::Paste(text) => self.paste(text),
            Event::Mouse(mouse) => self.mouse(mouse, cx),
            Event::Reply(ticket, reply) => self.reply(ticket, reply, cx),
            Event::Answer(ticket, answer) => self.answer(ticket, answer, cx),
            Event::Tick | Event::Hidden => self.keep_draft(cx),
            Event::Fact(Fact::Opened(place)) => {
                self.limits = place.limits;
                self.drafts.load(cx);
            }
            Event::Intent(intent) => self.intent(&intent, cx),
            Event::Shown | Event::Fact(_) => {}
        }
        self.settle(cx);
    }

    fn view(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
        view::view(self, frame, area, look);
    }

    fn tick(&self) -> Tick {
        if self.drafts.is_due() { Tick::Second } else { Tick::Never }
    }

    fn unsaved(&self) -> Option<String> {
        let document = self.document.as_ref().filter(|document| document.is_unsaved())?;
        Some(format!("the text of {} (kept as a draft)", text::quoted(document.name.text())))
    }
}

impl EditorPane {
    /// After every event: fields know their size, a change is noticed.
    fn settle(&mut self, cx: &Cx<'_>) {
        let parts = Parts::of(cx.area, self.field);
        if let Some(document) = &mut self.document {
            for field in [Field::Code, Field::Parameters] {
                if let Some(editor) = document.editor_mut(field) {
                    editor.set_size(parts.text(field).as_size());
                }
            }
            if self.drafts.note(document) {
                document.refresh();
                self.warned = None;
            }
        }
    }

    fn action(&mut self, action: Action, cx: &mut Cx<'_>) {
        if self.document.is_none() {
            return self.start_action(action, cx);
        }
        match action {
            Action::Cancel => self.prompt = None,
            Action::Back if self.prompt.is_some() => self.prompt = None,
            Action::Back => self.leave(cx),
            SAVE => self.save(false, cx),
            RUN => self.run(cx),
            NEXT_FIELD => self.go_to_field(self.field.next(false)),
            PREVIOUS_FIELD => self.go_to_field(self.field.next(true)),
            Action::Find => self.open_find(),
            Action::FindNext | Action::Accept => self.find_next(false),
            Action::FindPrevious => self.find_next(true),
            GO_TO_LINE => self.ask_line(cx),
            UNDO => self.edit(Edit::Undo),
            REDO => self.edit(Edit::Redo),
            INDENT | UNINDENT if self.prompt.is_some() => {}
            INDENT | UNINDENT if !self.in_text() => {
                self.go_to_field(self.field.next(action == UNINDENT));
            }
            INDENT => self.edit(Edit::Indent),
            UNINDENT => self.edit(Edit::Dedent),
            COMMENT => self.edit(Edit::ToggleComment),
            DELETE_LINE => self.edit(Edit::DeleteLine),
            INSERT => self.paste(self.clipboard.clone()),
            Action::Copy | CUT => self.copy(action == CUT, cx),
            EDIT_EXTERNAL => self.edit_external(cx),
            _ => {}
        }
    }

    fn key(&mut self, key: Key) {
        if let Some(prompt) = &mut self.prompt {
            if prompt.key(key) {
                self.look_for();
            } else if key == Key::plain(crossterm::event::KeyCode::Up) {
                self.find_next(true);
            } else if key == Key::plain(crossterm::event::KeyCode::Down) {
                self.find_next(false);
            }
        } else if self.in_text() {
            if let Some(edit) = Edit::of_key(key) {
                self.edit(edit);
            }
        } else {
            match key.code {
                crossterm::event::KeyCode::Up => self.go_to_field(self.field.next(true)),
                crossterm::event::KeyCode::Down | crossterm::event::KeyCode::Enter => {
                    self.go_to_field(self.field.next(false));
                }
                _ => {
                    if let Some(input) = self.document.as_mut().and_then(|document| document.input_mut(self.field)) {
                        input.key(key);
                    }
                }
            }
        }
    }

    fn paste(&mut self, text: String) {
        if let Some(prompt) = &mut self.prompt {
            prompt.paste(&text);
            self.look_for();
        } else if self.in_text() {
            self.edit(Edit::Paste(text));
        } else if let Some(input) = self.document.as_mut().and_then(|document| document.input_mut(self.field)) {
            input.paste(&text);
        }
    }

    fn mouse(&mut self, mouse: Mouse, cx: &Cx<'_>) {
        let parts = Parts::of(cx.area, self.field);
        let (Mouse::Click { column, row } | Mouse::Wheel { column, row, .. }) = mouse;
        let at = Position { x: column, y: row };
        let hit = |field: &Field| match field {
            Field::Name => parts.name.contains(at),
            Field::Timeout | Field::Memory | Field::Cpu => parts.limit(*field).contains(at),
            _ => parts.text(*field).contains(at),
        };
        let Some(field) = Field::ALL.into_iter().find(hit) else { return };
        match mouse {
            Mouse::Click { .. } => {
                self.go_to_field(field);
                if let Some(editor) = self.document.as_mut().and_then(|document| document.editor_mut(field)) {
                    editor.click(parts.text(field), at);
                }
            }
            Mouse::Wheel { lines, .. } => {
                let motion = if lines < 0 { Motion::Up } else { Motion::Down };
                if let Some(editor) = self.document.as_mut().and_then(|document| document.editor_mut(field)) {
                    for _ in 0..lines.unsigned_abs() {
                        editor.apply(Edit::Move(motion));
                    }
                }
            }
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Result<Reply, crate::tui::msg::Failure>, cx: &mut Cx<'_>) {
        if self.opening.as_ref().is_some_and(|(expected, _)| *expected == ticket) {
            self.opened(reply, cx);
        } else if let Some(at) = self.savings.iter().position(|saving| saving.ticket == ticket) {
            let saving = self.savings.remove(at);
            self.saved(saving, reply, cx);
        } else if let Some((_, field)) = self.external.take_if(|(expected, _)| *expected == ticket) {
            match reply.and_then(Reply::value::<Option<String>>) {
                Ok(Some(text)) => {
                    if let Some(editor) = self.document.as_mut().and_then(|document| document.editor_mut(field)) {
                        editor.replace_all(&text);
                    }
                }
                Ok(None) => {}
                Err(failure) => cx.toast(Toast::bad(failure.message)),
            }
        } else {
            self.drafts.reply(ticket, reply, cx);
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, cx: &mut Cx<'_>) {
        let Some(question) = self.question.answered(ticket) else { return };
        match (question, answer) {
            (Question::Line, Answer::Text(line)) => {
                if let (Ok(line), Some(editor)) = (line.trim().parse(), self.editor()) {
                    editor.go_to_line(line);
                }
            }
            (Question::Leave, Answer::Chosen(choice)) => self.leave_by(choice, cx),
            (Question::TakeDraft, Answer::Yes) => {
                if let Some(document) = &mut self.document {
                    self.drafts.take_into(document);
                }
            }
            (Question::ForgetDraft, Answer::Yes) => self.drafts.forget_selected(cx),
            (Question::Fetch(id), Answer::Yes) => self.run_fetching(id, cx),
            _ => {}
        }
    }

    fn in_text(&self) -> bool {
        matches!(self.field, Field::Code | Field::Parameters)
    }

    fn editor(&mut self) -> Option<&mut crate::tui::widgets::code_editor::CodeEditor> {
        self.document.as_mut()?.editor_mut(self.field)
    }

    fn edit(&mut self, edit: Edit) {
        if self.prompt.is_none()
            && let Some(editor) = self.editor()
        {
            editor.apply(edit);
        }
    }

    fn go_to_field(&mut self, field: Field) {
        self.prompt = None;
        self.field = field;
    }

    fn copy(&mut self, cut: bool, cx: &mut Cx<'_>) {
        let Some(editor) = self.editor() else { return };
        let text = if cut { editor.cut() } else { editor.selected_text().map(str::to_owned) };
        match text {
            Some(text) => {
                cx.toast(Toast::info(format!("Sent {} characters to the terminal's clipboard", text.chars().count())));
                self.clipboard.clone_from(&text);
                cx.effects.push(Effect::Copy(text));
            }
            None => cx.toast(Toast::info("Nothing is selected: Shift with an arrow key selects")),
        }
    }

    fn edit_external(&mut self, cx: &mut Cx<'_>) {
        let field = self.field;
        let Some(editor) = self.editor() else { return };
        let (text, line) = (editor.text().to_owned(), editor.cursor().0 as u32 + 1);
        let ticket = cx.ticket();
        let extension = if field == Field::Code { "py" } else { "json" };
        cx.effects.push(Effect::OpenEditor { ticket, text, extension, line });
        self.external = Some((ticket, field));
    }

    /// Keys of the page that is shown while nothing is open.
    fn start_action(&mut self, action: Action, cx: &mut Cx<'_>) {
        match action {
            Action::New => self.intent(&Intent::New, cx),
            FROM_TOOL => cx.intent(Intent::ChooseTool),
            Action::Open => self.go_on(cx),
            Action::Delete => {
                if let Some(name) = self.drafts.selected_name() {
                    let dialog = Dialog::Confirm {
                        title: "Forget the unsaved text?".to_owned(),
                        lines: vec![format!(
                            "{} was never saved like this; it cannot be brought back.",
                            text::quoted(&name)
                        )],
                        verb: "Forget it".to_owned(),
                        danger: true,
                    };
                    self.question.ask(dialog, Question::ForgetDraft, cx);
                }
            }
            Action::Back => cx.intent(Intent::Back),
            _ => self.drafts.action(action),
        }
    }
}

/// What is opened.
const DETAIL: &str = "detail";
/// Saving and running.
const SAVING: &str = "save";
/// The drafts of earlier sessions.
const DRAFT_LIST: &str = "drafts";
/// The draft of what is being typed.
const DRAFT: &str = "draft";

/// Starts a request whose reply opens something.
fn load(request: Request, cx: &mut Cx<'_>) -> Ticket {
    cx.start(DETAIL, request)
}
