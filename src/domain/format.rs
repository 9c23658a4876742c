//! Figures as people read them: durations, sizes, shares.

/// A duration as two units at most: `0.42 s`, `12.3 s`, `3m 05s`, `1h 02m`, `2d 04h`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "–".to_owned();
    }
    if seconds < 9.995 {
        return format!("{seconds:.2} s");
    }
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..3_600 => format!("{}m {:02}s", whole / 60, whole % 60),
        3_600..86_400 => format!("{}h {:02}m", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{}d {:02}h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

/// The same in whole seconds, as limits and running clocks are: `30 s`, `1m 05s`.
pub fn whole(seconds: f64) -> String {
    if (0.0..60.0).contains(&seconds) { format!("{} s", seconds.floor()) } else { duration(seconds.floor()) }
}

/// Bytes with a binary unit: `512 B`, `1.5 KiB`, `310 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1_024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1_024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// A count with thin groups of three: `1 234 567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (seconds, text) in [
            (0.0, "0.00 s"),
            (9.994, "9.99 s"),
            (9.999, "10.0 s"),
            (59.96, "1m 00s"),
            (185.0, "3m 05s"),
            (3_720.0, "1h 02m"),
            (187_200.0, "2d 04h"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn limits_and_clocks_have_whole_seconds() {
        for (seconds, text) in
            [(0.9, "0 s"), (30.0, "30 s"), (59.99, "59 s"), (61.5, "1m 01s"), (3_600.0, "1h 00m"), (f64::NAN, "–")]
        {
            assert_eq!(whole(seconds), text);
        }
    }

    #[test]
    fn sizes() {
        for (count, text) in
            [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (310 << 20, "310 MiB"), (1 << 40, "1.0 TiB")]
        {
            assert_eq!(bytes(count), text);
        }
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(count(123), "123");
    }
}
