use super::*;
use crate::{
    domain::{
        calculation::Calculation,
        id::{ToolId, UserId},
        limits::{Caps, Limits},
        page::{Cursor, CursorValue},
        run::{Accounting, Progress, Usage},
        run_state::Phase,
    },
    tui::{
        effect::Slot,
        msg::{LogFiltered, LogLine, SessionInfo, Stream},
        pane::PaneId,
        testing::{Bench, now},
        theme::Theme,
        widgets::dialog::{Answer, Dialog},
    },
};
use chrono::TimeDelta;

fn row(id: i64, status: Status, name: &str) -> CalculationRow {
    CalculationRow {
        status,
        queued: true,
        started_at: (status != Status::Pending).then(|| now().utc - TimeDelta::seconds(12)),
        ..CalculationRow::draft(CalculationId(id), name, now().utc)
    }
}

fn page(rows: Vec<CalculationRow>) -> Reply {
    let cursors = rows.iter().map(|row| Cursor { value: CursorValue::Null, id: row.id.0 }).collect();
    Reply::Calculations(Page { rows, cursors, more_before: false, more_after: false })
}

fn live(id: i64, status: Status) -> RunState {
    let usage = Usage {
        execution_time: 12.3,
        cpu_time: 5.6,
        memory: 120 << 20,
        peak_memory: 131 << 20,
        accounting: Accounting::Shim,
    };
    RunState {
        name: "Plane truss".to_owned(),
        status,
        phase: match status {
            Status::Pending => Phase::Waiting,
            Status::Running => Phase::Running,
            _ => Phase::Over,
        },
        waiting_reason: (status == Status::Pending)
            .then(|| "2 of your runs are running on this host, which is the limit".to_owned()),
        started_at: (status != Status::Pending).then(|| now().utc - TimeDelta::seconds(12)),
        completed_at: status.is_final().then(|| now().utc),
        usage: (status != Status::Pending).then_some(usage),
        progress: (status == Status::Running).then(|| Progress {
            step: Some(42.0),
            total: Some(100.0),
            message: Some("assembling the stiffness matrix\u{1b}[31m".to_owned()),
            metrics: Vec::new(),
        }),
        isolation: Some(("E2".to_owned(), "no network, read-only system, memory stopped within 0.3 s".to_owned())),
        error_message: (status == Status::Failed)
            .then(|| "line 12: ZeroDivisionError: division by zero\nTraceback (most recent call last):".to_owned()),
        error_line: (status == Status::Failed).then_some(12),
        ..RunState::new(None, CalculationId(id), Limits::default(), Caps::default())
    }
}

fn detail(id: i64, result: &str) -> Reply {
    let calculation = Calculation {
        status: Status::Completed,
        result_data: Some(result.to_owned()),
        tool_id: Some(ToolId(1)),
        ..Calculation::draft(CalculationId(id), UserId(1), "Plane truss", "", now().utc)
    };
    Reply::Calculation(Box::new(CalculationDetail { calculation, files: Vec::new(), run: None, tool: None }))
}

fn bench() -> Bench<MonitorPane> {
    let mut bench = Bench::new(&PANE, MonitorPane::default());
    bench.event(Event::Fact(Fact::Opened(SessionInfo::default())));
    bench.clear();
    bench
}

/// The ticket of the newest request that is one of these.
fn ticket(bench: &Bench<MonitorPane>, wanted: impl Fn(&Request) -> bool) -> Ticket {
    bench
        .effects
        .iter()
        .rev()
        .find_map(|effect| match effect {
            Effect::Start { ticket, request, .. } if wanted(request) => Some(*ticket),
            _ => None,
        })
        .expect("it was not asked for")
}

fn count(bench: &Bench<MonitorPane>, wanted: impl Fn(&Request) -> bool) -> usize {
    bench.effects.iter().filter(|effect| matches!(effect, Effect::Start { request, .. } if wanted(request))).count()
}

fn say(bench: &mut Bench<MonitorPane>, reply: Reply) {
    let ticket = bench.pane.tickets.watch.expect("nothing is watched");
    bench.event(Event::Reply(ticket, Ok(reply)));
}

/// Answers all requests for lines of a log of `length` lines.
fn serve(bench: &mut Bench<MonitorPane>, length: u64) {
    serve_lines(bench, length, |number| {
        format!("\u{1b}[32mstep {number}\u{1b}[0m residual {:.3e}", 1.0 / (number + 1) as f64)
    });
}

fn serve_lines(bench: &mut Bench<MonitorPane>, length: u64, text: impl Fn(u64) -> String) {
    for _ in 0..3 {
        let asked = bench.effects.iter().rev().find_map(|effect| match effect {
            Effect::Start { ticket, request: Request::LogLines { from, count, .. }, .. } => {
                Some((*ticket, *from, *count))
            }
            _ => None,
        });
        let Some((ticket, from, count)) = asked else { return };
        bench.effects.clear();
        let line = |number: u64| LogLine {
            number,
            stream: if number % 7 == 6 { Stream::Err } else { Stream::Out },
            time: now().utc + TimeDelta::milliseconds(number as i64 * 125),
            bytes: text(number).into_bytes(),
        };
        let lines = (from..(from + u64::from(count)).min(length)).map(line).collect();
        bench.event(Event::Reply(ticket, Ok(Reply::LogLines(lines))));
    }
}

/// A running calculation with `lines` lines of log, watched.
fn watching(lines: u64) -> Bench<MonitorPane> {
    let mut bench = bench();
    bench.event(Event::Shown);
    bench.event(Event::Intent(Intent::Watch(CalculationId(3))));
    let list = ticket(&bench, |request| *request == Request::ListActive);
    bench.event(Event::Reply(list, Ok(page(vec![row(3, Status::Running, "Plane truss")]))));
    say(&mut bench, Reply::Live(Box::new(live(3, Status::Running))));
    say(&mut bench, Reply::LogLength(lines));
    serve(&mut bench, lines);
    bench.clear();
    bench
}

#[test]
fn what_runs_is_watched_first_and_others_can_be_chosen() {
    let mut bench = bench();
    bench.event(Event::Shown);
    let rows = vec![row(9, Status::Pending, "Second"), row(8, Status::Running, "First")];
    bench.reply(page(rows));
    assert_eq!(*bench.request().1, Request::Watch(CalculationId(8)));
    say(&mut bench, Reply::Live(Box::new(live(8, Status::Running))));
    let first = bench.pane.tickets.watch.unwrap();
    bench.keys("up");
    assert_eq!(*bench.request().1, Request::Watch(CalculationId(9)));
    say(&mut bench, Reply::Live(Box::new(live(9, Status::Pending))));
    assert!(bench.screen().contains("2 of your runs are running"), "{}", bench.screen());
    bench.event(Event::Reply(first, Ok(Reply::LogLength(5))));
    assert_eq!(bench.pane.log.length(), 0, "news of another run are dropped");
}

#[test]
fn what_lives_comes_before_what_has_ended() {
    let mut bench = watching(1);
    say(&mut bench, Reply::Live(Box::new(live(3, Status::Completed))));
    bench.event(Event::Hidden);
    bench.event(Event::Shown);
    let list = ticket(&bench, |request| *request == Request::ListActive);
    let rows = vec![row(5, Status::Pending, "Later"), row(4, Status::Running, "Next")];
    bench.event(Event::Reply(list, Ok(page(rows))));
    assert_eq!(*bench.request().1, Request::Watch(CalculationId(4)), "and what runs before what waits");
    // But not away from what was asked for.
    bench.event(Event::Intent(Intent::Watch(CalculationId(3))));
    bench.clear();
    bench.now.utc += TimeDelta::seconds(1);
    bench.event(Event::Tick);
    bench.reply(page(vec![row(4, Status::Running, "Next")]));
    assert_eq!(bench.pane.chosen, Some(CalculationId(3)));
}

#[test]
fn nothing_is_watched_out_of_sight() {
    let mut bench = watching(10);
    bench.event(Event::Hidden);
    assert_eq!(bench.effects, [Effect::Cancel(Slot { pane: PaneId("monitor"), name: WATCH })]);
    bench.clear();
    bench.event(Event::Fact(Fact::CalculationsChanged));
    assert!(bench.effects.is_empty());
    bench.event(Event::Shown);
    assert_eq!(count(&bench, |request| *request == Request::Watch(CalculationId(3))), 1);
    assert_eq!(bench.pane.log.length(), 10, "what is there stays");
}

#[test]
fn the_clock_ticks_only_while_something_runs() {
    let mut bench = watching(0);
    assert_eq!(bench.pane.tick(), Tick::Second);
    let before = bench.screen();
    assert!(before.contains("12 s of 30 s"), "{before}");
    bench.event(Event::Tick);
    assert_eq!(bench.screen(), before, "no second passed, nothing changed");
    bench.now.utc += TimeDelta::seconds(1);
    bench.event(Event::Tick);
    assert!(bench.screen().contains("13 s of 30 s"));
    say(&mut bench, Reply::Live(Box::new(live(3, Status::Completed))));
    let list = ticket(&bench, |request| *request == Request::ListActive);
    bench.event(Event::Reply(list, Ok(page(vec![row(3, Status::Running, "Plane truss")]))));
    bench.clear();
    bench.event(Event::Fact(Fact::RunEnded(CalculationId(3))));
    assert_eq!(
        count(&bench, |request| *request == Request::LoadCalculation(CalculationId(3))),
        1,
        "the result is stored only now"
    );
    let list = ticket(&bench, |request| *request == Request::ListActive);
    bench.event(Event::Reply(list, Ok(page(Vec::new()))));
    assert_eq!(bench.pane.tick(), Tick::Never);
    assert!(bench.screen().contains("✓ completed"), "it stays in sight\n{}", bench.screen());
}

#[test]
fn one_request_for_lines_at_a_time() {
    let mut bench = watching(100);
    bench.now.utc += TimeDelta::seconds(1);
    for length in 101..200 {
        say(&mut bench, Reply::LogLength(length));
    }
    assert_eq!(count(&bench, |request| matches!(request, Request::LogLines { .. })), 1);
    serve(&mut bench, 199);
    // More is there, and is shown a little later: a flood must not fill a slow line with frames.
    assert_eq!(bench.pane.tick(), Tick::Spinner);
    bench.now.utc += TimeDelta::milliseconds(250);
    bench.event(Event::Tick);
    serve(&mut bench, 199);
    assert_eq!(bench.pane.tick(), Tick::Second);
    assert!(bench.screen().contains("step 198"), "{}", bench.screen());
}

fn asks_lines(request: &Request) -> bool {
    matches!(request, Request::LogLines { .. })
}

#[test]
fn a_slow_log_is_shown_line_by_line() {
    let mut bench = watching(100);
    for length in 101..150 {
        bench.now.utc += TimeDelta::milliseconds(50);
        bench.clear();
        say(&mut bench, Reply::LogLength(length));
        assert_eq!(count(&bench, asks_lines), 1, "line {length} waits");
        serve(&mut bench, length);
    }
}

#[test]
fn a_flood_is_shown_as_its_bytes_allow_and_its_end_at_once() {
    // How often lines are asked for in ten seconds of a log that grows by thousands of lines each twentieth of one.
    let asked = |columns: usize, width: u16, height: u16| {
        let text = |number: u64| format!("{number:0columns$}");
        let mut bench = watching(100);
        bench.resize(width, height);
        serve(&mut bench, 100);
        let (mut times, mut length) = (0, 10_000);
        for _ in 0..200 {
            bench.now.utc += TimeDelta::milliseconds(50);
            length += 5_000;
            bench.clear();
            say(&mut bench, Reply::LogLength(length));
            times += count(&bench, asks_lines);
            serve_lines(&mut bench, length, text);
        }
        assert!(bench.screen().contains(&text(length - 1)) || bench.pane.is_behind());
        say(&mut bench, Reply::Live(Box::new(live(3, Status::Completed))));
        serve_lines(&mut bench, length, text);
        assert!(bench.screen().contains(&text(length - 1)), "the last line is there: {}", bench.screen());
        assert!(!bench.pane.is_behind());
        times
    };
    // A small window four times a second; a large one full of long lines takes 6 KB each time.
    assert!((38..=42).contains(&asked(12, 80, 21)), "{}", asked(12, 80, 21));
    assert!((11..=16).contains(&asked(140, 200, 48)), "{}", asked(140, 200, 48));
}

#[test]
fn a_key_is_answered_at_once_during_a_flood() {
    let mut bench = watching(100);
    bench.now.utc += TimeDelta::seconds(1);
    say(&mut bench, Reply::LogLength(10_000));
    serve(&mut bench, 10_000);
    say(&mut bench, Reply::LogLength(20_000));
    assert!(bench.pane.is_behind());
    bench.clear();
    bench.keys("g");
    assert_eq!(count(&bench, asks_lines), 1);
}

#[test]
fn ticks_for_the_log_do_not_load_the_list() {
    let mut bench = watching(100);
    bench.event(Event::Tick);
    bench.clear();
    for _ in 0..8 {
        bench.now.utc += TimeDelta::milliseconds(250);
        bench.event(Event::Tick);
        let list = bench.effects.iter().rev().find_map(|effect| match effect {
            Effect::Start { ticket, request: Request::ListActive, .. } => Some(*ticket),
            _ => None,
        });
        if let Some(list) = list {
            bench.event(Event::Reply(list, Ok(page(vec![row(3, Status::Running, "Plane truss")]))));
        }
    }
    assert_eq!(count(&bench, |request| *request == Request::ListActive), 2, "once a second");
}

#[test]
fn lines_that_cannot_be_had_are_not_asked_for_for_ever() {
    let mut bench = watching(0);
    say(&mut bench, Reply::LogLength(10));
    bench.fail("the log cannot be read");
    assert_eq!(count(&bench, |request| matches!(request, Request::LogLines { .. })), 1);
    assert_eq!(bench.toasts.len(), 1);
    say(&mut bench, Reply::LogLength(11));
    assert_eq!(count(&bench, |request| matches!(request, Request::LogLines { .. })), 2);
}

#[test]
fn following_stops_when_scrolled_up() {
    let mut bench = watching(100);
    assert!(bench.screen().contains("follows the end") && bench.screen().contains("step 99"));
    bench.keys("up");
    bench.now.utc += TimeDelta::seconds(1);
    say(&mut bench, Reply::LogLength(200));
    serve(&mut bench, 200);
    assert!(bench.screen().contains("lines ") && !bench.screen().contains("step 199"), "{}", bench.screen());
    bench.keys("f");
    serve(&mut bench, 200);
    assert!(bench.screen().contains("step 199"), "{}", bench.screen());
    bench.keys("g");
    serve(&mut bench, 200);
    assert!(bench.screen().contains("step 0 "), "{}", bench.screen());
}

#[test]
fn searches_with_a_count_and_again_when_the_log_grew() {
    let mut bench = watching(100);
    bench.keys("/");
    bench.text("step 7");
    bench.keys("enter");
    let wanted = Request::SearchLog { id: CalculationId(3), text: "step 7".to_owned(), limit: 100_000, within: None };
    assert_eq!(*bench.request().1, wanted);
    bench.reply(Reply::LogMatches(
        (70..80).chain([7]).collect::<std::collections::BTreeSet<_>>().into_iter().collect(),
        11,
    ));
    serve(&mut bench, 100);
    assert!(bench.screen().contains("of 11 lines"), "{}", bench.screen());
    bench.keys("n");
    assert!(bench.screen().contains("of 11 lines"), "{}", bench.screen());
    say(&mut bench, Reply::LogLength(150));
    bench.clear();
    bench.keys("N");
    assert_eq!(count(&bench, |request| matches!(request, Request::SearchLog { .. })), 1);
    bench.keys("esc");
    assert!(!bench.screen().contains("with \"step 7\""), "{}", bench.screen());
    assert!(bench.intents.is_empty());
    bench.keys("esc");
    assert_eq!(bench.intents, [Intent::Back]);
}

/// Answers a filter that leaves every tenth line of a log of `length` lines, and the requests for such lines.
fn serve_filter(bench: &mut Bench<MonitorPane>, length: u64) {
    while !bench.effects.is_empty() {
        let asked = match bench.effects.remove(0) {
            Effect::Start {
                ticket,
                request: request @ (Request::FilterLog { .. } | Request::FilteredLines { .. }),
                ..
            } => Some((ticket, request)),
            _ => None,
        };
        let reply = match asked {
            None => continue,
            Some((ticket, Request::FilterLog { from, .. })) => {
                let end = (from + 400).min(length);
                let lines = (from..end).filter(|line| line % 10 == 0).collect();
                let found = LogFiltered { lines, unfinished: false, next: end, more: end < length };
                (ticket, Reply::LogFiltered(found))
            }
            Some((ticket, Request::FilteredLines { parts, .. })) => {
                let line = |number: u64| LogLine {
                    number,
                    stream: Stream::Out,
                    time: now().utc,
                    bytes: format!("tenth {number}").into_bytes(),
                };
                let lines = parts.iter().flat_map(|(from, count)| (0..u64::from(*count)).map(move |n| from + 10 * n));
                (ticket, Reply::LogLines(lines.map(line).collect()))
            }
            Some(_) => unreachable!(),
        };
        bench.event(Event::Reply(reply.0, Ok(reply.1)));
    }
}

#[test]
fn a_filter_shows_only_some_lines_and_leads_back_to_the_same_one() {
    let mut bench = watching(1_000);
    bench.keys("&");
    bench.text("Tenth");
    bench.keys("enter");
    assert_eq!(
        *bench.request().1,
        Request::FilterLog { id: CalculationId(3), text: "Tenth".to_owned(), from: 0 },
        "from the start, step by step"
    );
    serve_filter(&mut bench, 1_000);
    assert_eq!(bench.pane.tick(), Tick::Spinner, "the newest lines wait for a tick");
    bench.now.utc += TimeDelta::seconds(1);
    bench.event(Event::Tick);
    serve_filter(&mut bench, 1_000);
    let screen = bench.screen();
    assert!(screen.contains("100 of 1 000 lines with \"Tenth\" · follows the end"), "{screen}");
    assert!(screen.contains("▸tenth 990"), "{screen}");

    // It grows, and the filter with it, looking only at what is new.
    bench.now.utc += TimeDelta::seconds(1);
    say(&mut bench, Reply::LogLength(1_020));
    let asked = ticket(&bench, |request| matches!(request, Request::FilterLog { from: 1_000, .. }));
    let found = LogFiltered { lines: vec![1_000, 1_010], unfinished: false, next: 1_020, more: false };
    bench.event(Event::Reply(asked, Ok(Reply::LogFiltered(found))));
    serve_filter(&mut bench, 1_020);
    assert!(bench.screen().contains("▸tenth 1010"), "{}", bench.screen());

    // Searching goes on among the lines that are left.
    bench.keys("/");
    bench.text("50");
    bench.keys("enter");
    let (asked, request) = bench.request();
    assert!(matches!(request, Request::SearchLog { within: Some(filter), .. } if filter == "Tenth"), "{request:?}");
    bench.event(Event::Reply(asked, Ok(Reply::LogMatches(vec![5, 15], 2))));
    bench.keys("n N");
    serve_filter(&mut bench, 1_020);
    assert!(bench.screen().contains("▸tenth 50"), "{}", bench.screen());
    assert!(bench.screen().contains("1 of 2 with \"50\""), "{}", bench.screen());

    // First the search goes, then the filter; the line stays, with what stands around it.
    bench.keys("esc down esc");
    serve(&mut bench, 1_020);
    let screen = bench.screen();
    assert!(screen.contains("▸step 60 ") && screen.contains("step 59 ") && screen.contains("step 61 "), "{screen}");
    assert!(!bench.pane.log.follows() && bench.intents.is_empty());
    bench.keys("esc");
    assert_eq!(bench.intents, [Intent::Back]);
}

#[test]
fn a_filter_that_leaves_nothing_says_so_and_an_empty_one_ends_it() {
    let mut bench = watching(50);
    bench.keys("&");
    bench.text("nothing");
    bench.keys("enter");
    let (asked, _) = bench.request();
    assert!(bench.screen().contains("still looking"), "{}", bench.screen());
    let found = LogFiltered { lines: vec![], unfinished: false, next: 50, more: false };
    bench.event(Event::Reply(asked, Ok(Reply::LogFiltered(found))));
    assert!(bench.screen().contains("No line has it. Esc shows the whole log again."), "{}", bench.screen());
    bench.keys("up g G n N");
    bench.keys("& ctrl-u enter");
    serve(&mut bench, 50);
    assert!(bench.screen().contains("Log, 50 lines · follows the end"), "{}", bench.screen());
    // Another run has a log of its own.
    bench.keys("&");
    bench.text("x");
    bench.keys("enter");
    bench.event(Event::Intent(Intent::Watch(CalculationId(4))));
    assert!(bench.pane.filter.is_none());
}

#[test]
fn stops_in_two_stages_and_shows_the_seconds() {
    let mut bench = watching(3);
    bench.keys("x");
    assert!(bench.effects.is_empty(), "nothing happens without the answer");
    bench.answer(Answer::Yes);
    assert_eq!(*bench.request().1, Request::Stop { id: CalculationId(3), now: false });
    bench.now.utc += TimeDelta::seconds(2);
    bench.event(Event::Tick);
    assert!(bench.screen().contains("killed in 3 s"), "{}", bench.screen());
    bench.now.utc += TimeDelta::seconds(4);
    assert!(bench.screen().contains("SIGKILL"), "{}", bench.screen());
    say(&mut bench, Reply::Live(Box::new(live(3, Status::Cancelled))));
    assert!(bench.screen().contains("■ cancelled"), "{}", bench.screen());
    bench.keys("x");
    assert!(bench.dialogs.is_empty(), "it has ended");
}

#[test]
fn a_question_names_a_hostile_name_by_its_marks() {
    let mut bench = watching(3);
    let mut hostile = live(3, Status::Running);
    hostile.name = format!("evil \u{1b}[31m\u{202e}{}", "x".repeat(200));
    say(&mut bench, Reply::Live(Box::new(hostile)));
    bench.keys("x");
    let Some((_, Dialog::Confirm { title, .. })) = bench.dialogs.last() else { panic!("no question") };
    assert!(title.starts_with("Stop \"evil ^[[31m<U+202E>xxx") && title.ends_with("…\"?"), "{title}");
}

#[test]
fn a_run_whose_engine_is_away_says_so() {
    let mut bench = watching(3);
    let mut alone = live(3, Status::Running);
    alone.waiting_reason = Some("the engine does not answer: the connection is refused".to_owned());
    say(&mut bench, Reply::Live(Box::new(alone)));
    assert!(bench.screen().contains("waits    the engine does not answer: the connection"), "{}", bench.screen());
    say(&mut bench, Reply::Live(Box::new(live(3, Status::Running))));
    assert!(!bench.screen().contains("waits"), "{}", bench.screen());
}

#[test]
fn a_second_stop_kills_at_once_and_without_a_question() {
    let mut bench = watching(3);
    // Told to end by somebody else: the seconds are those of the run.
    let mut stopping = live(3, Status::Running);
    (stopping.phase, stopping.killed_at) = (Phase::Stopping, Some(bench.now.utc + TimeDelta::milliseconds(3_200)));
    say(&mut bench, Reply::Live(Box::new(stopping)));
    assert!(bench.screen().contains("killed in 4 s"), "{}", bench.screen());
    bench.keys("x");
    assert!(bench.dialogs.is_empty(), "the first stop was asked for");
    assert_eq!(*bench.request().1, Request::Stop { id: CalculationId(3), now: true });
    assert!(bench.screen().contains("being killed (SIGKILL)"), "{}", bench.screen());
    let asked = bench.effects.len();
    bench.keys("x");
    assert!(bench.effects.len() == asked && bench.dialogs.is_empty(), "there is no third stage");
    bench.fail("the disk is full");
    assert!(bench.screen().contains("killed in 4 s"), "{}", bench.screen());
}

#[test]
fn a_stop_that_fails_is_told() {
    let mut bench = watching(3);
    bench.keys("x");
    bench.answer(Answer::Yes);
    bench.fail("the run belongs to node2");
    assert_eq!(bench.toasts.last().unwrap().text, "the run belongs to node2");
    assert!(!bench.pane.is_stopping());
}

#[test]
fn enter_goes_to_the_line_that_failed_or_to_the_result() {
    let mut bench = watching(3);
    bench.keys("enter");
    assert!(bench.intents.is_empty());
    say(&mut bench, Reply::Live(Box::new(live(3, Status::Failed))));
    assert!(bench.screen().contains("line 12: ZeroDivisionError"), "{}", bench.screen());
    bench.keys("enter e");
    assert_eq!(bench.intents, [Intent::EditAt(CalculationId(3), 12), Intent::EditAt(CalculationId(3), 12)]);
    bench.clear();
    say(&mut bench, Reply::Live(Box::new(live(3, Status::Completed))));
    bench.keys("enter");
    assert_eq!(bench.intents, [Intent::Show(CalculationId(3))]);
}

#[test]
fn copies_and_exports_the_log() {
    let mut bench = watching(3);
    bench.keys("y");
    assert!(
        matches!(&bench.effects[0], Effect::Copy(text) if text.lines().count() == 3 && text.starts_with("step 0 "))
    );
    assert!(bench.toasts[0].text.starts_with("Sent 3 lines"));
    bench.keys("s");
    bench.answer(Answer::Text("truss.log".to_owned()));
    let wanted = Request::ExportLog { id: CalculationId(3), path: "truss.log".into() };
    assert_eq!(*bench.request().1, wanted);
    bench.reply(Reply::Written("truss.log".into()));
    assert!(bench.toasts.last().unwrap().text.contains("truss.log"));
}

#[test]
fn screens() {
    let mut bench = watching(200);
    for second in 1..30_u32 {
        let mut live = live(3, Status::Running);
        if let Some(usage) = &mut live.usage {
            usage.execution_time += f64::from(second);
            usage.cpu_time += f64::from(second) * 0.4 + f64::from(second % 3) * 0.1;
            usage.memory += u64::from(second % 10 * 8) << 20;
        }
        say(&mut bench, Reply::Live(Box::new(live)));
    }
    insta::assert_snapshot!("running_80x24", bench.screen());
    bench.keys("t");
    bench.resize(140, 37);
    serve(&mut bench, 200);
    insta::assert_snapshot!("running_140x40", bench.screen());
    bench.resize(40, 9);
    serve(&mut bench, 200);
    insta::assert_snapshot!("running_40x12", bench.screen());
    bench.keys("z");
    bench.resize(80, 21);
    serve(&mut bench, 200);
    insta::assert_snapshot!("zoomed_80x24", bench.screen());

    let mut bench = watching(2);
    say(&mut bench, Reply::Live(Box::new(live(3, Status::Failed))));
    insta::assert_snapshot!("failed_80x24", bench.screen());

    let mut bench = watching(2);
    let mut ended = live(3, Status::Completed);
    ended.outputs = vec![("deflection.svg".to_owned(), 12_300), ("evil\u{202e}gnp.exe".to_owned(), 5)];
    ended.notes = vec!["1 file was not kept: it is a link".to_owned()];
    say(&mut bench, Reply::Live(Box::new(ended)));
    bench.reply(detail(3, r#"{"max_mm": 1.23456789, "safe": true, "forces_N": [1, 2, 3]}"#));
    insta::assert_snapshot!("completed_80x24", bench.screen());

    let mut bench = self::bench();
    bench.event(Event::Shown);
    bench.reply(page(
        (1..7).map(|id| row(id, if id < 3 { Status::Running } else { Status::Pending }, "Truss")).collect(),
    ));
    say(&mut bench, Reply::Live(Box::new(live(1, Status::Running))));
    bench.keys("down down");
    say(&mut bench, Reply::Live(Box::new(live(3, Status::Pending))));
    insta::assert_snapshot!("several_80x24", bench.screen());
    bench.resize(140, 37);
    insta::assert_snapshot!("several_140x40", bench.screen());

    let mut bench = self::bench();
    bench.event(Event::Shown);
    bench.reply(page(Vec::new()));
    insta::assert_snapshot!("empty_80x24", bench.screen());
}

#[test]
fn any_size_can_be_drawn_in_any_theme() {
    let mut bench = watching(50);
    for theme in [Theme::dark(), Theme::light(), Theme::plain()] {
        bench.theme = theme;
        for (width, height) in [(1, 1), (8, 3), (40, 7), (99, 21), (100, 21), (200, 57)] {
            bench.resize(width, height);
            serve(&mut bench, 50);
            bench.screen();
        }
    }
}

#[test]
fn without_a_run_there_is_nothing_to_follow_or_wrap() {
    let bench = Bench::new(&PANE, MonitorPane::default());
    for action in [FOLLOW, WRAP, TIMES, Action::Zoom, STOP, EXPORT] {
        assert!(!bench.pane.enabled(action), "{action:?}");
    }
}

#[test]
fn a_long_name_leaves_room_for_what_else_is_known() {
    let mut bench = watching(3);
    let mut long = live(3, Status::Running);
    long.name = "W".repeat(200);
    say(&mut bench, Reply::Live(Box::new(long)));
    for width in [40, 80, 140] {
        bench.resize(width, 21);
        let screen = bench.screen();
        assert!(screen.contains("…  id 3  started"), "{screen}");
    }
}

#[test]
fn a_watch_that_failed_is_said_and_taken_up_again() {
    let mut bench = watching(3);
    let ticket = bench.pane.tickets.watch.unwrap();
    bench.event(Event::Reply(ticket, Err(Failure::new("the database does not answer"))));
    let screen = bench.screen();
    assert!(screen.contains("not live the database does not answer") && screen.contains("Plane truss"), "{screen}");
    bench.clear();
    bench.event(Event::Fact(Fact::CalculationsChanged));
    assert!(bench.requests().contains(&Request::Watch(CalculationId(3))), "{:?}", bench.requests());
    say(&mut bench, Reply::Live(Box::new(live(3, Status::Running))));
    assert!(!bench.screen().contains("not live"));
    bench.clear();
    bench.event(Event::Fact(Fact::CalculationsChanged));
    assert!(!bench.requests().iter().any(|request| matches!(request, Request::Watch(_))), "it is watched already");
}
