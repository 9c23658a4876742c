//! The watched run in words and bars: what its detail shows, line by line.

use super::MonitorPane;
use crate::{
    domain::{
        format::{self, bytes, whole},
        pull::{Progress, Step},
        run::Usage,
        run_state::RunState,
        status::Status,
        text::SafeText,
    },
    tui::{
        pane::Now,
        theme::Theme,
        widgets::{
            gauge::{bar, sparkline},
            text,
        },
    },
};
use chrono::TimeDelta;
use ratatui::{
    style::Style,
    text::{Line, Span},
};

/// Columns of the labels.
const LABEL: usize = 9;
/// Layers of an image that are shown on their way.
const MOST_LAYERS: usize = 4;
/// Rows that a failure may take.
const MAX_ERROR: usize = 4;
/// Names of outputs that are shown; the others are counted.
const MAX_OUTPUTS: usize = 6;

/// How many rows the detail takes at this width; it depends on the state, not on the time.
pub(super) fn detail_rows(pane: &MonitorPane, width: u16) -> usize {
    let width = match width {
        narrow if narrow < crate::tui::widgets::split::WIDE => narrow,
        wide => wide - 40,
    };
    let zero = Now { utc: chrono::NaiveDateTime::default(), local: |utc| utc.and_utc().fixed_offset() };
    lines(pane, width, zero, &Theme::plain()).len()
}

/// The detail's lines, each at most `width` columns.
pub(super) fn lines(pane: &MonitorPane, width: u16, now: Now, theme: &Theme) -> Vec<Line<'static>> {
    let Some(live) = pane.live.value() else { return Vec::new() };
    let mut sheet = Page { lines: Vec::new(), width: usize::from(width), theme };
    sheet.head(live, now);
    if let Some(failure) = pane.live.failure() {
        sheet.words("not live", &failure.message, theme.bad);
    }
    match live.status {
        Status::Pending => {
            sheet.words("waits", live.waiting().unwrap_or("for its turn"), theme.warning);
            if let Some(pull) = &live.pull {
                sheet.fetching(pull);
            }
        }
        Status::Running => sheet.running(pane, live, now),
        _ => sheet.ended(pane, live),
    }
    if let Some(guarantee) = live.guarantee() {
        // Without isolation it is said in red on every run.
        sheet.one_line("sandbox", &guarantee, if guarantee.starts_with("E0") { theme.bad } else { theme.dim });
    }
    sheet.lines
}

struct Page<'a> {
    lines: Vec<Line<'static>>,
    width: usize,
    theme: &'a Theme,
}

impl Page<'_> {
    fn head(&mut self, live: &RunState, now: Now) {
        let state = format!("{} {}", live.status.glyph(), live.status);
        let started = live.started_at.map(|started| format!("  started {}", now.short(started))).unwrap_or_default();
        let facts = format!("  id {}{started}", live.calculation);
        // A long name leaves the rest its room.
        let room = self.width.saturating_sub(text::width(&state) + 2 + text::width(&facts)).max(12);
        let name = SafeText::label(&live.name);
        self.lines.push(Line::from(vec![
            Span::styled(state, self.theme.status(live.status)),
            Span::styled(format!("  {}", text::cut(&name, room)), self.theme.title),
            Span::styled(facts, self.theme.dim),
        ]));
    }

    /// An image on its way: the whole, and the layers that move.
    fn fetching(&mut self, pull: &Progress) {
        let theme = self.theme;
        self.one_line("image", &pull.image, theme.text);
        if let Some(problem) = &pull.again {
            self.words("again", problem, theme.warning);
        }
        let Some(share) = pull.fraction() else { return };
        self.gauge("fetched", share, &format!("{:.0} %", share * 100.0), None, theme.running);
        self.one_line("", &pull.words(), theme.text);
        let moving = pull.layers.iter().filter(|layer| matches!(layer.step, Step::Downloading | Step::Extracting));
        for layer in moving.take(MOST_LAYERS) {
            let (share, words) = match layer.unpacked {
                Some(share) => (f64::from(share), format!("{} unpacking", bytes(layer.size))),
                None => (layer.fraction(), format!("{} of {}", bytes(layer.received), bytes(layer.size))),
            };
            self.gauge("layer", share, &words, None, theme.dim);
        }
    }

    fn running(&mut self, pane: &MonitorPane, live: &RunState, now: Now) {
        let theme = self.theme;
        let limit = f64::from(live.limits.timeout);
        let elapsed = elapsed(live, now);
        let share = elapsed / limit;
        let words = format!("{} of {}", whole(elapsed), whole(limit));
        self.gauge("time", share, &words, None, if share > 0.9 { theme.warning } else { theme.text });
        if let Some(waiting) = live.waiting() {
            self.words("waits", waiting, theme.warning);
        }
        if pane.is_stopping() {
            self.stopping(pane, live, now);
        }
        if let Some(progress) = &live.progress {
            let steps = match (progress.step, progress.total) {
                (Some(step), Some(total)) => format!("step {step} of {total}"),
                (Some(step), None) => format!("step {step}"),
                _ => String::new(),
            };
            if let Some(fraction) = progress.fraction() {
                self.gauge("progress", fraction, &format!("{:.0} %  {steps}", fraction * 100.0), None, theme.running);
            } else if !steps.is_empty() {
                self.words("progress", &steps, theme.text);
            }
            if let Some(message) = &progress.message {
                self.one_line("", message, theme.text);
            }
        }
        let (cores, memory) = (live.limits.cpu_limit, f64::from(live.limits.memory_limit) * 1_048_576.0);
        if let (Some(cpu), Some(usage)) = (pane.samples.cpu_now(), live.usage) {
            let chart = (pane.samples.cpu().collect(), cores);
            self.gauge("CPU", cpu / cores, &format!("{cpu:.2} of {cores} cores"), Some(chart), theme.text);
            let share = usage.memory as f64 / memory;
            let words = format!("{} of {} MiB", mib(usage.memory), live.limits.memory_limit);
            let chart = (pane.samples.memory().collect(), memory);
            self.gauge("memory", share, &words, Some(chart), if share > 0.9 { theme.warning } else { theme.text });
        } else {
            // Two rows in any case, so that nothing jumps when the first sample comes.
            self.words("CPU", &format!("–  of {cores} cores"), theme.dim);
            self.words("memory", &format!("–  of {} MiB", live.limits.memory_limit), theme.dim);
        }
    }

    /// The two stages of a stop, with the seconds left of the first.
    fn stopping(&mut self, pane: &MonitorPane, live: &RunState, now: Now) {
        let grace = TimeDelta::seconds(live.caps.grace.into());
        let killed_at = live.killed_at.or_else(|| pane.stop_asked.map(|asked| asked + grace));
        let left = killed_at.map(|at| (at - now.utc).num_milliseconds());
        let words = match left {
            _ if pane.kill_asked => "it is being killed (SIGKILL)".to_owned(),
            Some(left) if left > 0 => {
                // Counted down to 1: at 0 it is killed.
                let seconds = (left + 999) / 1_000;
                format!("asked to end (SIGTERM); killed in {seconds} s, or now: stop it again")
            }
            Some(_) => "its time is over: it is being killed (SIGKILL)".to_owned(),
            None => format!("asked to end (SIGTERM); killed after {} s, or now: stop it again", live.caps.grace),
        };
        self.words("stopping", &words, self.theme.warning);
    }

    fn ended(&mut self, pane: &MonitorPane, live: &RunState) {
        let theme = self.theme;
        if let Some(error) = &live.error_message {
            let first = SafeText::label(error.lines().next().unwrap_or_default());
            for (row, line) in text::wrap(&first, self.width.saturating_sub(2)).into_iter().take(MAX_ERROR).enumerate()
            {
                let sign = if row == 0 { live.status.glyph() } else { ' ' };
                self.lines.push(Line::styled(format!("{sign} {line}"), theme.status(live.status)));
            }
            if let Some(line) = live.error_line {
                self.lines.push(Line::styled(format!("  Enter goes to line {line} of the code"), theme.accent));
            }
        }
        if let Some(usage) = &live.usage {
            self.words("used", &used(usage, live), theme.text);
        }
        if let Some(result) = pane.detail.value().and_then(|detail| summary(detail.calculation.result_data.as_deref()?))
        {
            self.items("result", &result, theme.good);
        }
        if !live.outputs.is_empty() {
            let mut names: Vec<String> = live
                .outputs
                .iter()
                .take(MAX_OUTPUTS)
                .map(|(name, size)| format!("{} ({})", SafeText::label(name), format::bytes(*size)))
                .collect();
            if live.outputs.len() > MAX_OUTPUTS {
                names.push(format!("and {} more", live.outputs.len() - MAX_OUTPUTS));
            }
            self.words("outputs", &names.join(", "), theme.text);
        }
        for note in &live.notes {
            self.words("note", note, theme.warning);
        }
    }

    /// A label and words, on as many rows as they need.
    fn words(&mut self, label: &'static str, words: &str, style: Style) {
        let room = self.width.saturating_sub(LABEL).max(8);
        for (row, line) in text::wrap(&SafeText::label(words), room).into_iter().take(MAX_ERROR).enumerate() {
            let label = if row == 0 { label } else { "" };
            self.labelled(label, vec![Span::styled(line, style)]);
        }
    }

    /// A label and items, none of them broken, on as many rows as they need and may take.
    fn items(&mut self, label: &'static str, items: &[String], style: Style) {
        const GAP: usize = 2;
        // One column is left for the mark that there are more.
        let room = self.width.saturating_sub(LABEL + GAP).max(8);
        let mut rows: Vec<String> = Vec::new();
        for item in items {
            let item = SafeText::label(item);
            let item = text::cut(&item, room);
            match rows.last_mut() {
                Some(row) if text::width(row) + GAP + text::width(&item) <= room => {
                    row.push_str("  ");
                    row.push_str(&item);
                }
                _ => rows.push(item.into_owned()),
            }
        }
        let more = rows.len() > MAX_ERROR;
        rows.truncate(MAX_ERROR);
        if let (true, Some(last)) = (more, rows.last_mut()) {
            last.push_str(" …");
        }
        for (row, line) in rows.into_iter().enumerate() {
            self.labelled(if row == 0 { label } else { "" }, vec![Span::styled(line, style)]);
        }
    }

    /// A label and words, cut to one row.
    fn one_line(&mut self, label: &'static str, words: &str, style: Style) {
        let room = self.width.saturating_sub(LABEL);
        let words = text::cut(&SafeText::label(words), room).into_owned();
        self.labelled(label, vec![Span::styled(words, style)]);
    }

    /// A label, a bar, a figure, and where there is room a chart of the figure up to now.
    fn gauge(&mut self, label: &'static str, share: f64, words: &str, chart: Option<(Vec<f64>, f64)>, style: Style) {
        let wide = self.width >= 64;
        let bar_width = if wide { 20 } else { 10 };
        let words = if wide { format!("{words:<24}") } else { words.to_owned() };
        let mut spans = vec![Span::styled(bar(share, bar_width), style), Span::styled(format!(" {words}"), style)];
        let used = LABEL + bar_width + 1 + text::width(&words);
        let room = self.width.saturating_sub(used + 1).min(60);
        if let Some((values, full)) = chart
            && room >= 8
        {
            spans.push(Span::styled(format!(" {}", sparkline(values.into_iter(), full, room)), self.theme.dim));
        }
        self.labelled(label, spans);
    }

    fn labelled(&mut self, label: &'static str, mut spans: Vec<Span<'static>>) {
        spans.insert(0, Span::styled(format!("{label:<LABEL$}"), self.theme.dim));
        self.lines.push(Line::from(spans));
    }
}

/// Seconds since the start; of an ended one, as it was measured.
pub(super) fn elapsed(live: &RunState, now: Now) -> f64 {
    match (live.started_at, live.completed_at, live.usage) {
        (_, Some(_), Some(usage)) => usage.execution_time,
        (Some(started), completed, _) => seconds(completed.unwrap_or(now.utc) - started),
        _ => 0.0,
    }
}

/// A time span in seconds, never negative: clocks of two programs may differ.
pub(super) fn seconds(span: chrono::TimeDelta) -> f64 {
    span.num_milliseconds().max(0) as f64 / 1_000.0
}

fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

fn used(usage: &Usage, live: &RunState) -> String {
    format!(
        "{} of {}, CPU {}, peak {} of {} MiB",
        format::duration(usage.execution_time),
        whole(f64::from(live.limits.timeout)),
        format::duration(usage.cpu_time),
        mib(usage.peak_memory),
        live.limits.memory_limit
    )
}

/// The plain values of a result, each with its name.
fn summary(result: &str) -> Option<Vec<String>> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(result).ok()?;
    let values: Vec<String> = object
        .iter()
        .map(|(name, value)| match value {
            serde_json::Value::Array(items) => format!("{name}: {} values", items.len()),
            serde_json::Value::Object(_) => format!("{name}: …"),
            serde_json::Value::Number(number) => match number.as_f64() {
                Some(float) if !number.is_i64() && !number.is_u64() => format!("{name} = {}", figure(float)),
                _ => format!("{name} = {number}"),
            },
            plain => format!("{name} = {plain}"),
        })
        .collect();
    (!values.is_empty()).then_some(values)
}

/// Six significant digits, without trailing zeros: enough to recognise a figure at a glance.
fn figure(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e9).contains(&value.abs()) {
        return format!("{value:.4e}").replace("e0", "");
    }
    let decimals = (5 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (value, text) in [
            (12.0, "12"),
            (0.123_456_789, "0.123457"),
            (123_456.789, "123457"),
            (1.5e-7, "1.5000e-7"),
            (-2.5, "-2.5"),
            (0.0, "0"),
            (-0.0, "0"),
        ] {
            assert_eq!(figure(value), text, "{value}");
        }
    }

    #[test]
    fn results_are_told_in_a_line() {
        assert_eq!(
            summary(r#"{"mm": 12.345678901, "n": 3, "ok": true, "xs": [1, 2], "deep": {"a": 1}, "s": "M12"}"#).unwrap(),
            ["mm = 12.3457", "n = 3", "ok = true", "xs: 2 values", "deep: …", "s = \"M12\""]
        );
        assert_eq!(summary("{}"), None);
        assert_eq!(summary("[1]"), None);
    }

    #[test]
    fn items_stay_whole_and_it_is_told_that_there_are_more() {
        let theme = Theme::plain();
        let shown = |count: usize| {
            let mut page = Page { lines: Vec::new(), width: 40, theme: &theme };
            let items: Vec<String> = (0..count).map(|n| format!("stress_{n} = {n}.5")).collect();
            page.items("result", &items, theme.text);
            page.lines.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(shown(3), ["result   stress_0 = 0.5", "         stress_1 = 1.5", "         stress_2 = 2.5"]);
        assert_eq!(shown(4).len(), 4);
        assert_eq!(shown(5)[3], "         stress_3 = 3.5 …");
        assert!(shown(5).iter().all(|line| text::width(line) <= 40));
    }
}
