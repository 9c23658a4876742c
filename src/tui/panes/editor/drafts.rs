//! Unsaved text that outlives a dropped connection: kept while typing, offered again.

use super::{
    DRAFT, DRAFT_LIST,
    document::{Content, Document},
};
use crate::tui::{
    action::Action,
    effect::Ticket,
    msg::Failure,
    pane::Cx,
    request::{Draft, DraftKey, Reply, Request},
    widgets::toast::Toast,
};

/// Drafts of earlier sessions, and when to keep the present one.
#[derive(Default)]
pub struct Drafts {
    list: Vec<Draft>,
    selected: usize,
    listing: Option<Ticket>,
    keeping: Option<Ticket>,
    /// The content that was looked at last, to see changes; by its revisions, texts being long.
    seen: Option<(DraftKey, Seen)>,
    due: bool,
    /// Whether something of the present document lies on the disk.
    kept: bool,
    /// Whether the last attempt to keep it failed, and the user was told.
    failed: bool,
}

/// What tells a change: the revisions of the long fields and the short ones themselves.
type Seen = (u64, u64, [String; 4]);

fn seen(document: &Document) -> Seen {
    let [timeout, memory, cpu] = document.limits.each_ref().map(|limit| limit.text().to_owned());
    let short = [document.name.text().to_owned(), timeout, memory, cpu];
    (document.code.revision(), document.parameters.revision(), short)
}

impl Drafts {
    /// Asks for the drafts of earlier sessions.
    pub fn load(&mut self, cx: &mut Cx<'_>) {
        self.listing = Some(cx.start(DRAFT_LIST, Request::ListDrafts));
    }

    /// Looks whether the document changed since the last look; gives whether it did.
    pub fn note(&mut self, document: &Document) -> bool {
        let now = (document.key.clone(), seen(document));
        if self.seen.as_ref() == Some(&now) {
            return false;
        }
        let same_document = self.seen.as_ref().is_some_and(|(key, _)| *key == now.0);
        self.seen = Some(now);
        if same_document {
            self.due = true;
        }
        true
    }

    /// Whether a change waits to be kept.
    pub const fn is_due(&self) -> bool {
        self.due
    }

    /// Something is unsaved although nothing was typed just now.
    pub fn touch(&mut self) {
        self.due = true;
    }

    /// Keeps what changed, or forgets what is not unsaved any more.
    pub fn keep(&mut self, document: &Document, cx: &mut Cx<'_>) {
        if !std::mem::take(&mut self.due) {
            return;
        }
        if document.is_unsaved() {
            let calculation = document.as_typed();
            let draft = Draft { key: document.key.clone(), kept_at: cx.now.utc, calculation };
            self.keeping = Some(cx.start(DRAFT, Request::KeepDraft(Box::new(draft))));
            self.kept = true;
        } else {
            self.forget(&document.key.clone(), cx);
        }
    }

    /// The text is safe elsewhere, or not wanted.
    pub fn forget(&mut self, key: &DraftKey, cx: &mut Cx<'_>) {
        self.due = false;
        let listed = self.list.iter().any(|draft| draft.key == *key);
        if std::mem::take(&mut self.kept) || listed {
            self.list.retain(|draft| draft.key != *key);
            // In the slot of the newest draft: one that is still being written must not come after this.
            cx.start(DRAFT, Request::ForgetDraft(key.clone()));
        }
    }

    /// The text of a document that is not in front is safe elsewhere.
    pub fn forget_other(&mut self, key: &DraftKey, cx: &mut Cx<'_>) {
        if self.list.iter().any(|draft| draft.key == *key) {
            self.list.retain(|draft| draft.key != *key);
            self.selected = self.selected.min(self.list.len().saturating_sub(1));
            cx.start(DRAFT, Request::ForgetDraft(key.clone()));
        }
    }

    /// Another document comes: what is unsaved of this one joins the list.
    pub fn put_away(&mut self, document: &Document, cx: &mut Cx<'_>) {
        self.keep(document, cx);
        if document.is_unsaved() && self.kept {
            let draft = Draft { key: document.key.clone(), kept_at: cx.now.utc, calculation: document.as_typed() };
            self.list.retain(|other| other.key != draft.key);
            self.list.insert(0, draft);
        }
        self.kept = false;
        self.seen = None;
    }

    /// A draft of this document that says something else, where there is one: when it was kept.
    pub fn offer(&self, document: &Document) -> Option<&Draft> {
        let now: Content = document.content();
        self.list.iter().find(|draft| draft.key == document.key).filter(|draft| {
            let mut other = Document::new(draft.key.clone(), document.save_to, draft.calculation.clone());
            other.saved = None;
            other.content() != now
        })
    }

    /// Puts the draft of this document into it.
    pub fn take_into(&mut self, document: &mut Document) {
        if let Some(at) = self.list.iter().position(|draft| draft.key == document.key) {
            let draft = self.list.remove(at);
            document.take_draft(draft.calculation);
            self.kept = true;
        }
    }

    /// Takes the reply to one of its requests; others are dropped.
    pub fn reply(&mut self, ticket: Ticket, reply: Result<Reply, Failure>, cx: &mut Cx<'_>) {
        if self.listing.take_if(|expected| *expected == ticket).is_some() {
            match reply.and_then(Reply::value::<Vec<Draft>>) {
                Ok(list) => {
                    if !list.is_empty() {
                        let what = if list.len() == 1 { "An unsaved text is" } else { "Unsaved texts are" };
                        cx.toast(Toast::info(format!("{what} there from an earlier session: see Editor")));
                    }
                    self.list = list;
                    self.selected = 0;
                }
                Err(failure) => cx.toast(Toast::bad(failure.message)),
            }
        } else if self.keeping.take_if(|expected| *expected == ticket).is_some() {
            match reply.and_then(Reply::value::<DraftKey>) {
                Ok(_) => self.failed = false,
                Err(failure) if !self.failed => {
                    self.failed = true;
                    cx.toast(Toast::bad(format!("The draft could not be kept: {}", failure.message)));
                }
                Err(_) => {}
            }
        }
    }

    /// The drafts of earlier sessions, newest first, and the selected one's place.
    pub fn list(&self) -> (&[Draft], usize) {
        (&self.list, self.selected)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The name of the selected one.
    pub fn selected_name(&self) -> Option<String> {
        self.list.get(self.selected).map(|draft| draft.calculation.name.clone())
    }

    /// The selected one.
    pub fn selected(&self) -> Option<&Draft> {
        self.list.get(self.selected)
    }

    /// Forgets the selected one.
    pub fn forget_selected(&mut self, cx: &mut Cx<'_>) {
        if let Some(key) = self.selected().map(|draft| draft.key.clone()) {
            self.forget(&key, cx);
            self.selected = self.selected.min(self.list.len().saturating_sub(1));
        }
    }

    /// Moves the selection.
    pub fn action(&mut self, action: Action) {
        let last = self.list.len().saturating_sub(1);
        self.selected = match action {
            Action::Up => self.selected.saturating_sub(1),
            Action::Down => (self.selected + 1).min(last),
            Action::Top => 0,
            Action::Bottom => last,
            _ => self.selected,
        };
    }
}
