//! The whole screen without a terminal: scripted keys, replies from a small world, the screen as text.

use super::*;
use crate::{
    domain::{
        calculation::{CalculationRow, NewCalculation},
        change::Kinds,
        id::{CalculationId, RunId, ToolId},
        isolation::Isolation,
        limits::{Caps, Limits},
        page::{Cursor, CursorValue, Page},
        run_state::{Phase, RunState},
        status::Status,
        tool::Tool,
    },
    tui::{
        keymap::Key,
        msg::Mouse,
        panes::{PANES, calculations, editor, monitor, stats, tools},
        request::{Reply, Request},
        testing::{declared, now, text_of, tool},
    },
};
use crossterm::event::KeyCode;
use ratatui::{Terminal, backend::TestBackend};

/// The app, and a world of one tool and the calculations that are made.
struct Harness {
    app: App,
    now: Now,
    tool: Tool,
    made: Vec<NewCalculation>,
    /// What was done besides requests.
    done: Vec<Effect>,
    /// Requests that the world leaves unanswered.
    silent: bool,
}

impl Harness {
    fn new(width: u16, height: u16) -> Self {
        Self::of(PANES, width, height)
    }

    fn of(panes: &'static [&'static PaneSpec], width: u16, height: u16) -> Self {
        let settings =
            Settings { keymap: Keymap::new(panes), theme: Theme::plain(), profile: String::new(), mouse: false };
        let tool = Tool { name: "beam".to_owned(), ..tool(4) };
        let app = App::new(panes, settings, Size { width, height }, now());
        Self { app, now: now(), tool, made: Vec::new(), done: Vec::new(), silent: false }
    }

    fn opened(width: u16, height: u16) -> Self {
        let mut harness = Self::new(width, height);
        let place = SessionInfo {
            person: "Ann".to_owned(),
            database: "/home/ann/mecapy.db".to_owned(),
            isolation: Isolation::Local,
            ask: false,
            sandbox: "E2".to_owned(),
            ready: true,
            limits: Limits::default(),
        };
        harness.send(Msg::Opened(Ok(Box::new(place))));
        harness
    }

    /// A message, and everything that follows from it.
    fn send(&mut self, msg: Msg) {
        let mut effects = VecDeque::from(self.app.update(msg, self.now));
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Start { ticket, request, .. } if !self.silent => {
                    for reply in self.answer(request) {
                        effects.extend(self.app.update(Msg::Reply(ticket, Ok(reply)), self.now));
                    }
                }
                Effect::Start { .. } => {}
                other => self.done.push(other),
            }
        }
    }

    fn answer(&mut self, request: Request) -> Vec<Reply> {
        match request {
            Request::ListCalculations { .. } | Request::ListActive => vec![Reply::Calculations(self.rows())],
            Request::CountCalculations(_) => vec![Reply::Count(self.made.len() as u64)],
            Request::ListTools { .. } => vec![Reply::Tools(Page {
                rows: vec![self.tool.clone()],
                cursors: vec![Cursor { value: CursorValue::Null, id: 4 }],
                more_before: false,
                more_after: false,
            })],
            Request::LoadTool(_) => vec![Reply::Tool(Box::new(self.tool.clone()))],
            Request::SaveCalculation { calculation, run, .. } => {
                self.made.push(*calculation);
                let id = CalculationId(self.made.len() as i64);
                vec![if run { Reply::Submitted(id, RunId(uuid::Uuid::nil())) } else { Reply::Saved(id) }]
            }
            Request::Watch(id) => vec![
                Reply::Live(Box::new(RunState {
                    name: self.made[id.0 as usize - 1].name.clone(),
                    phase: Phase::Running,
                    status: Status::Running,
                    started_at: Some(self.now.utc),
                    ..RunState::new(None, id, Limits::default(), Caps::default())
                })),
                Reply::LogLength(0),
            ],
            Request::ListDrafts => vec![Reply::Drafts(Vec::new())],
            Request::KeepDraft(draft) => vec![Reply::DraftKept(draft.key)],
            _ => Vec::new(),
        }
    }

    fn rows(&self) -> Page<CalculationRow> {
        let rows: Vec<_> = self
            .made
            .iter()
            .enumerate()
            .map(|(at, made)| CalculationRow {
                status: Status::Running,
                queued: true,
                started_at: Some(self.now.utc),
                ..CalculationRow::draft(CalculationId(at as i64 + 1), made.name.clone(), self.now.utc)
            })
            .collect();
        let cursors = rows.iter().map(|row| Cursor { value: CursorValue::Null, id: row.id.0 }).collect();
        Page { rows, cursors, more_before: false, more_after: false }
    }

    fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.split_whitespace() {
            self.send(Msg::Key(key.parse().unwrap()));
        }
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            self.send(Msg::Key(Key::plain(KeyCode::Char(c))));
        }
        self
    }

    fn front(&self) -> PaneId {
        self.app.specs[self.app.front].id
    }

    fn screen(&self) -> String {
        let size = self.app.size;
        let mut terminal = Terminal::new(TestBackend::new(size.width, size.height)).unwrap();
        terminal.draw(|frame| self.app.view(frame)).unwrap();
        text_of(terminal.backend().buffer())
    }

    #[track_caller]
    fn shows(&self, words: &str) -> &Self {
        let screen = self.screen();
        assert!(screen.contains(words), "{words:?} is not on the screen:\n{screen}");
        self
    }
}

#[test]
fn the_first_minute() {
    let mut harness = Harness::opened(80, 24);
    harness.shows("No calculations yet.").shows("t  makes one from a tool");
    harness.keys("t").shows("Beam deflection");
    harness.keys("enter").shows("def calculate(load_kN=10.0):");
    harness.keys("f5").shows("running").shows("4 Monitor");
    assert_eq!(harness.made.len(), 1);
    assert_eq!(harness.made[0].tool_id, Some(ToolId(4)));
    // The runtime tells what was changed here as it tells what others change.
    harness.send(Msg::Rows(Kinds::only(Kind::Calculations)));
    harness.keys("1").shows("Beam deflection").shows("▶ running");
}

#[test]
fn the_frame_before_anything_is_open() {
    let harness = Harness::new(80, 24);
    insta::assert_snapshot!("before_open", harness.screen());
    let mut failed = Harness::new(80, 24);
    failed.send(Msg::Opened(Err(Failure::new(
        "the database /data/mecapy.db was made by a newer mecapy (it holds m011); update mecapy. Nothing was changed",
    ))));
    insta::assert_snapshot!("not_open", failed.screen());
}

#[test]
fn help_and_palette_come_from_the_commands() {
    let mut harness = Harness::opened(80, 24);
    harness.keys("?");
    insta::assert_snapshot!("help", harness.screen());
    harness.keys("G").shows("Everywhere");
    harness.keys("esc :");
    insta::assert_snapshot!("palette", harness.screen());
    // A command of another pane goes there first.
    harness.text("tools: filter").keys("enter").shows("/");
    assert_eq!(harness.front(), tools::PANE.id);
    assert!(harness.app.pane().typing());
    harness.text("q").keys("esc").keys("q");
    assert_eq!(harness.done, [Effect::Quit], "in a text field q is a letter");
}

#[test]
fn digits_and_tab_switch_and_esc_goes_back() {
    let mut harness = Harness::of(&PANES[..5], 80, 24);
    for (keys, front) in [
        ("2", tools::PANE.id),
        ("tab", editor::PANE.id),
        ("tab", monitor::PANE.id),
        ("tab", stats::PANE.id),
        ("tab", calculations::PANE.id),
        ("shift-tab", stats::PANE.id),
        ("1", calculations::PANE.id),
        ("esc", stats::PANE.id),
        ("5", stats::PANE.id),
    ] {
        harness.keys(keys);
        assert_eq!(harness.front(), front, "after {keys}");
    }
}

#[test]
fn a_seventh_pane_has_a_digit_a_tab_and_a_command() {
    static SIXTH: PaneSpec = declared("sixth", "Files and folders", "Files");
    static SEVENTH: PaneSpec = declared("seventh", "Comparison", "Compare");
    static SEVEN: &[&PaneSpec] =
        &[&calculations::PANE, &tools::PANE, &editor::PANE, &monitor::PANE, &stats::PANE, &SIXTH, &SEVENTH];
    let tabs = |harness: &Harness| harness.screen().lines().nth(1).unwrap().to_owned();
    for (width, words) in [
        (140, " 1 Calculations  2 Tools  3 Editor  4 Monitor  5 Stats  6 Files and folders  7 Comparison"),
        (80, " 1 Calc  2 Tools  3 Editor  4 Monitor  5 Stats  6 Files  7 Compare"),
        (40, " 1  2  3  4  5  6  7 Comparison"),
    ] {
        let mut harness = Harness::of(SEVEN, width, 24);
        harness.keys("7");
        assert_eq!(harness.front(), SEVENTH.id);
        assert_eq!(tabs(&harness), words);
    }
    let mut harness = Harness::of(SEVEN, 80, 24);
    harness.send(Msg::Mouse(Mouse::Click { column: 50, row: 1 }));
    assert_eq!(harness.front(), SIXTH.id, "a click means what is drawn there");
    harness.keys(":").text("seventh").shows("A pane of the tests").shows("7");
    harness.keys("enter tab");
    assert_eq!(harness.front(), calculations::PANE.id);
    harness.keys("? pagedown").shows("A pane of the tests");
}

#[test]
fn leaving_asks_only_where_text_would_be_lost() {
    let mut harness = Harness::opened(80, 24);
    harness.silent = true;
    harness.keys("n").text("x = 1").keys("ctrl-p").text("quit").keys("enter");
    harness.shows("Leave with unsaved text?");
    assert!(harness.done.is_empty());
    harness.keys("esc ctrl-p").text("quit").keys("enter y");
    assert_eq!(harness.done, [Effect::Quit]);
    // A signal asks nothing: what was typed is kept.
    let kept = harness.app.close(harness.now);
    assert!(
        kept.iter().any(|effect| matches!(effect, Effect::Start { request: Request::KeepDraft(_), .. })),
        "{kept:?}"
    );
}

#[test]
fn a_failure_stays_until_a_key_and_other_words_go_by_themselves() {
    let mut harness = Harness::opened(80, 24);
    harness.send(Msg::Notice("2 runs were looked after".to_owned()));
    harness.shows("2 runs were looked after");
    assert_eq!(harness.app.tick(), Tick::Second);
    harness.now.utc += TimeDelta::seconds(6);
    harness.send(Msg::Tick);
    assert!(!harness.screen().contains("2 runs"));
    assert_eq!(harness.app.tick(), Tick::Never, "nothing is woken for nothing");
}

#[test]
fn the_header_follows_what_would_run_code() {
    let mut harness = Harness::opened(80, 24);
    harness.shows("sandbox E2");
    harness.send(Msg::Sandbox { name: "not available".to_owned(), ready: false });
    harness.shows("sandbox not available");
    harness.send(Msg::Sandbox { name: "Docker 29.5.1".to_owned(), ready: true });
    harness.shows("sandbox Docker 29.5.1");
}

#[test]
fn any_size_at_any_time() {
    let mut harness = Harness::opened(80, 24);
    harness.send(Msg::Resize(20, 5));
    harness.shows("mecapy needs 40x10;");
    for keys in ["1", "2", "3", "4", "2 enter", "?", ":", "1 D", "q"] {
        for (width, height) in [(20, 5), (1, 1), (40, 10), (200, 60), (3, 40), (99, 11), (100, 10)] {
            harness.send(Msg::Resize(width, height));
            harness.keys(keys);
            harness.screen();
            harness.keys("esc");
            harness.screen();
        }
    }
}

#[test]
fn the_mouse_switches_tabs() {
    let mut harness = Harness::opened(80, 24);
    harness.send(Msg::Mouse(Mouse::Click { column: 20, row: 1 }));
    assert_eq!(harness.front(), tools::PANE.id);
    harness.keys("m");
    assert_eq!(harness.done, [Effect::Mouse(true)]);
}

#[test]
fn rows_that_others_change_are_loaded_where_they_are_shown() {
    let mut harness = Harness::opened(80, 24);
    harness.silent = true;
    let asked = |harness: &mut Harness, kinds| {
        let effects = harness.app.update(Msg::Rows(kinds), harness.now);
        effects.iter().any(|effect| {
            matches!(
                effect,
                Effect::Start { request: Request::ListCalculations { .. } | Request::ListTools { .. }, .. }
            )
        })
    };
    assert!(!asked(&mut harness, Kinds::only(Kind::Tools)), "the catalogue is not in front");
    assert!(asked(&mut harness, Kinds::only(Kind::Calculations)));
}

#[test]
fn a_list_that_nobody_keeps_fresh_says_so_until_somebody_does() {
    let mut harness = Harness::opened(80, 24);
    harness.send(Msg::ChangesUnavailable("The lists do not follow other programs now: the server is gone.".to_owned()));
    let screen = harness.screen();
    assert!(screen.contains("not live") && screen.contains("the server is gone"), "{screen}");
    harness.send(Msg::ChangesAvailable);
    assert!(!harness.screen().lines().next().unwrap().contains("not live"));
}

#[test]
fn what_cannot_be_seen_is_not_typed_into() {
    let mut harness = Harness::opened(80, 24);
    harness.keys("3 n").text("x = 1").shows("x = 1");
    harness.send(Msg::Resize(20, 5));
    harness.keys("a 5 enter f5 ctrl-s ?");
    harness.send(Msg::Paste("pasted".to_owned()));
    assert!(harness.made.is_empty());
    harness.shows("q").shows("quits");
    harness.keys("q");
    assert_eq!(harness.done.last(), Some(&Effect::Quit), "q quits, as it says; the text is kept as a draft");
    harness.send(Msg::Resize(80, 24));
    harness.shows("x = 1");
    assert!(!harness.screen().contains("pasted") && !harness.screen().contains("Keys"), "{}", harness.screen());
}

#[test]
fn without_a_database_nothing_is_begun_that_could_be_lost() {
    let mut harness = Harness::new(80, 24);
    harness.send(Msg::Opened(Err(Failure::new("the database /x is damaged"))));
    harness.shows("could not be opened").shows("? help  q quit");
    harness.keys("3 n x 1");
    assert!(!harness.screen().contains("new") && harness.app.pane().unsaved().is_none());
    harness.keys("?").shows("Keys (Esc closes)");
    harness.keys("esc q");
    assert_eq!(harness.done, [Effect::Quit]);
}

#[test]
fn the_editor_says_how_to_leave_it() {
    let mut harness = Harness::opened(80, 24);
    harness.keys("3 n").shows("Esc back");
    harness.keys("f6 f6");
    assert!(!harness.screen().contains("undo"), "a line of text has none:\n{}", harness.screen());
    harness.send(Msg::Resize(40, 12));
    harness.shows("3 Editor").shows(" 5");
}

#[test]
fn help_is_whole_on_a_narrow_screen() {
    let mut harness = Harness::opened(40, 24);
    harness.keys("4 ?").shows("where one stands");
}
