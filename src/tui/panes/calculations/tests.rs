//! The list and its commands: messages in, effects out; and how it looks.

use super::*;
use crate::{
    domain::{
        calculation::Calculation,
        detail::CalculationDetail,
        id::{RunId, UserId},
        limits::Limits,
        page::{CalculationSort, Cursor, CursorValue, Page},
        run::{EngineKind, ErrorKind, RunRecord},
        status::Status,
        word::Word,
    },
    tui::{
        msg::SessionInfo,
        testing::{Bench, now},
        widgets::dialog::{Answer, Dialog},
    },
};
use chrono::TimeDelta;

fn row(id: i64, name: &str, status: Status, queued: bool) -> CalculationRow {
    let ran = status.is_final();
    CalculationRow {
        status,
        queued,
        started_at: (ran || status == Status::Running).then(|| now().utc - TimeDelta::minutes(id)),
        execution_time: ran.then_some(12.34),
        memory_used: ran.then_some(31),
        error_kind: (status == Status::Failed).then_some(Word::Known(ErrorKind::Timeout)),
        ..CalculationRow::draft(CalculationId(id), name, now().utc - TimeDelta::hours(id))
    }
}

fn rows() -> Vec<CalculationRow> {
    vec![
        row(1, "Flange bolts M12", Status::Pending, false),
        row(2, "Truss bridge", Status::Running, true),
        row(3, "Cantilever \u{202e}evil\u{1b}[2J", Status::Completed, true),
        row(4, "Mesh convergence study of the bracket", Status::Failed, true),
        row(5, "Hertz contact", Status::Pending, true),
        row(6, "Cylinder", Status::Cancelled, true),
    ]
}

fn page(rows: Vec<CalculationRow>) -> Reply {
    let cursors = rows.iter().map(|row| Cursor { value: CursorValue::Time(row.created_at), id: row.id.0 }).collect();
    Reply::Calculations(Page { rows, cursors, more_before: false, more_after: false })
}

fn detail(id: i64) -> Reply {
    let row = rows().remove((id - 1) as usize);
    Reply::Calculation(Box::new(CalculationDetail {
        calculation: Calculation {
            description: Some("Checked against VDI 2230.".to_owned()),
            status: row.status,
            started_at: row.started_at,
            parameters: Some("{\"d_mm\": 12, \"grade\": \"8.8\"}".to_owned()),
            result_data: (row.status == Status::Completed).then(|| {
                "{\"preload_kN\": 32.5, \"ok\": true, \"nodes\": [{\"x\": 1, \"u\": 0.5}, {\"x\": 2, \"u\": 0.25}]}"
                    .to_owned()
            }),
            error_message: (row.status == Status::Failed).then(|| {
                "timeout after 30 s\nTraceback (most recent call last):\n  File \"main.py\", line 12".to_owned()
            }),
            execution_time: row.execution_time,
            memory_used: row.memory_used,
            cpu_time: Some(6.1),
            limits: Some(Limits::default()),
            ..Calculation::draft(row.id, UserId(1), row.name, "def calculate(d):\n    return {}", row.created_at)
        },
        files: Vec::new(),
        run: row.queued.then(|| RunRecord {
            engine: Some(Word::Known(EngineKind::Builtin)),
            level: Some("E2".to_owned()),
            guarantee: Some("No network, private files, memory and time limited.".to_owned()),
            interpreter: Some("/usr/bin/python3 3.11.2".to_owned()),
            exit_code: Some(0),
            error_line: (row.status == Status::Failed).then_some(12),
            peak_memory: Some(31 << 20),
            ..RunRecord::queued(
                RunId(uuid::Uuid::nil()),
                (UserId(1), row.id),
                "node-7",
                Limits::default(),
                row.created_at,
            )
        }),
        tool: Some("Bolted joint".to_owned()),
    }))
}

/// The pane with six rows, the first selected and shown.
fn loaded() -> Bench<Calculations> {
    let mut bench = opened();
    reply_list(&mut bench, page(rows()));
    reply_count(&mut bench, 100_006);
    bench.reply(detail(1));
    bench.clear();
    bench
}

fn opened() -> Bench<Calculations> {
    let mut bench = Bench::new(&PANE, Calculations::default());
    bench.event(Event::Shown);
    bench.event(Event::Fact(Fact::Opened(SessionInfo::default())));
    bench
}

fn reply_list(bench: &mut Bench<Calculations>, reply: Reply) {
    let ticket = bench.ticket_of(|request| matches!(request, Request::ListCalculations { .. }));
    bench.event(Event::Reply(ticket, Ok(reply)));
}

fn reply_count(bench: &mut Bench<Calculations>, count: u64) {
    let ticket = bench.ticket_of(|request| matches!(request, Request::CountCalculations(_)));
    bench.event(Event::Reply(ticket, Ok(Reply::Count(count))));
}

fn select(bench: &mut Bench<Calculations>, id: i64) {
    bench.keys("g");
    for _ in 1..id {
        bench.keys("down");
    }
    if id > 1 {
        bench.reply(detail(id));
    }
    bench.clear();
}

#[test]
fn nothing_is_asked_before_the_database_is_open() {
    let bench = Bench::new(&PANE, Calculations::default());
    assert!(bench.effects.is_empty());
    assert!(bench.screen().contains("Opening…"));
    let mut bench = opened();
    assert!(matches!(bench.requests()[..], [Request::ListCalculations { .. }]), "{:?}", bench.requests());
    reply_list(&mut bench, page(rows()));
    assert!(bench.requests().iter().any(|request| matches!(request, Request::CountCalculations(_))), "then the count");
}

#[test]
fn an_empty_list_says_what_to_press() {
    let mut bench = opened();
    reply_list(&mut bench, page(Vec::new()));
    let screen = bench.screen();
    assert!(screen.contains("t  makes one from a tool") && screen.contains("n  writes a new one"), "{screen}");
    bench.keys("t");
    assert_eq!(bench.intents, [Intent::ChooseTool]);
}

#[test]
fn run_starts_a_draft_and_copies_what_is_finished() {
    let mut bench = loaded();
    bench.keys("r");
    assert_eq!(bench.request().1, &Request::Submit { id: CalculationId(1), pull: false });
    bench.reply(Reply::Submitted(CalculationId(1), RunId(uuid::Uuid::nil())));
    assert_eq!(bench.intents, [Intent::Watch(CalculationId(1))], "a run is watched");
    select(&mut bench, 3);
    bench.keys("f5");
    assert_eq!(bench.request().1, &Request::RunAgain(CalculationId(3)));
    select(&mut bench, 2);
    bench.keys("r");
    assert!(bench.effects.is_empty(), "it runs already");
}

#[test]
fn an_image_that_is_not_here_is_asked_for_before_it_is_fetched() {
    let mut bench = loaded();
    bench.keys("r");
    bench.reply(Reply::ImageMissing(CalculationId(1), "of.lab/fem:\u{202e}1".into()));
    assert!(bench.intents.is_empty(), "nothing runs yet");
    bench.answer(Answer::Yes);
    assert_eq!(bench.request().1, &Request::Submit { id: CalculationId(1), pull: true });
    bench.reply(Reply::Submitted(CalculationId(1), RunId(uuid::Uuid::nil())));
    assert_eq!(bench.intents, [Intent::Watch(CalculationId(1))]);
}

#[test]
fn enter_opens_what_fits_the_state() {
    let mut bench = loaded();
    for (id, intent) in [
        (1, Intent::Edit(CalculationId(1))),
        (2, Intent::Watch(CalculationId(2))),
        (5, Intent::Watch(CalculationId(5))),
    ] {
        select(&mut bench, id);
        bench.keys("enter");
        assert_eq!(bench.intents, [intent]);
    }
    select(&mut bench, 3);
    bench.keys("enter");
    assert!(bench.intents.is_empty() && bench.pane.zoomed);
    bench.keys("esc");
    assert!(!bench.pane.zoomed);
    bench.keys("R");
    assert_eq!(bench.intents, [Intent::EditCopy(CalculationId(3))]);
}

#[test]
fn stop_asks_by_name_and_only_what_lives() {
    let mut bench = loaded();
    select(&mut bench, 3);
    bench.keys("x");
    assert!(bench.dialogs.is_empty());
    select(&mut bench, 2);
    bench.keys("x");
    let Some((_, Dialog::Confirm { title, danger, .. })) = bench.dialogs.last() else { panic!() };
    assert_eq!((title.as_str(), *danger), ("Stop \"Truss bridge\"?", true));
    bench.answer(Answer::Yes);
    assert_eq!(bench.request().1, &Request::StopAll(vec![CalculationId(2)]));
    bench.reply(Reply::Stopped(1, vec![]));
    assert_eq!(bench.toasts.pop().unwrap().text, "1 calculation was told to stop");
    bench.clear();
    // One that waits, and several at once.
    select(&mut bench, 5);
    bench.keys("x");
    let Some((_, Dialog::Confirm { lines, .. })) = bench.dialogs.last() else { panic!() };
    assert_eq!(lines[0], "It has not started: it is taken out of the queue.");
    bench.dialogs.clear();
    bench.keys("space space x");
    let Some((_, Dialog::Confirm { title, lines, verb, .. })) = bench.dialogs.last() else { panic!() };
    assert_eq!((title.as_str(), verb.as_str()), ("Stop 2 calculations?", "stop all 2"));
    assert!(lines.len() == 3 && lines[1] == "  Cylinder", "{lines:?}");
    bench.answer(Answer::Yes);
    assert_eq!(bench.request().1, &Request::StopAll(vec![CalculationId(5), CalculationId(6)]));
    bench.reply(Reply::Stopped(1, vec![(CalculationId(6), "it was over before".to_owned())]));
    assert!(bench.toasts[0].text.contains("1 calculation was told to stop; 1 not: 6: it was over"));
    assert!(bench.pane.table.marked().is_empty());
}

#[test]
fn delete_names_one_and_counts_many() {
    let mut bench = loaded();
    select(&mut bench, 2);
    bench.keys("D");
    let Some((_, Dialog::Confirm { title, .. })) = bench.dialogs.last() else { panic!() };
    assert_eq!(title, "Delete \"Truss bridge\"?", "a run may be over before its row says so");
    bench.answer(Answer::Yes);
    bench.reply(Reply::Deleted(0, vec![(CalculationId(2), "it is running; stop it first".to_owned())]));
    assert!(bench.toasts[0].text.contains("2: it is running"), "{:?}", bench.toasts);
    bench.clear();
    select(&mut bench, 4);
    bench.keys("space space D");
    let Some((_, Dialog::Confirm { title, lines, verb, .. })) = bench.dialogs.last() else { panic!() };
    assert_eq!((title.as_str(), verb.as_str()), ("Delete 2 calculations?", "delete all 2"));
    assert_eq!(lines[0], "  Mesh convergence study of the bracket");
    bench.answer(Answer::Yes);
    assert_eq!(bench.request().1, &Request::DeleteCalculations(vec![CalculationId(4), CalculationId(5)]));
    bench.reply(Reply::Deleted(1, vec![(CalculationId(5), "it waits for its turn; stop it first".to_owned())]));
    assert!(bench.toasts[0].text.contains("1 calculation deleted; 1 not: 5: it waits"), "{:?}", bench.toasts);
    assert!(bench.pane.table.marked().is_empty());
}

#[test]
fn filter_states_and_order_make_the_query() {
    let mut bench = loaded();
    bench.keys("/");
    bench.text("bolt");
    bench.keys("enter s");
    bench.answer(Answer::ChosenMany(vec![3, 4]));
    bench.keys("o");
    bench.answer(Answer::Chosen(6));
    let requests = bench.requests();
    let Some(Request::ListCalculations { query, page }) =
        requests.iter().rev().find(|request| matches!(request, Request::ListCalculations { .. }))
    else {
        panic!()
    };
    assert_eq!(query.text, "bolt");
    assert_eq!(query.statuses, [Status::Failed, Status::Cancelled]);
    assert_eq!((query.sort, query.ascending), (CalculationSort::Duration, false));
    assert_eq!(page.anchor, None);
    // Esc takes them away one by one, then leaves.
    bench.keys("esc esc");
    assert_eq!(bench.pane.query.text, "");
    assert!(bench.pane.query.statuses.is_empty());
    bench.keys("esc");
    assert_eq!(bench.intents, [Intent::Back]);
}

#[test]
fn a_change_reloads_once_it_is_seen_and_the_selection_stays() {
    let mut bench = loaded();
    select(&mut bench, 3);
    bench.event(Event::Hidden);
    bench.event(Event::Fact(Fact::RunEnded(CalculationId(2))));
    assert!(bench.effects.is_empty(), "nobody looks");
    bench.event(Event::Shown);
    let mut fresh = rows();
    fresh.insert(0, row(7, "Brand new", Status::Pending, false));
    reply_list(&mut bench, page(fresh));
    assert_eq!(bench.pane.table.selected_id(), Some(3));
    assert!(bench.screen().contains("Brand new"));
}

#[test]
fn changes_that_come_faster_than_the_list_is_read_wait_for_it() {
    let mut bench = loaded();
    for _ in 0..5 {
        bench.event(Event::Fact(Fact::CalculationsChanged));
    }
    let lists = |bench: &Bench<Calculations>| {
        bench.requests().iter().filter(|request| matches!(request, Request::ListCalculations { .. })).count()
    };
    assert_eq!(lists(&bench), 1);
    reply_list(&mut bench, page(rows()));
    assert_eq!(lists(&bench), 2, "what changed meanwhile is read");
    reply_list(&mut bench, page(rows()));
    assert_eq!(lists(&bench), 2, "and then there is rest");
}

#[test]
fn a_detail_asked_for_by_name_stays_until_the_list_is_used() {
    let mut bench = loaded();
    bench.event(Event::Intent(Intent::Show(CalculationId(3))));
    bench.reply(detail(3));
    bench.event(Event::Fact(Fact::CalculationsChanged));
    reply_list(&mut bench, page(vec![row(1, "Flange bolts M12", Status::Pending, false)]));
    assert_eq!(bench.pane.shown, Some(CalculationId(3)));
    assert!(bench.screen().contains("preload_kN"));
    bench.keys("esc");
    assert_eq!(bench.pane.shown, Some(CalculationId(1)));
}

#[test]
fn failures_are_said_and_keep_what_was_there() {
    let mut bench = loaded();
    bench.keys("r");
    bench.fail("the run could not be queued: no space left in /state/spool; free some and press r again");
    assert!(bench.toasts[0].text.contains("no space left"));
    reply_list(&mut bench, page(rows()));
    bench.keys("ctrl-r");
    let ticket = bench.ticket_of(|request| matches!(request, Request::ListCalculations { .. }));
    bench.event(Event::Reply(ticket, Err(Failure::new("the database is locked"))));
    let screen = bench.screen();
    assert!(screen.contains("✗ the database is locked") && screen.contains("Flange bolts"), "{screen}");
}

#[test]
fn looks() {
    let mut bench = loaded();
    insta::assert_snapshot!("draft_80x21", bench.screen());
    select(&mut bench, 3);
    bench.resize(140, 37);
    insta::assert_snapshot!("result_140x37", bench.screen());
    select(&mut bench, 4);
    bench.keys("z");
    bench.resize(80, 21);
    insta::assert_snapshot!("failure_80x21", bench.screen());
    bench.keys("z");
    bench.resize(40, 9);
    insta::assert_snapshot!("small_40x9", bench.screen());
}

#[test]
fn no_size_is_too_small_and_nothing_hostile_gets_through() {
    let mut bench = loaded();
    select(&mut bench, 3);
    for width in [1, 2, 3, 7, 20, 40, 99, 100, 140, 200] {
        for height in [1, 2, 3, 5, 9, 60] {
            bench.resize(width, height);
            let screen = bench.screen();
            assert!(!screen.contains(['\u{1b}', '\u{202e}']));
            bench.keys("z G / esc z");
            bench.screen();
            bench.keys("esc");
        }
    }
}

#[test]
fn one_marked_row_is_named_and_told_what_happens_to_it() {
    let mut bench = loaded();
    select(&mut bench, 5);
    // The next row, which has ended, is selected then.
    bench.keys("space x");
    let Some((_, Dialog::Confirm { title, lines, verb, .. })) = bench.dialogs.last() else { panic!() };
    assert_eq!((title.as_str(), verb.as_str()), ("Stop \"Hertz contact\"?", "stop it"));
    assert_eq!(*lines, ["It has not started: it is taken out of the queue."]);
    bench.dialogs.clear();
    bench.keys("D");
    let Some((_, Dialog::Confirm { title, lines, .. })) = bench.dialogs.last() else { panic!() };
    assert_eq!((title.as_str(), lines.len()), ("Delete \"Hertz contact\"?", 1));
}

#[test]
fn a_long_name_does_not_fill_the_question() {
    let mut bench = opened();
    let long = "\u{1b}W".repeat(100);
    reply_list(&mut bench, page((1..4).map(|id| row(id, &long, Status::Completed, true)).collect()));
    bench.keys("space space D");
    let Some((_, Dialog::Confirm { lines, .. })) = bench.dialogs.last() else { panic!() };
    assert!(lines[..2].iter().all(|line| line.ends_with('…') && line.chars().count() < 70), "{lines:?}");
}

#[test]
fn looking_for_a_name_leaves_the_detail_that_was_asked_for() {
    let mut bench = loaded();
    bench.event(Event::Intent(Intent::Show(CalculationId(3))));
    bench.reply(detail(3));
    bench.keys("/");
    bench.text("nothing like this");
    reply_list(&mut bench, page(Vec::new()));
    bench.keys("enter");
    assert_eq!(bench.pane.shown, None);
    assert!(!bench.pane.enabled(Action::Delete), "nothing is selected and nothing is shown");
}

#[test]
fn what_is_deleted_is_not_looked_for_again() {
    let mut bench = loaded();
    bench.event(Event::Intent(Intent::Show(CalculationId(3))));
    bench.reply(detail(3));
    bench.keys("D");
    bench.answer(Answer::Yes);
    bench.reply(Reply::Deleted(1, vec![]));
    bench.clear();
    bench.event(Event::Fact(Fact::CalculationsChanged));
    assert!(!bench.requests().contains(&Request::LoadSelected(CalculationId(3))), "{:?}", bench.requests());
    let mut left = rows();
    left.remove(2);
    reply_list(&mut bench, page(left));
    assert!(!bench.pane.zoomed && bench.pane.shown.is_some_and(|id| id.0 != 3));
}

#[test]
fn the_result_of_the_row_before_is_not_copied() {
    let mut bench = loaded();
    select(&mut bench, 3);
    bench.keys("down");
    assert!(!bench.pane.enabled(Action::Copy), "the detail of this row is not here yet");
    bench.keys("up");
    bench.reply(detail(3));
    assert!(bench.pane.enabled(Action::Copy));
}

#[test]
fn a_copy_that_cannot_run_is_told_of() {
    let mut bench = loaded();
    select(&mut bench, 3);
    bench.keys("r");
    bench.reply(Reply::NotStarted(CalculationId(9), Failure::new("no engine is here")));
    assert_eq!(bench.toasts[0].text, "Calculation 9 was made, and not run: no engine is here");
}
