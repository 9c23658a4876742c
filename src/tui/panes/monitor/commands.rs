//! What is done about the chosen run: open, edit, stop, export.

use super::{COMMANDS, MonitorPane, Question, Requested};
use crate::{
    domain::{file::safe_name, status::Status},
    tui::{
        effect::Ticket,
        pane::{Cx, Intent},
        request::Request,
        widgets::{
            dialog::{Answer, Check, Dialog},
            text,
        },
    },
};

impl MonitorPane {
    /// From the list into the log; from there to the line that failed, or to the result.
    pub(super) fn open(&mut self, cx: &mut Cx<'_>) {
        let Some(ended) = self.live.value().filter(|live| live.status.is_final()) else {
            self.in_log = true;
            return;
        };
        cx.intent(match ended.error_line {
            Some(line) => Intent::EditAt(ended.calculation, line),
            None => Intent::Show(ended.calculation),
        });
    }

    pub(super) fn edit(&mut self, cx: &mut Cx<'_>) {
        let Some(id) = self.chosen else { return };
        cx.intent(match self.live.value().and_then(|live| live.error_line) {
            Some(line) => Intent::EditAt(id, line),
            None => Intent::Edit(id),
        });
    }

    /// Asks before the first stage; the second needs no question, since the first had one.
    pub(super) fn ask_stop(&mut self, cx: &mut Cx<'_>) {
        let Some(live) = self.live.value() else { return };
        if self.is_stopping() {
            let request = Request::Stop { id: live.calculation, now: true };
            self.kill_asked = true;
            self.requested = Some((cx.start(COMMANDS, request), Requested::Kill));
            return;
        }
        let lines = if live.status == Status::Pending {
            vec!["It has not started: it is taken out of the queue.".to_owned()]
        } else {
            vec![
                format!("It is asked to end (SIGTERM), and killed {} s later if it has not.", live.caps.grace),
                "Stopping it once more kills it at once.".to_owned(),
                "What it wrote until then is kept.".to_owned(),
            ]
        };
        let title = format!("Stop {}?", text::quoted(&live.name));
        let dialog = Dialog::Confirm { title, lines, verb: "stop it".to_owned(), danger: true };
        self.question.ask(dialog, Question::Stop(live.calculation), cx);
    }

    pub(super) fn ask_export(&mut self, cx: &mut Cx<'_>) {
        let Some(live) = self.live.value() else { return };
        let text = format!("{}-{}.log", safe_name(&live.name), live.calculation);
        let dialog = Dialog::Prompt {
            title: "Write the log to a file".to_owned(),
            label: "File; an existing one is not touched".to_owned(),
            text,
            check: Check::Filled(4_000),
        };
        self.question.ask(dialog, Question::Export(live.calculation), cx);
    }

    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer, cx: &mut Cx<'_>) {
        let Some(question) = self.question.answered(ticket) else { return };
        match (question, answer) {
            (Question::Stop(id), Answer::Yes) => {
                if self.chosen == Some(id) {
                    self.stop_asked = Some(cx.now.utc);
                }
                self.requested = Some((cx.start(COMMANDS, Request::Stop { id, now: false }), Requested::Stop));
            }
            (Question::Export(id), Answer::Text(path)) => {
                let path = path.trim().into();
                self.requested = Some((cx.start(COMMANDS, Request::ExportLog { id, path }), Requested::Export));
            }
            _ => {}
        }
    }
}
