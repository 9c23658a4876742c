//! What can be done to calculations, the questions that come before, and what is said after.

use super::{
    COMMANDS, Calculations,
    chosen::Chosen,
    declaration::{EDIT, FILTER_STATUS, FROM_TOOL, RUN, RUN_EDITED, SORT, STOP, WATCH},
};
use crate::{
    domain::{calculation::CalculationRow, id::CalculationId, page::CalculationSort, status::Status, text::SafeText},
    tui::{
        action::Action,
        effect::Effect,
        msg::Failure,
        pane::{Cx, Intent, fetch_question},
        request::{Reply, Request},
        widgets::{
            dialog::{Answer, Choice, Dialog},
            text,
            toast::Toast,
        },
    },
};

/// Columns of a name in a question.
const NAME: usize = 60;

/// What a question is about.
struct Subject {
    ids: Vec<CalculationId>,
    /// The name of one, or how many there are.
    what: String,
    /// Of several: their names, one on a line.
    names: Vec<String>,
    /// Of one: whether it has not started.
    waits: bool,
}

/// What an open dialog is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether to delete these.
    Delete(Vec<CalculationId>),
    /// Whether to stop these.
    Stop(Vec<CalculationId>),
    /// Whether to fetch the image of this one and run it.
    Fetch(CalculationId),
    /// In which order to show.
    Sort,
    /// Which states to show.
    Statuses,
}

/// Orders to choose from.
const ORDERS: [(&str, CalculationSort, bool); 8] = [
    ("newest first", CalculationSort::Created, false),
    ("oldest first", CalculationSort::Created, true),
    ("name, A to Z", CalculationSort::Name, true),
    ("name, Z to A", CalculationSort::Name, false),
    ("state", CalculationSort::Status, true),
    ("last started first", CalculationSort::Started, false),
    ("longest first", CalculationSort::Duration, false),
    ("shortest first", CalculationSort::Duration, true),
];

impl Calculations {
    /// Does a command; whether it is one.
    pub(super) fn command(&mut self, action: Action, cx: &mut Cx<'_>) -> bool {
        match action {
            Action::New => cx.intent(Intent::New),
            FROM_TOOL => cx.intent(Intent::ChooseTool),
            SORT => self.ask_order(cx),
            FILTER_STATUS => self.ask_statuses(cx),
            Action::Delete => self.ask_delete(cx),
            STOP => self.ask_stop(cx),
            Action::Open | RUN | RUN_EDITED | EDIT | WATCH => {
                if let Some(chosen) = self.chosen() {
                    self.command_on(action, &chosen, cx);
                }
            }
            Action::Copy => {
                if let Some(result) = self.shown_result() {
                    cx.effects.push(Effect::Copy(result.to_owned()));
                    cx.toast(Toast::info("The result was sent to the terminal's clipboard"));
                }
            }
            _ => return false,
        }
        true
    }

    fn command_on(&mut self, action: Action, chosen: &Chosen, cx: &mut Cx<'_>) {
        match action {
            Action::Open if chosen.is_draft() => cx.intent(Intent::Edit(chosen.id)),
            Action::Open if chosen.is_active() => cx.intent(Intent::Watch(chosen.id)),
            Action::Open => (self.zoomed, self.in_detail) = (true, true),
            WATCH => cx.intent(Intent::Watch(chosen.id)),
            EDIT => cx.intent(Intent::Edit(chosen.id)),
            RUN_EDITED => cx.intent(Intent::EditCopy(chosen.id)),
            RUN => {
                let request = if chosen.is_draft() {
                    Request::Submit { id: chosen.id, pull: false }
                } else {
                    Request::RunAgain(chosen.id)
                };
                let ticket = cx.start(COMMANDS, request);
                self.doing.push(ticket);
            }
            _ => {}
        }
    }

    /// The names of some, one on a line, and how many more there are.
    fn names(&self, ids: &[CalculationId]) -> Vec<String> {
        let rows = self.table.rows().iter().filter(|row| ids.contains(&row.id));
        let name = |row: &CalculationRow| format!("  {}", text::cut(&SafeText::label(&row.name), NAME));
        let mut names: Vec<String> = rows.take(6).map(name).collect();
        if ids.len() > names.len() {
            names.push(format!("  and {} more", ids.len() - names.len()));
        }
        names
    }

    /// The marked ones, or the one that commands are for.
    fn subject(&self) -> Option<Subject> {
        let marked: Vec<CalculationId> = self.table.marked().iter().map(|id| CalculationId(*id)).collect();
        let one = |id, name: &str, status| Subject {
            ids: vec![id],
            what: text::quoted(name),
            names: Vec::new(),
            waits: status == Status::Pending,
        };
        match marked.as_slice() {
            [] => self.chosen().map(|chosen| one(chosen.id, &chosen.name, chosen.status)),
            [id] => {
                let row = self.table.rows().iter().find(|row| row.id == *id);
                let unseen = || one(*id, &format!("calculation {id}"), Status::Running);
                Some(row.map_or_else(unseen, |row| one(row.id, &row.name, row.status)))
            }
            many => Some(Subject {
                what: format!("{} calculations", many.len()),
                names: self.names(many),
                waits: false,
                ids: marked,
            }),
        }
    }

    fn ask_stop(&mut self, cx: &mut Cx<'_>) {
        let Some(Subject { ids, what, names: mut lines, waits }) = self.subject() else { return };
        let one = ids.len() == 1;
        lines.push(match (one, waits) {
            (true, true) => "It has not started: it is taken out of the queue.".to_owned(),
            (true, false) => {
                "It is told to end, and ended by force if it does not. What it wrote so far is kept.".to_owned()
            }
            (false, _) => {
                "Those that run are told to end, and ended by force if they do not; those that wait are taken \
                           out of the queue. What they wrote so far is kept."
                    .to_owned()
            }
        });
        let verb = if one { "stop it".to_owned() } else { format!("stop all {}", ids.len()) };
        let dialog = Dialog::Confirm { title: format!("Stop {what}?"), lines, verb, danger: true };
        self.question.ask(dialog, Question::Stop(ids), cx);
    }

    fn ask_delete(&mut self, cx: &mut Cx<'_>) {
        let Some(Subject { ids, what, names: mut lines, .. }) = self.subject() else { return };
        let whose = if ids.len() == 1 { "Its result, outputs and log" } else { "Their results, outputs and logs" };
        lines.push(format!("{whose} are deleted, too. This cannot be undone."));
        let verb = if ids.len() == 1 { "delete it".to_owned() } else { format!("delete all {}", ids.len()) };
        let dialog = Dialog::Confirm { title: format!("Delete {what}?"), lines, verb, danger: true };
        self.question.ask(dialog, Question::Delete(ids), cx);
    }

    fn ask_order(&mut self, cx: &mut Cx<'_>) {
        let now = (self.query.sort, self.query.ascending);
        let at = ORDERS.iter().position(|(_, sort, ascending)| (*sort, *ascending) == now).unwrap_or(0);
        let item = |(label, ..): &(&str, CalculationSort, bool)| Choice {
            label: (*label).to_owned(),
            note: String::new(),
            chosen: false,
        };
        let items = ORDERS.iter().map(item).collect();
        self.question.ask(Dialog::Choose { title: "Order".to_owned(), items, many: false, at }, Question::Sort, cx);
    }

    fn ask_statuses(&mut self, cx: &mut Cx<'_>) {
        let items = Status::ALL
            .iter()
            .map(|status| Choice {
                label: format!("{} {status}", status.glyph()),
                note: String::new(),
                chosen: self.query.statuses.contains(status),
            })
            .collect();
        let title = "Show only these states (none: all)".to_owned();
        self.question.ask(Dialog::Choose { title, items, many: true, at: 0 }, Question::Statuses, cx);
    }

    /// A question was answered.
    pub(super) fn answered(&mut self, question: Question, answer: Answer, cx: &mut Cx<'_>) {
        match (question, answer) {
            (Question::Delete(ids), Answer::Yes) => {
                let ticket = cx.start(COMMANDS, Request::DeleteCalculations(ids));
                self.doing.push(ticket);
            }
            (Question::Stop(ids), Answer::Yes) => {
                let ticket = cx.start(COMMANDS, Request::StopAll(ids));
                self.doing.push(ticket);
            }
            (Question::Fetch(id), Answer::Yes) => {
                let ticket = cx.start(COMMANDS, Request::Submit { id, pull: true });
                self.doing.push(ticket);
            }
            (Question::Sort, Answer::Chosen(at)) => {
                let (_, sort, ascending) = ORDERS[at];
                (self.query.sort, self.query.ascending) = (sort, ascending);
                self.restart(cx);
            }
            (Question::Statuses, Answer::ChosenMany(places)) => {
                let all = places.len() == Status::ALL.len();
                self.query.statuses =
                    if all { Vec::new() } else { places.into_iter().map(|at| Status::ALL[at]).collect() };
                self.restart(cx);
            }
            _ => {}
        }
    }

    /// A request that changed something was answered.
    pub(super) fn done(&mut self, reply: Result<Reply, Failure>, cx: &mut Cx<'_>) {
        match reply {
            Ok(Reply::Submitted(id, _)) => {
                cx.intent(Intent::Watch(id));
            }
            Ok(Reply::NotStarted(id, failure)) => {
                cx.toast(Toast::bad(format!("Calculation {id} was made, and not run: {}", failure.message)));
            }
            Ok(Reply::ImageMissing(id, image)) => {
                self.question.ask(fetch_question(&image), Question::Fetch(id), cx);
            }
            Ok(Reply::Deleted(count, refused)) => {
                self.table.unmark_all();
                // What was shown may be among them: the detail is that of the row that is selected then.
                self.forget_detail();
                let words = if count == 1 {
                    "1 calculation deleted".to_owned()
                } else {
                    format!("{count} calculations deleted")
                };
                cx.toast(summary(words, &refused));
            }
            Ok(Reply::Stopped(count, refused)) => {
                self.table.unmark_all();
                let words = match count {
                    0 => "Nothing was told to stop".to_owned(),
                    1 => "1 calculation was told to stop".to_owned(),
                    count => format!("{count} calculations were told to stop"),
                };
                cx.toast(summary(words, &refused));
            }
            other => {
                let failure = Reply::failed(other);
                cx.toast(Toast::bad(failure.message));
                // What was shown may be what was wrong.
                self.refresh(cx);
            }
        }
    }
}

/// What was done, and of what was not the number and the first reason.
fn summary(done: String, refused: &[(CalculationId, String)]) -> Toast {
    match refused.first() {
        None => Toast::good(done),
        Some((id, why)) => Toast::bad(format!("{done}; {} not: {id}: {why}", refused.len())),
    }
}
