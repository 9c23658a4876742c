//! Bars and small charts made of characters, readable without colour.

const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar of `width` columns of which the share (0 to 1) is filled; what is left is dotted.
pub fn bar(share: f64, width: usize) -> String {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let eighths = (share * width as f64 * 8.0).round() as usize;
    // Something is never shown as nothing, nor almost everything as everything.
    let eighths = match eighths {
        0 if share > 0.0 => 1,
        full if full == width * 8 && share < 1.0 => full - 1,
        other => other,
    };
    let mut bar: String = std::iter::repeat_n('█', eighths / 8).collect();
    if eighths % 8 > 0 && eighths / 8 < width {
        bar.push(EIGHTHS[eighths % 8 - 1]);
    }
    let drawn = bar.chars().count();
    bar.extend(std::iter::repeat_n('·', width - drawn));
    bar
}

/// The newest `width` values as columns, `full` being the highest; fewer values leave the left blank.
pub fn sparkline(values: impl ExactSizeIterator<Item = f64>, full: f64, width: usize) -> String {
    let count = values.len().min(width);
    let skip = values.len() - count;
    let mut line = " ".repeat(width - count);
    line.extend(values.skip(skip).map(|value| {
        let share = value / full;
        if share.is_finite() && share > 0.0 {
            LEVELS[((share.min(1.0) * 8.0).ceil() as usize).clamp(1, 8) - 1]
        } else {
            '▁'
        }
    }));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_asked() {
        for (share, text) in [
            (0.0, "····"),
            (0.5, "██··"),
            (0.53, "██▏·"),
            (1.0, "████"),
            (2.0, "████"),
            (0.999, "███▉"),
            (0.001, "▏···"),
        ] {
            assert_eq!(bar(share, 4), text, "{share}");
        }
        assert_eq!(bar(f64::NAN, 3), "···");
        assert_eq!(bar(0.5, 0), "");
    }

    #[test]
    fn charts_show_the_newest_values() {
        let values = [0.0, 1.0, 2.0, 4.0, 8.0, f64::NAN];
        assert_eq!(sparkline(values.into_iter(), 8.0, 8), "  ▁▁▂▄█▁");
        assert_eq!(sparkline(values.into_iter(), 8.0, 2), "█▁");
        assert_eq!(sparkline([].into_iter(), 8.0, 3), "   ");
    }
}
