//! What a key costs in the editor and in a long log: parse, paste, a typed character, a page of lines.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mecapy::{
    domain::text::{LogDecoder, log_line},
    tui::widgets::{
        code_editor::{CodeEditor, CodeStyles, Edit, Language},
        log_view::{LogRow, LogStyles, LogView},
    },
};
use ratatui::{
    buffer::Buffer,
    layout::{Rect, Size},
};

const AREA: Rect = Rect { x: 0, y: 0, width: 120, height: 45 };

/// As much code as a calculation may hold: 10,000 characters.
fn code() -> String {
    "def f(x, y=1.0):\n    \"\"\"Doc.\"\"\"\n    return [x**2 + y for x in range(9) if x > 3]  # note\n\n".repeat(105)
}

fn editor(text: &str) -> CodeEditor {
    let mut editor = CodeEditor::new(Language::Python, text);
    editor.set_size(AREA.as_size());
    editor
}

fn editing(criterion: &mut Criterion) {
    let code = code();
    let mut group = criterion.benchmark_group("editor, 10,000 characters");
    group.bench_function("open", |bench| bench.iter(|| editor(&code)));
    group.bench_function("paste", |bench| {
        let empty = || editor("");
        bench.iter_batched(empty, |mut editor| editor.apply(Edit::Paste(code.clone())), BatchSize::SmallInput);
    });
    group.bench_function("type a character and draw", |bench| {
        let mut editor = editor(&code);
        editor.go_to_line(200);
        let mut buffer = Buffer::empty(AREA);
        let mut typed = "value = f(x, [1, 2]) + 'text'  # note ".chars().cycle();
        bench.iter(|| {
            // Typed and taken back, so that the text does not grow with the number of samples.
            editor.apply(Edit::Type(typed.next().unwrap_or('x')));
            editor.render(AREA, &mut buffer, &CodeStyles::default());
            editor.apply(Edit::DeleteBefore);
        });
    });
    group.finish();
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log, 1,000,000 lines");
    group.bench_function("a page up and draw", |bench| {
        let mut view = LogView::new();
        view.set_size(Size::new(120, 40));
        view.set_length(1_000_000);
        let mut buffer = Buffer::empty(AREA);
        bench.iter(|| {
            view.up(39);
            if view.seen().start == 0 {
                view.to_end();
            }
            if let Some(range) = view.wanted() {
                view.asked();
                let row = |number| LogRow {
                    number,
                    source: number,
                    error: false,
                    stamp: String::new(),
                    line: log_line(format!("\u{1b}[32mstep {number}\u{1b}[0m residual 1.234e-5").as_bytes()),
                };
                view.fill(range.map(row).collect());
            }
            view.render(AREA, &mut buffer, &LogStyles::default());
        });
    });
    let plain = "step 12345 residual 1.234e-5 and some more words\n".repeat(10_000);
    group.bench_function("decode 10,000 plain lines", |bench| {
        bench.iter(|| LogDecoder::default().push(plain.as_bytes(), |_| {}));
    });
    group.finish();
}

criterion_group!(benches, editing, reading);
criterion_main!(benches);
