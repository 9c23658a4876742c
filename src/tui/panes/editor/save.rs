//! Saving, running, leaving.

use super::{
    EditorPane, Question, SAVING,
    document::{Content, Field, SaveTo},
    load,
    open::Opening,
};
use crate::{
    domain::{FieldError, id::CalculationId},
    tui::{
        effect::Ticket,
        msg::Failure,
        pane::{Cx, Intent, fetch_question},
        request::{DraftKey, Reply, Request},
        widgets::{
            dialog::{Choice, Dialog},
            text,
            toast::Toast,
        },
    },
};

/// A save under way.
pub struct Saving {
    /// Whose reply it is.
    pub ticket: Ticket,
    /// Of which text.
    key: DraftKey,
    content: Content,
    leave: bool,
}

impl EditorPane {
    /// Saves what is typed; `leave` goes back once it is safe.
    pub(super) fn save(&mut self, leave: bool, cx: &mut Cx<'_>) {
        let Some(document) = &self.document else { return };
        if !document.is_unsaved() && document.save_to != SaveTo::New {
            return cx.toast(Toast::info("Nothing has changed since it was saved"));
        }
        self.store(false, leave, cx);
    }

    /// Saves and runs.
    pub(super) fn run(&mut self, cx: &mut Cx<'_>) {
        let Some(document) = &mut self.document else { return };
        if self.warned != Some(document.code.revision()) {
            self.warned = Some(document.code.revision());
            if let Some(problem) = document.code.problems().first() {
                let (line, message) = (problem.row + 1, problem.message.clone());
                document.code.go_to_line(line);
                self.go_to_field(Field::Code);
                return cx.toast(Toast::bad(format!("line {line}: {message}. Once more runs it all the same")));
            }
            if let Some(unknown) = document.unknown_parameter() {
                self.go_to_field(Field::Parameters);
                return cx.toast(Toast::bad(format!("{unknown}. Once more runs it all the same")));
            }
        }
        self.store(true, false, cx);
    }

    fn store(&mut self, run: bool, leave: bool, cx: &mut Cx<'_>) {
        let Some(document) = &self.document else { return };
        let calculation = match document.to_save() {
            Ok(calculation) => Box::new(calculation),
            Err(error) => return self.refuse(&error, cx),
        };
        let id = match document.save_to {
            SaveTo::Row(id) => Some(id),
            SaveTo::New | SaveTo::CopyOf(_) => None,
        };
        let (key, content) = (document.key.clone(), document.content());
        let ticket = cx.start(SAVING, Request::SaveCalculation { id, calculation, run });
        self.savings.push(Saving { ticket, key, content, leave });
    }

    /// Runs what is saved, its image being fetched first.
    pub(super) fn run_fetching(&mut self, id: CalculationId, cx: &mut Cx<'_>) {
        let Some(document) = &self.document else { return };
        let (key, content) = (document.key.clone(), document.content());
        let ticket = cx.start(SAVING, Request::Submit { id, pull: true });
        self.savings.push(Saving { ticket, key, content, leave: false });
    }

    /// Says what cannot be taken and goes there.
    fn refuse(&mut self, error: &FieldError, cx: &mut Cx<'_>) {
        if let Some(field) = Field::of_column(error.field) {
            self.go_to_field(field);
        }
        cx.toast(Toast::bad(error.to_string()));
    }

    /// Whether the text in front is being saved.
    pub(super) fn is_saving(&self) -> bool {
        self.document.as_ref().is_some_and(|document| self.savings.iter().any(|saving| saving.key == document.key))
    }

    pub(super) fn saved(&mut self, saving: Saving, reply: Result<Reply, Failure>, cx: &mut Cx<'_>) {
        let Some(document) = self.document.as_mut().filter(|document| document.key == saving.key) else {
            return self.saved_behind(&saving, reply, cx);
        };
        let typed_meanwhile = document.content() != saving.content;
        match reply {
            Ok(Reply::Saved(id)) => {
                self.drafts.forget(&document.key.clone(), cx);
                document.became(SaveTo::Row(id), saving.content);
                cx.toast(Toast::good(format!("Saved as calculation {id}")));
                if saving.leave {
                    cx.intent(Intent::Back);
                }
            }
            Ok(Reply::Submitted(id, _)) => {
                self.drafts.forget(&document.key.clone(), cx);
                document.became(SaveTo::CopyOf(id), saving.content);
                cx.intent(Intent::Watch(id));
            }
            Ok(Reply::NotStarted(id, failure)) => {
                self.drafts.forget(&document.key.clone(), cx);
                document.became(SaveTo::Row(id), saving.content);
                if let Some(field) = failure.field.and_then(Field::of_column) {
                    self.go_to_field(field);
                }
                cx.toast(Toast::bad(format!("Saved as calculation {id}, and not run: {}", failure.message)));
                // Its supervisor alone may be what failed: then it is queued, and is edited as a copy.
                self.opening = Some((load(Request::LoadCalculation(id), cx), Opening::Recheck));
            }
            Ok(Reply::ImageMissing(id, image)) => {
                self.drafts.forget(&document.key.clone(), cx);
                document.became(SaveTo::Row(id), saving.content);
                self.question.ask(fetch_question(&image), Question::Fetch(id), cx);
            }
            other => {
                let failure = Reply::failed(other);
                let row = match document.save_to {
                    SaveTo::Row(id) if failure.field.is_none() => Some(id),
                    _ => None,
                };
                if let Some(field) = failure.field.and_then(Field::of_column) {
                    self.go_to_field(field);
                }
                cx.toast(Toast::bad(failure.message));
                if let Some(id) = row {
                    self.opening = Some((load(Request::LoadCalculation(id), cx), Opening::Recheck));
                }
            }
        }
        if typed_meanwhile {
            self.drafts.touch();
        }
    }

    /// Another text is in front by now: how the save came out is told all the same.
    fn saved_behind(&mut self, saving: &Saving, reply: Result<Reply, Failure>, cx: &mut Cx<'_>) {
        let name = text::quoted(saving.content.name());
        let words = match reply {
            Ok(Reply::Saved(id)) => format!("{name} is saved as calculation {id}"),
            Ok(Reply::Submitted(id, _)) => format!("{name} is queued as calculation {id}"),
            Ok(Reply::ImageMissing(id, image)) => {
                format!("{name} is saved as calculation {id} and not run: its image {image} is not on this host")
            }
            Ok(Reply::NotStarted(id, failure)) => {
                format!("{name} is saved as calculation {id}, and not run: {}", failure.message)
            }
            other => {
                let failure = Reply::failed(other);
                return cx.toast(Toast::bad(format!("{name} was not saved: {}", failure.message)));
            }
        };
        self.drafts.forget_other(&saving.key, cx);
        cx.toast(Toast::good(words));
    }

    /// Goes back; asks only where something is not saved.
    pub(super) fn leave(&mut self, cx: &mut Cx<'_>) {
        let Some(document) = self.document.as_ref().filter(|document| document.is_unsaved()) else {
            return cx.intent(Intent::Back);
        };
        let choice = |label: &str, note: &str| Choice { label: label.to_owned(), note: note.to_owned(), chosen: false };
        let saved = match document.save_to {
            SaveTo::New => "as a new calculation",
            SaveTo::Row(_) => "over the calculation, which has not run",
            SaveTo::CopyOf(_) => "as a copy: what has run stays as it ran",
        };
        let dialog = Dialog::Choose {
            title: format!("{} is not saved", text::quoted(document.name.text())),
            items: vec![
                choice("Save", saved),
                choice("Keep the draft", "it stays here, and is offered at the next start"),
                choice("Discard", "what was typed since the last save is lost"),
            ],
            many: false,
            at: 0,
        };
        self.question.ask(dialog, Question::Leave, cx);
    }

    pub(super) fn leave_by(&mut self, choice: usize, cx: &mut Cx<'_>) {
        match choice {
            0 => self.save(true, cx),
            1 => {
                self.keep_draft(cx);
                cx.intent(Intent::Back);
            }
            _ => {
                if let Some(document) = self.document.take() {
                    self.drafts.forget(&document.key, cx);
                }
                (self.prompt, self.external) = (None, None);
                cx.intent(Intent::Back);
            }
        }
    }

    /// Keeps what was typed where a dropped connection does not reach.
    pub(super) fn keep_draft(&mut self, cx: &mut Cx<'_>) {
        if let Some(document) = &self.document {
            self.drafts.keep(document, cx);
        }
    }
}
