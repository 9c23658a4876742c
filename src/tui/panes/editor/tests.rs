use super::*;
use crate::{
    domain::{
        calculation::{Calculation, NewCalculation},
        detail::CalculationDetail,
        id::{CalculationId, RunId, ToolId, ToolVersionId, UserId},
        limits::Limits,
        run::RunRecord,
        status::Status,
        tool::Tool,
    },
    tui::{
        msg::{Failure, SessionInfo},
        request::{Draft, DraftKey},
        testing::{self, Bench, now},
        widgets::toast::Kind,
    },
};

const BEAM: &str = "import math\n\n\ndef calculate(length_m: float = 2.5, load_kN: float = 10.0) -> dict:\n    \"\"\"Deflection of a cantilever.\"\"\"\n    # Gere, table G-1, case 4\n    ei = 210e9 * 1.943e-5\n    return {\"mm\": 1e6 * load_kN * length_m**3 / (3 * ei), \"ok\": True}\n";

fn tool() -> Tool {
    Tool {
        name: "beam".to_owned(),
        display_name: "Cantilever beam".to_owned(),
        description: "Deflection".to_owned(),
        version: "1.0".to_owned(),
        code_template: BEAM.to_owned(),
        limits: Limits { timeout: 60, memory_limit: 512, cpu_limit: 1.5 },
        current_version: Some(ToolVersionId(70)),
        ..testing::tool(7)
    }
}

fn row(id: i64, status: Status) -> Calculation {
    Calculation {
        description: Some("of the bridge".to_owned()),
        status,
        parameters: Some("{\"x\": 1}".to_owned()),
        error_message: (status == Status::Failed)
            .then(|| "line 2: ZeroDivisionError: division by zero\nTraceback".to_owned()),
        limits: Some(Limits::default()),
        tool_id: Some(ToolId(7)),
        tool_version_id: Some(ToolVersionId(70)),
        ..Calculation::draft(CalculationId(id), UserId(1), "Beam", "a = 1\nb = a / 0\n", now().utc)
    }
}

fn detail(id: i64, status: Status) -> Reply {
    let (run, whose) = (RunId(uuid::Uuid::nil()), (UserId(1), CalculationId(id)));
    let run = (status != Status::Pending).then(|| RunRecord {
        error_line: Some(2),
        ..RunRecord::queued(run, whose, "node1", Limits::default(), now().utc)
    });
    Reply::Calculation(Box::new(CalculationDetail { calculation: row(id, status), files: Vec::new(), run, tool: None }))
}

fn bench() -> Bench<EditorPane> {
    let mut bench = Bench::new(&PANE, EditorPane::default());
    bench.event(Event::Fact(Fact::Opened(SessionInfo::default())));
    bench.reply(Reply::Drafts(Vec::new()));
    bench.clear();
    bench
}

fn from_tool() -> Bench<EditorPane> {
    let mut bench = bench();
    bench.event(Event::Intent(Intent::FromTool(ToolId(7))));
    assert_eq!(*bench.request().1, Request::LoadTool(ToolId(7)));
    bench.reply(Reply::Tool(Box::new(tool())));
    bench.clear();
    bench
}

fn editing(id: i64, status: Status) -> Bench<EditorPane> {
    let mut bench = bench();
    bench.event(Event::Intent(Intent::Edit(CalculationId(id))));
    bench.reply(detail(id, status));
    bench.clear();
    bench
}

fn code(bench: &Bench<EditorPane>) -> &str {
    bench.pane.document.as_ref().unwrap().code.text()
}

fn saved_calculation(bench: &Bench<EditorPane>) -> (Option<CalculationId>, NewCalculation, bool) {
    match bench.request().1 {
        Request::SaveCalculation { id, calculation, run } => (*id, (**calculation).clone(), *run),
        other => panic!("{other:?}"),
    }
}

fn kept_drafts(bench: &Bench<EditorPane>) -> Vec<&Draft> {
    let kept = |effect: &'_ Effect| matches!(effect, Effect::Start { request: Request::KeepDraft(_), .. });
    bench
        .effects
        .iter()
        .filter(|effect| kept(effect))
        .map(|effect| match effect {
            Effect::Start { request: Request::KeepDraft(draft), .. } => draft.as_ref(),
            _ => unreachable!(),
        })
        .collect()
}

#[test]
fn from_a_tool_one_key_runs_it() {
    let mut bench = from_tool();
    assert_eq!(bench.pane.unsaved(), None, "nothing was typed yet");
    bench.keys("f5");
    let (id, calculation, run) = saved_calculation(&bench);
    assert_eq!((id, run), (None, true));
    assert_eq!(calculation.name, "Cantilever beam");
    assert_eq!(calculation.tool_version_id, Some(ToolVersionId(70)));
    assert_eq!(calculation.limits, tool().limits);
    assert_eq!(calculation.parameters.as_deref(), Some("{\n  \"length_m\": 2.5,\n  \"load_kN\": 10.0\n}"));
    bench.reply(Reply::Submitted(CalculationId(12), RunId(uuid::Uuid::nil())));
    assert_eq!(bench.intents, [Intent::Watch(CalculationId(12))]);
    // Run again: what has run stays as it ran.
    bench.keys("f5");
    let (id, calculation, _) = saved_calculation(&bench);
    assert_eq!((id, calculation.parent_id), (None, Some(CalculationId(12))));
}

#[test]
fn an_edited_copy_has_everything_else_as_it_was() {
    use crate::domain::{
        calculation::InputLink,
        file::{FileRole, LinkedFile, UserFile},
        id::FileId,
    };
    let file = |id, file_role: FileRole, alias: Option<&str>| LinkedFile {
        file: UserFile {
            id: FileId(id),
            user_id: UserId(1),
            filename: "grid.csv".to_owned(),
            original_filename: "grid.csv".to_owned(),
            file_size: 1,
            content_type: "text/csv".to_owned(),
            s3_key: format!("key/{id}"),
            s3_bucket: "local".to_owned(),
            s3_url: String::new(),
            uploaded_at: now().utc,
            is_public: false,
            description: None,
            file_hash: None,
        },
        file_role,
        alias: alias.map(str::to_owned),
    };
    let mut bench = bench();
    bench.event(Event::Intent(Intent::EditCopy(CalculationId(12))));
    let Reply::Calculation(mut detail) = detail(12, Status::Completed) else { unreachable!() };
    detail.files = vec![
        file(3, FileRole::Input, Some("mesh")),
        file(4, FileRole::from("reference".to_owned()), None),
        file(5, FileRole::Output, None),
        file(6, FileRole::Log, None),
    ];
    bench.reply(Reply::Calculation(detail));
    bench.text("# ");
    bench.keys("f5");
    let (id, copy, run) = saved_calculation(&bench);
    assert_eq!((id, copy.parent_id, run), (None, Some(CalculationId(12)), true));
    assert_eq!((copy.tool_id, copy.tool_version_id), (Some(ToolId(7)), Some(ToolVersionId(70))));
    assert_eq!((copy.description.as_deref(), copy.limits), (Some("of the bridge"), Limits::default()));
    let link = |id, file_role, alias: Option<&str>| InputLink {
        file_id: FileId(id),
        file_role,
        alias: alias.map(str::to_owned),
    };
    let read = FileRole::from("reference".to_owned());
    assert_eq!(copy.inputs, [link(3, FileRole::Input, Some("mesh")), link(4, read, None)]);
}

#[test]
fn a_pending_row_is_saved_itself_and_a_finished_one_as_a_copy() {
    let mut bench = editing(5, Status::Pending);
    bench.text("# x");
    bench.keys("enter ctrl-s");
    let (id, calculation, run) = saved_calculation(&bench);
    assert_eq!((id, calculation.parent_id, run), (Some(CalculationId(5)), None, false));
    assert_eq!(calculation.code, "# x\na = 1\nb = a / 0\n");
    assert_eq!(calculation.description.as_deref(), Some("of the bridge"), "what is not edited here stays");

    let mut bench = editing(6, Status::Failed);
    bench.text("#");
    bench.keys("ctrl-s");
    let (id, calculation, _) = saved_calculation(&bench);
    assert_eq!((id, calculation.parent_id), (None, Some(CalculationId(6))));
    bench.reply(Reply::Saved(CalculationId(9)));
    assert_eq!(bench.pane.unsaved(), None);
    bench.text("#");
    bench.keys("ctrl-s");
    assert_eq!(saved_calculation(&bench).0, Some(CalculationId(9)), "the copy is a row that never ran");
}

#[test]
fn a_refused_save_keeps_everything_and_goes_to_the_field() {
    let mut bench = editing(5, Status::Pending);
    bench.text("z = 3;");
    bench.keys("ctrl-s");
    let ticket = bench.request().0;
    let failure = Failure { message: "timeout: 30 s is outside 1 to 20 s".to_owned(), field: Some("timeout") };
    bench.event(Event::Reply(ticket, Err(failure)));
    assert_eq!(bench.pane.field, Field::Timeout);
    assert_eq!(bench.toasts.last().unwrap().kind, Kind::Bad);
    assert!(bench.pane.unsaved().is_some() && code(&bench).starts_with("z = 3;"));
}

#[test]
fn a_row_that_was_started_meanwhile_becomes_a_copy() {
    let mut bench = editing(5, Status::Pending);
    bench.text("#");
    bench.keys("ctrl-s");
    bench.fail("calculation 5 was started");
    assert_eq!(*bench.request().1, Request::LoadCalculation(CalculationId(5)));
    bench.reply(detail(5, Status::Running));
    bench.keys("ctrl-s");
    assert_eq!(saved_calculation(&bench).0, None);
    assert!(code(&bench).starts_with('#'));
}

#[test]
fn what_is_typed_is_kept_as_a_draft_within_a_second() {
    let mut bench = editing(5, Status::Pending);
    assert_eq!(bench.pane.tick(), Tick::Never);
    bench.text("abc");
    assert!(bench.effects.is_empty(), "not at every key");
    assert_eq!(bench.pane.tick(), Tick::Second);
    bench.event(Event::Tick);
    assert_eq!(bench.pane.tick(), Tick::Never);
    let drafts = kept_drafts(&bench);
    assert_eq!((drafts.len(), drafts[0].key.clone()), (1, DraftKey::Saved(CalculationId(5))));
    assert!(drafts[0].calculation.code.starts_with("abc"));
    bench.clear();
    bench.keys("backspace backspace backspace");
    bench.event(Event::Hidden);
    assert_eq!(*bench.request().1, Request::ForgetDraft(DraftKey::Saved(CalculationId(5))), "nothing is unsaved");
}

#[test]
fn a_save_forgets_the_draft_but_not_what_was_typed_meanwhile() {
    let mut bench = editing(5, Status::Pending);
    bench.text("a");
    bench.event(Event::Tick);
    bench.keys("ctrl-s");
    let ticket = bench.request().0;
    bench.text("b");
    bench.clear();
    bench.event(Event::Reply(ticket, Ok(Reply::Saved(CalculationId(5)))));
    assert_eq!(*bench.request().1, Request::ForgetDraft(DraftKey::Saved(CalculationId(5))));
    assert!(bench.pane.unsaved().is_some());
    bench.event(Event::Tick);
    assert!(kept_drafts(&bench)[0].calculation.code.starts_with("ab"));
}

#[test]
fn an_unsaved_text_is_offered_at_the_next_opening() {
    let mut bench = Bench::new(&PANE, EditorPane::default());
    bench.event(Event::Fact(Fact::Opened(SessionInfo::default())));
    let mut calculation = editing(5, Status::Pending).pane.document.unwrap().as_typed();
    calculation.code = "typed = 1\n".to_owned();
    let draft = Draft { key: DraftKey::Saved(CalculationId(5)), kept_at: now().utc, calculation };
    bench.reply(Reply::Drafts(vec![draft.clone()]));
    assert!(bench.toasts[0].text.contains("unsaved text"));
    assert!(bench.screen().contains("calculation 5"), "{}", bench.screen());

    // From the list of unsaved texts.
    bench.keys("enter");
    bench.reply(detail(5, Status::Pending));
    assert_eq!(code(&bench), "typed = 1\n");
    assert!(bench.pane.unsaved().is_some());

    // Or when the calculation is opened.
    let mut bench = Bench::new(&PANE, EditorPane::default());
    bench.event(Event::Fact(Fact::Opened(SessionInfo::default())));
    bench.reply(Reply::Drafts(vec![draft]));
    bench.event(Event::Intent(Intent::Edit(CalculationId(5))));
    bench.reply(detail(5, Status::Pending));
    assert_eq!(code(&bench), "a = 1\nb = a / 0\n");
    bench.answer(Answer::Yes);
    assert_eq!(code(&bench), "typed = 1\n");
    bench.keys("ctrl-s");
    assert_eq!(saved_calculation(&bench).0, Some(CalculationId(5)));
}

#[test]
fn a_draft_whose_row_is_gone_becomes_a_new_calculation() {
    let mut bench = Bench::new(&PANE, EditorPane::default());
    bench.event(Event::Fact(Fact::Opened(SessionInfo::default())));
    let calculation = editing(5, Status::Pending).pane.document.unwrap().as_typed();
    let key = DraftKey::Saved(CalculationId(5));
    bench.reply(Reply::Drafts(vec![Draft { key, kept_at: now().utc, calculation }]));
    bench.keys("enter");
    bench.fail("no calculation 5");
    assert_eq!(code(&bench), "a = 1\nb = a / 0\n");
    bench.keys("ctrl-s");
    assert_eq!(saved_calculation(&bench).0, None);
}

#[test]
fn another_calculation_leaves_the_unsaved_text_as_a_draft() {
    let mut bench = editing(5, Status::Pending);
    bench.text("mine");
    bench.event(Event::Intent(Intent::New));
    assert!(kept_drafts(&bench)[0].calculation.code.starts_with("mine"));
    assert!(bench.toasts.last().unwrap().text.contains("kept as a draft"));
    assert!(code(&bench).contains("def calculate"));
}

#[test]
fn leaving_asks_only_with_unsaved_text() {
    let mut bench = editing(5, Status::Pending);
    bench.keys("esc");
    assert_eq!((bench.intents.len(), bench.dialogs.len()), (1, 0));
    bench.clear();
    bench.text("x");
    bench.keys("esc");
    assert_eq!((bench.intents.len(), bench.dialogs.len()), (0, 1));
    bench.answer(Answer::Chosen(1));
    assert_eq!(bench.intents, [Intent::Back]);
    assert_eq!(kept_drafts(&bench).len(), 1);
    bench.clear();
    bench.keys("esc");
    bench.answer(Answer::Chosen(0));
    assert!(bench.intents.is_empty(), "first it must be safe");
    bench.reply(Reply::Saved(CalculationId(5)));
    assert_eq!(bench.intents, [Intent::Back]);
    bench.clear();
    bench.text("y");
    bench.keys("esc");
    bench.answer(Answer::Chosen(2));
    assert_eq!(bench.intents, [Intent::Back]);
    assert!(bench.pane.document.is_none());
}

#[test]
fn code_that_python_will_refuse_runs_only_when_asked_twice() {
    let mut bench = editing(5, Status::Pending);
    bench.text("f(");
    bench.keys("f5");
    assert!(bench.effects.is_empty());
    assert!(bench.toasts.last().unwrap().text.starts_with("line 1: `(` is never closed"));
    bench.keys("f5");
    assert!(saved_calculation(&bench).2);
}

#[test]
fn bad_fields_are_refused_where_they_are() {
    let mut bench = from_tool();
    bench.keys("f6 delete");
    bench.keys("ctrl-s");
    assert_eq!(bench.pane.field, Field::Parameters);
    assert!(bench.toasts.last().unwrap().text.contains("line 2 column"), "{:?}", bench.toasts);
    assert!(bench.screen().contains("not valid JSON"), "{}", bench.screen());
    bench.keys("ctrl-z f6 f6");
    assert_eq!(bench.pane.field, Field::Timeout);
    bench.keys("ctrl-u");
    bench.text("0");
    bench.keys("ctrl-s");
    assert!(bench.toasts.last().unwrap().text.contains("timeout"), "{:?}", bench.toasts);
    assert!(bench.effects.is_empty());
}

#[test]
fn a_paste_past_the_limit_is_kept_and_marked() {
    let mut bench = from_tool();
    bench.event(Event::Paste("x = 1\n".repeat(2_000)));
    assert!(code(&bench).len() > 12_000);
    assert!(bench.screen().contains("too many"), "{}", bench.screen());
    bench.keys("f5");
    assert!(bench.effects.is_empty());
    assert!(bench.toasts.last().unwrap().text.contains("the limit is 10000"));
    bench.keys("ctrl-z");
    assert_eq!(code(&bench), BEAM);
}

#[test]
fn unknown_parameters_are_told_while_typing() {
    let mut bench = from_tool();
    bench.keys("f6 down right right right right");
    bench.text("x");
    assert!(bench.screen().contains("did you mean \"length_m\"?"), "{}", bench.screen());
    bench.keys("f6 f5");
    assert!(bench.effects.is_empty() && bench.pane.field == Field::Parameters);
    assert!(bench.toasts.last().unwrap().text.contains("Once more"));
    bench.keys("f5");
    assert!(saved_calculation(&bench).2);
}

#[test]
fn a_new_calculation_has_the_configured_limits() {
    let mut bench = Bench::new(&PANE, EditorPane::default());
    let limits = Limits { timeout: 7, memory_limit: 99, cpu_limit: 2.0 };
    bench.event(Event::Fact(Fact::Opened(SessionInfo { limits, ..SessionInfo::default() })));
    bench.event(Event::Intent(Intent::New));
    bench.keys("f5");
    assert_eq!(saved_calculation(&bench).1.limits, limits);
}

#[test]
fn parameters_follow_the_code_until_somebody_changes_them() {
    let mut bench = bench();
    bench.event(Event::Intent(Intent::New));
    let parameters = |bench: &Bench<EditorPane>| bench.pane.document.as_ref().unwrap().parameters.text().to_owned();
    assert_eq!(parameters(&bench), "{\n  \"length_mm\": 100.0\n}");
    bench.event(Event::Paste("def calculate(a=1): pass\n#".to_owned()));
    bench.keys("ctrl-k ctrl-k");
    bench.event(Event::Paste("def calculate(b=2): pass\n".to_owned()));
    assert_eq!(parameters(&bench), "{\n  \"b\": 2\n}");
    bench.keys("f6 ctrl-end backspace");
    bench.text(" }");
    bench.keys("shift-f6 ctrl-home");
    bench.event(Event::Paste("# x\n".to_owned()));
    bench.keys("ctrl-end");
    bench.event(Event::Paste("\ndef calculate(c=3): pass\n".to_owned()));
    assert_eq!(parameters(&bench), "{\n  \"b\": 2\n }");
}

#[test]
fn find_counts_and_goes_round() {
    let mut bench = from_tool();
    bench.keys("ctrl-f");
    bench.text("length_m");
    assert!(bench.screen().contains("1 of 2"), "{}", bench.screen());
    bench.keys("enter");
    assert!(bench.screen().contains("2 of 2"), "{}", bench.screen());
    bench.keys("down");
    assert!(bench.screen().contains("1 of 2"), "{}", bench.screen());
    bench.keys("up");
    assert!(bench.screen().contains("2 of 2"), "{}", bench.screen());
    bench.keys("esc");
    assert_eq!(bench.pane.document.as_ref().unwrap().code.cursor().0, 7);
    assert!(bench.intents.is_empty());
    bench.keys("f3");
    assert_eq!(bench.pane.document.as_ref().unwrap().code.cursor().0, 3);
}

#[test]
fn goes_to_a_line_and_to_the_line_that_failed() {
    let mut bench = from_tool();
    bench.keys("ctrl-g");
    bench.answer(Answer::Text("6".to_owned()));
    assert_eq!(bench.pane.document.as_ref().unwrap().code.cursor(), (5, 4));

    bench.event(Event::Intent(Intent::EditAt(CalculationId(6), 2)));
    bench.reply(detail(6, Status::Failed));
    assert_eq!(bench.pane.document.as_ref().unwrap().code.cursor(), (1, 0));
    assert!(bench.screen().contains("► 2"), "{}", bench.screen());
    assert!(bench.screen().contains("ZeroDivisionError"), "{}", bench.screen());
}

#[test]
fn the_other_editor_gives_its_text_back() {
    let mut bench = from_tool();
    bench.keys("down ctrl-e");
    let Some(Effect::OpenEditor { ticket, text, extension, line }) = bench.effects.last().cloned() else { panic!() };
    assert_eq!((text.as_str(), extension, line), (BEAM, "py", 2));
    bench.event(Event::Reply(ticket, Ok(Reply::Edited(Some("y = 2\n".to_owned())))));
    assert_eq!(code(&bench), "y = 2\n");
    bench.keys("ctrl-z");
    assert_eq!(code(&bench), BEAM);
    bench.event(Event::Reply(ticket, Ok(Reply::Edited(Some("late".to_owned())))));
    assert_eq!(code(&bench), BEAM, "a stale reply is dropped");
}

#[test]
fn copies_and_cuts_through_the_terminal() {
    let mut bench = from_tool();
    bench.keys("ctrl-c");
    assert!(bench.effects.is_empty());
    bench.keys("shift-down ctrl-x");
    assert_eq!(bench.effects, [Effect::Copy("import math\n".to_owned())]);
    bench.keys("ctrl-v ctrl-v");
    assert!(code(&bench).starts_with("import math\nimport math\n"));
}

#[test]
fn stale_replies_change_nothing() {
    let mut bench = bench();
    bench.event(Event::Intent(Intent::Edit(CalculationId(5))));
    let old = bench.request().0;
    bench.event(Event::Intent(Intent::Edit(CalculationId(6))));
    bench.event(Event::Reply(old, Ok(detail(5, Status::Pending))));
    assert!(bench.pane.document.is_none());
    bench.reply(detail(6, Status::Failed));
    assert_eq!(bench.pane.document.as_ref().unwrap().key, DraftKey::Saved(CalculationId(6)));
}

#[test]
fn the_mouse_goes_to_fields_and_lines() {
    let mut bench = from_tool();
    let parts = Parts::of(bench.area, Field::Code);
    bench.event(Event::Mouse(Mouse::Click { column: parts.parameters.x + 6, row: parts.parameters.y + 1 }));
    assert_eq!(bench.pane.field, Field::Parameters);
    assert_eq!(bench.pane.document.as_ref().unwrap().parameters.cursor(), (1, 2));
    bench.event(Event::Mouse(Mouse::Click { column: 0, row: parts.limits.y }));
    assert_eq!(bench.pane.field, Field::Timeout);
}

#[test]
fn screens() {
    let mut bench = from_tool();
    insta::assert_snapshot!("tool_80x24", bench.screen());
    bench.resize(140, 37);
    insta::assert_snapshot!("tool_140x40", bench.screen());
    bench.resize(40, 9);
    insta::assert_snapshot!("tool_40x12", bench.screen());
    bench.keys("f6");
    insta::assert_snapshot!("parameters_40x12", bench.screen());

    let mut bench = editing(6, Status::Failed);
    bench.text("f(\u{202e}");
    insta::assert_snapshot!("problem_80x24", bench.screen());
    bench.keys("ctrl-f");
    bench.text("a");
    insta::assert_snapshot!("find_80x24", bench.screen());
    insta::assert_snapshot!("empty_80x24", self::bench().screen());
}

#[test]
fn any_size_can_be_drawn() {
    let mut bench = from_tool();
    for (width, height) in [(1, 1), (5, 2), (40, 7), (40, 16), (99, 16), (100, 16), (200, 57)] {
        bench.resize(width, height);
        for _ in Field::ALL {
            bench.keys("f6");
            bench.screen();
        }
    }
}

#[test]
fn a_save_that_ends_behind_another_text_is_told() {
    let mut bench = from_tool();
    bench.text("# ");
    bench.keys("f5");
    let ticket = bench.request().0;
    bench.event(Event::Intent(Intent::New));
    assert!(!bench.pane.is_saving(), "the new text can be saved");
    bench.clear();
    bench.event(Event::Reply(ticket, Err(Failure::new("no space is left"))));
    assert_eq!(bench.toasts[0].text, "\"Cantilever beam\" was not saved: no space is left");
    let (drafts, _) = bench.pane.drafts.list();
    assert_eq!(drafts.len(), 1, "what was typed is kept");
    assert!(drafts[0].calculation.code.starts_with("# "));
}

#[test]
fn a_run_that_was_queued_behind_another_text_forgets_its_draft() {
    let mut bench = from_tool();
    bench.text("# ");
    bench.keys("f5");
    let ticket = bench.request().0;
    bench.event(Event::Intent(Intent::New));
    bench.text("x");
    bench.clear();
    bench.event(Event::Reply(ticket, Ok(Reply::Submitted(CalculationId(5), RunId(uuid::Uuid::nil())))));
    assert_eq!(bench.toasts[0].text, "\"Cantilever beam\" is queued as calculation 5");
    assert!(bench.intents.is_empty(), "nobody is taken away from what is typed now");
    assert!(bench.pane.drafts.is_empty());
    assert!(matches!(bench.request().1, Request::ForgetDraft(DraftKey::New(_))));
    bench.event(Event::Tick);
    assert_eq!(kept_drafts(&bench).len(), 1, "the text in front is kept as before");
}

#[test]
fn what_was_saved_and_not_run_is_saved_once() {
    let mut bench = from_tool();
    bench.keys("f5");
    assert_eq!(saved_calculation(&bench).0, None);
    bench.reply(Reply::NotStarted(CalculationId(5), Failure::new("only 3.0 MiB free in /state")));
    assert_eq!(bench.toasts[0].text, "Saved as calculation 5, and not run: only 3.0 MiB free in /state");
    assert!(bench.intents.is_empty());
    bench.reply(detail(5, Status::Pending));
    bench.keys("f5");
    let (id, _, run) = saved_calculation(&bench);
    assert_eq!((id, run), (Some(CalculationId(5)), true), "no second one is made");
}
