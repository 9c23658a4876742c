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
            sheet::{MOST_ROWS, Sheet},
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
    let mut sheet = Sheet::new(theme, width).labelled(LABEL);
    head(&mut sheet, live, now);
    if let Some(failure) = pane.live.failure() {
        sheet.fact("not live", &failure.message, theme.bad);
    }
    match live.status {
        Status::Pending => {
            sheet.fact("waits", live.waiting().unwrap_or("for its turn"), theme.warning);
            if let Some(pull) = &live.pull {
                fetching(&mut sheet, pull);
            }
        }
        Status::Running => running(&mut sheet, pane, live, now),
        _ => ended(&mut sheet, pane, live),
    }
    if let Some(guarantee) = live.guarantee() {
        // Without isolation it is said in red on every run.
        sheet.short_fact("sandbox", &guarantee, if guarantee.starts_with("E0") { theme.bad } else { theme.dim });
    }
    sheet.into_lines()
}

fn head(sheet: &mut Sheet<'_>, live: &RunState, now: Now) {
    let state = format!("{} {}", live.status.glyph(), live.status);
    let started = live.started_at.map(|started| format!("  started {}", now.short(started))).unwrap_or_default();
    let facts = format!("  id {}{started}", live.calculation);
    // A long name leaves the rest its room.
    let room = sheet.width().saturating_sub(text::width(&state) + 2 + text::width(&facts)).max(12);
    let name = SafeText::label(&live.name);
    sheet.lines([Line::from(vec![
        Span::styled(state, sheet.theme().status(live.status)),
        Span::styled(format!("  {}", text::cut(&name, room)), sheet.theme().title),
        Span::styled(facts, sheet.theme().dim),
    ])]);
}

/// An image on its way: the whole, and the layers that move.
fn fetching(sheet: &mut Sheet<'_>, pull: &Progress) {
    let theme = sheet.theme();
    sheet.short_fact("image", &pull.image, theme.text);
    if let Some(problem) = &pull.again {
        sheet.fact("again", problem, theme.warning);
    }
    let Some(share) = pull.fraction() else { return };
    gauge(sheet, "fetched", share, &format!("{:.0} %", share * 100.0), None, theme.running);
    sheet.short_fact("", &pull.words(), theme.text);
    let moving = pull.layers.iter().filter(|layer| matches!(layer.step, Step::Downloading | Step::Extracting));
    for layer in moving.take(MOST_LAYERS) {
        let (share, words) = match layer.unpacked {
            Some(share) => (f64::from(share), format!("{} unpacking", bytes(layer.size))),
            None => (layer.fraction(), format!("{} of {}", bytes(layer.received), bytes(layer.size))),
        };
        gauge(sheet, "layer", share, &words, None, theme.dim);
    }
}

fn running(sheet: &mut Sheet<'_>, pane: &MonitorPane, live: &RunState, now: Now) {
    let theme = sheet.theme();
    let limit = f64::from(live.limits.timeout);
    let elapsed = elapsed(live, now);
    let share = elapsed / limit;
    let words = format!("{} of {}", whole(elapsed), whole(limit));
    gauge(sheet, "time", share, &words, None, if share > 0.9 { theme.warning } else { theme.text });
    if let Some(waiting) = live.waiting() {
        sheet.fact("waits", waiting, theme.warning);
    }
    if pane.is_stopping() {
        stopping(sheet, pane, live, now);
    }
    if let Some(progress) = &live.progress {
        let steps = match (progress.step, progress.total) {
            (Some(step), Some(total)) => format!("step {step} of {total}"),
            (Some(step), None) => format!("step {step}"),
            _ => String::new(),
        };
        if let Some(fraction) = progress.fraction() {
            gauge(sheet, "progress", fraction, &format!("{:.0} %  {steps}", fraction * 100.0), None, theme.running);
        } else if !steps.is_empty() {
            sheet.fact("progress", &steps, theme.text);
        }
        if let Some(message) = &progress.message {
            sheet.short_fact("", message, theme.text);
        }
    }
    let (cores, memory) = (live.limits.cpu_limit, f64::from(live.limits.memory_limit) * 1_048_576.0);
    if let (Some(cpu), Some(usage)) = (pane.samples.cpu_now(), live.usage) {
        let chart = (pane.samples.cpu().collect(), cores);
        gauge(sheet, "CPU", cpu / cores, &format!("{cpu:.2} of {cores} cores"), Some(chart), theme.text);
        let share = usage.memory as f64 / memory;
        let words = format!("{} of {} MiB", mib(usage.memory), live.limits.memory_limit);
        let chart = (pane.samples.memory().collect(), memory);
        gauge(sheet, "memory", share, &words, Some(chart), if share > 0.9 { theme.warning } else { theme.text });
    } else {
        // Two rows in any case, so that nothing jumps when the first sample comes.
        sheet.fact("CPU", &format!("–  of {cores} cores"), theme.dim);
        sheet.fact("memory", &format!("–  of {} MiB", live.limits.memory_limit), theme.dim);
    }
}

/// The two stages of a stop, with the seconds left of the first.
fn stopping(sheet: &mut Sheet<'_>, pane: &MonitorPane, live: &RunState, now: Now) {
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
    sheet.fact("stopping", &words, sheet.theme().warning);
}

fn ended(sheet: &mut Sheet<'_>, pane: &MonitorPane, live: &RunState) {
    let theme = sheet.theme();
    if let Some(error) = &live.error_message {
        let first = SafeText::label(error.lines().next().unwrap_or_default());
        for (row, line) in text::wrap(&first, sheet.width().saturating_sub(2)).into_iter().take(MOST_ROWS).enumerate() {
            let sign = if row == 0 { live.status.glyph() } else { ' ' };
            sheet.lines([Line::styled(format!("{sign} {line}"), theme.status(live.status))]);
        }
        if let Some(line) = live.error_line {
            sheet.lines([Line::styled(format!("  Enter goes to line {line} of the code"), theme.accent)]);
        }
    }
    if let Some(usage) = &live.usage {
        sheet.fact("used", &used(usage, live), theme.text);
    }
    if let Some(result) = pane.detail.value().and_then(|detail| summary(detail.calculation.result_data.as_deref()?)) {
        sheet.items("result", &result, theme.good);
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
        sheet.fact("outputs", &names.join(", "), theme.text);
    }
    for note in &live.notes {
        sheet.fact("note", note, theme.warning);
    }
}

/// A label, a bar, a figure, and where there is room a chart of the figure up to now.
fn gauge(
    sheet: &mut Sheet<'_>,
    label: &'static str,
    share: f64,
    words: &str,
    chart: Option<(Vec<f64>, f64)>,
    style: Style,
) {
    let wide = sheet.width() >= 64;
    let bar_width = if wide { 20 } else { 10 };
    let words = if wide { format!("{words:<24}") } else { words.to_owned() };
    let mut spans = vec![Span::styled(bar(share, bar_width), style), Span::styled(format!(" {words}"), style)];
    let used = LABEL + bar_width + 1 + text::width(&words);
    let room = sheet.width().saturating_sub(used + 1).min(60);
    if let Some((values, full)) = chart
        && room >= 8
    {
        spans.push(Span::styled(format!(" {}", sparkline(values.into_iter(), full, room)), sheet.theme().dim));
    }
    sheet.fact_of(label, spans);
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
}
