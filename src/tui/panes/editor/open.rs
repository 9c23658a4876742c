//! Bringing a calculation into the editor: a new one, one of a tool, a row, a copy, a draft.

use super::{
    EditorPane, Question,
    document::{Document, Field, SaveTo},
    load,
};
use crate::{
    domain::{calculation::InputLink, detail::CalculationDetail, id::CalculationId},
    tui::{
        msg::Failure,
        pane::{Cx, Intent},
        request::{Draft, DraftKey, Reply, Request},
        widgets::{dialog::Dialog, text, toast::Toast},
    },
};

/// What is being loaded, and what for.
#[derive(Clone, Debug, PartialEq)]
pub enum Opening {
    /// A tool to make a calculation from.
    Tool,
    /// A row to edit; a copy of it where that is wanted or it was started.
    Row {
        /// Even where it was not started.
        copy: bool,
        /// The line to go to.
        line: Option<u32>,
    },
    /// A row whose draft is to be gone on with.
    Draft(Box<Draft>),
    /// Saving was refused: was the row started meanwhile?
    Recheck,
}

impl EditorPane {
    pub(super) fn intent(&mut self, intent: &Intent, cx: &mut Cx<'_>) {
        let (request, opening) = match *intent {
            Intent::New => return self.put(Document::empty(new_key(cx), self.limits), cx),
            Intent::FromTool(id) => (Request::LoadTool(id), Opening::Tool),
            Intent::Edit(id) => (Request::LoadCalculation(id), Opening::Row { copy: false, line: None }),
            Intent::EditCopy(id) => (Request::LoadCalculation(id), Opening::Row { copy: true, line: None }),
            Intent::EditAt(id, line) => {
                if self.has_unsaved(id) {
                    return self.go_to_code_line(line); // it is open and being mended already
                }
                (Request::LoadCalculation(id), Opening::Row { copy: false, line: Some(line) })
            }
            _ => return,
        };
        self.opening = Some((load(request, cx), opening));
    }

    /// Goes on with the selected draft.
    pub(super) fn go_on(&mut self, cx: &mut Cx<'_>) {
        let Some(draft) = self.drafts.selected().cloned() else { return };
        match draft.key {
            DraftKey::Saved(id) => {
                self.opening = Some((load(Request::LoadCalculation(id), cx), Opening::Draft(Box::new(draft))));
            }
            DraftKey::New(_) => self.put_draft(Document::new(draft.key, SaveTo::New, draft.calculation), cx),
        }
    }

    pub(super) fn opened(&mut self, reply: Result<Reply, Failure>, cx: &mut Cx<'_>) {
        let Some((_, opening)) = self.opening.take() else { return };
        match (opening, reply) {
            (Opening::Tool, Ok(Reply::Tool(tool))) => self.put(Document::from_tool(new_key(cx), &tool), cx),
            (Opening::Row { copy, line }, Ok(Reply::Calculation(detail))) => {
                self.put(self.document_of(&detail, copy), cx);
                if let Some(line) = line {
                    self.go_to_code_line(line);
                }
                self.offer_draft(cx);
            }
            (Opening::Draft(_), Ok(Reply::Calculation(detail))) => self.put_draft(self.document_of(&detail, false), cx),
            (Opening::Draft(draft), Err(_)) => {
                // Its row is gone: the text lives on as a new calculation.
                let key = new_key(cx);
                let mut document = Document::new(key, SaveTo::New, draft.calculation.clone());
                document.saved = None;
                self.put(document, cx);
                cx.toast(Toast::info("The calculation of this text is gone: saving makes a new one"));
            }
            (Opening::Recheck, Ok(Reply::Calculation(detail))) => {
                let fresh = self.document_of(&detail, false);
                if let (Some(document), SaveTo::CopyOf(_)) = (&mut self.document, fresh.save_to)
                    && document.key == fresh.key
                {
                    document.save_to = fresh.save_to;
                    cx.toast(Toast::info("It was started meanwhile: saving makes a copy now"));
                }
            }
            (Opening::Recheck, Err(_)) => {}
            (_, Err(failure)) => cx.toast(Toast::bad(failure.message)),
            (_, Ok(other)) => cx.toast(Toast::bad(other.unexpected().message)),
        }
    }

    /// Puts a document in front; what is unsaved of the one before stays as a draft.
    fn put(&mut self, document: Document, cx: &mut Cx<'_>) {
        if let Some(before) = self.document.take() {
            if before.is_unsaved() {
                cx.toast(Toast::info(format!(
                    "The unsaved text of {} is kept as a draft",
                    text::quoted(before.name.text())
                )));
            }
            self.drafts.put_away(&before, cx);
        }
        self.document = Some(document);
        (self.prompt, self.external, self.warned) = (None, None, None);
        self.field = Field::Code;
    }

    fn put_draft(&mut self, document: Document, cx: &mut Cx<'_>) {
        self.put(document, cx);
        if let Some(document) = &mut self.document {
            self.drafts.take_into(document);
        }
    }

    /// Where an earlier session left unsaved text of this calculation, asks whether to go on with it.
    fn offer_draft(&mut self, cx: &mut Cx<'_>) {
        let Some(document) = &self.document else { return };
        let Some(draft) = self.drafts.offer(document) else { return };
        let kept = cx.now.stamp(draft.kept_at);
        let dialog = Dialog::Confirm {
            title: "Go on with unsaved text?".to_owned(),
            lines: vec![
                format!(
                    "Text of {} was typed and not saved; it was kept {kept}.",
                    text::quoted(&draft.calculation.name)
                ),
                "Esc shows the calculation as it is saved; the text stays under Editor.".to_owned(),
            ],
            verb: "Go on with it".to_owned(),
            danger: false,
        };
        self.question.ask(dialog, Question::TakeDraft, cx);
    }

    fn go_to_code_line(&mut self, line: u32) {
        self.go_to_field(Field::Code);
        if let Some(document) = &mut self.document {
            document.code.show_failure(line as usize);
        }
    }

    /// What a row holds, ready to be edited.
    fn document_of(&self, detail: &CalculationDetail, copy: bool) -> Document {
        let inputs = detail
            .files
            .iter()
            .filter(|file| file.file_role.is_read())
            .map(|file| InputLink {
                file_id: file.file.id,
                file_role: file.file_role.clone(),
                alias: file.alias.clone(),
            })
            .collect();
        let limits = detail.calculation.limits.unwrap_or(self.limits);
        Document::of_row(&detail.calculation, inputs, limits, copy || detail.run.is_some())
    }

    fn has_unsaved(&self, id: CalculationId) -> bool {
        self.document.as_ref().is_some_and(|document| document.key == DraftKey::Saved(id) && document.is_unsaved())
    }
}

/// A key that no other draft has: the time, and the number of a ticket that nobody else has.
fn new_key(cx: &mut Cx<'_>) -> DraftKey {
    let micros = cx.now.utc.and_utc().timestamp_micros().cast_unsigned();
    DraftKey::New(uuid::Uuid::from_u64_pair(micros, cx.ticket().number))
}
