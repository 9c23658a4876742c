use super::*;
use proptest::prelude::*;

fn decode(chunks: &[&[u8]]) -> Vec<SafeLine> {
    let mut decoder = LogDecoder::default();
    let mut lines = Vec::new();
    for chunk in chunks {
        decoder.push(chunk, |line| lines.push(line));
    }
    lines.extend(decoder.finish());
    lines
}

fn texts(bytes: &[u8]) -> Vec<String> {
    decode(&[bytes]).iter().map(SafeLine::text).collect()
}

/// Bytes that are rich in what matters here.
fn log_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<char>().prop_map(|c| c.to_string().into_bytes()),
        any::<u8>().prop_map(|byte| vec![byte]),
        proptest::sample::select(vec![
            "\x1b[31m",
            "\x1b[0m",
            "\x1b[38;5;9m",
            "\x1b[2J",
            "\x1b]0;t\x07",
            "\x1bP$qm\x1b\\",
            "\x1b[K",
            "\r",
            "\n",
            "\x08",
            "\t",
            "漢",
            "e\u{301}",
            "\u{202e}",
            "\u{9b}31m",
            "\u{200b}",
            "plain text",
            "\x1b[",
            "\x1b",
            "👨\u{200d}👩",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_hidden_comes_out_and_lines_are_bounded(bytes in log_bytes()) {
        for line in decode(&[&bytes]) {
            prop_assert!(!line.text().chars().any(is_hidden), "{:?}", line);
            prop_assert!(line.width <= MAX_COLUMNS + 16);
        }
    }

    #[test]
    fn any_split_gives_the_same_lines(bytes in log_bytes(), at in any::<prop::sample::Index>()) {
        let at = at.index(bytes.len() + 1);
        prop_assert_eq!(decode(&[&bytes]), decode(&[&bytes[..at], &bytes[at..]]));
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(decode(&[&bytes]), decode(&single));
    }

    #[test]
    fn labels_and_lines_are_safe(text in any::<String>()) {
        prop_assert!(!SafeText::label(&text).chars().any(is_hidden));
        for line in SafeText::lines(&text) {
            prop_assert!(!line.chars().any(is_hidden));
        }
    }

    #[test]
    fn plain_text_is_left_alone(text in "[ -~éß漢]{0,80}") {
        prop_assert_eq!(SafeText::label(&text).into_string(), text);
    }
}

#[test]
fn commands_to_the_terminal_become_visible() {
    assert_eq!(texts(b"\x1b]0;PWNED\x07 \x1b]2;P2\x1b\\"), ["^[]0;PWNED^G ^[]2;P2^[\\"]);
    assert_eq!(texts(b"\x1b[201~rm\n\x1b[?2004l"), ["^[[201~rm", "^[[?2004l"]);
    assert_eq!(texts(b"\x1b[c\x1b[6n\x05\x1bP$qm\x1b\\"), ["^[[c^[[6n^E^[P$qm^[\\"]);
    assert_eq!(texts("\u{9b}2J\u{9d}0;x\u{9c}".as_bytes()), ["<U+009B>2J<U+009D>0;x<U+009C>"]);
}

#[test]
fn an_unterminated_sequence_hides_nothing() {
    assert_eq!(
        texts(b"visible 1 \x1b]0;never\nvisible 2\n\x1bP never\nvisible 3\x1b["),
        ["visible 1 ^[]0;never", "visible 2", "^[P never", "visible 3^[["]
    );
    let long = [b"\x1b[".to_vec(), vec![b'1'; 100_000], b"m end".to_vec()].concat();
    assert_eq!(texts(&long)[0].chars().count(), MAX_COLUMNS + "…<line cut>".chars().count());
}

#[test]
fn direction_and_zero_width_become_visible() {
    assert_eq!(
        texts("safe \u{202e}gnp.exe\u{202c} z\u{200b}\u{feff}z \u{e0041} \u{2028}".as_bytes()),
        ["safe <U+202E>gnp.exe<U+202C> z<U+200B><U+FEFF>z <U+E0041> <U+2028>"]
    );
    assert_eq!(SafeText::label("a\nb\tc\u{202e}d").as_str(), "a^Jb^Ic<U+202E>d");
}

#[test]
fn a_stack_of_accents_is_bounded() {
    let text = format!("a{}b", "\u{301}".repeat(2_000));
    assert_eq!(texts(text.as_bytes()), [format!("a{}<more marks>b", "\u{301}".repeat(4))]);
    assert_eq!(texts("\u{301}".as_bytes()), ["<U+0301>"]);
}

#[test]
fn invalid_utf8_is_marked_and_split_characters_are_not() {
    assert_eq!(texts(b"bad \xff\xc0\xaf end"), ["bad \u{fffd}\u{fffd}\u{fffd} end"]);
    let split: [&[u8]; 2] = [b"rocket \xf0\x9f", b"\x9a\x80 ok"];
    assert_eq!(decode(&split)[0].text(), "rocket 🚀 ok");
    assert_eq!(texts(b"tail \xe2\x82"), ["tail \u{fffd}"]);
}

#[test]
fn a_progress_bar_folds_to_its_last_state() {
    let mut bytes = Vec::new();
    for step in 0..=100 {
        bytes.extend(format!("\r[{:<20}] {step:3}%", "#".repeat(step / 5)).bytes());
    }
    bytes.extend(b"\x08\x08\x08\x08100%");
    assert_eq!(texts(&bytes), [format!("[{}] 100%", "#".repeat(20))]);
    assert_eq!(texts(b"long text\r\x1b[Kshort\r\nnext"), ["short", "next"]);
    assert_eq!(texts("漢漢\rx".as_bytes()), ["x 漢"], "half of a wide character is blanked");
}

#[test]
fn tabs_and_long_lines() {
    assert_eq!(texts(b"a\tb\x00c\x7fd"), ["a       b^@c^?d"]);
    let wide = decode(&["漢".repeat(5_000).as_bytes()]).remove(0);
    assert_eq!(wide.text().chars().filter(|c| *c == '漢').count(), MAX_COLUMNS / 2);
    assert!(wide.text().ends_with("…<line cut>"));
    assert_eq!(texts(&[vec![b'x'; MAX_COLUMNS], b"\rdone".to_vec()].concat())[0].len(), MAX_COLUMNS);
}

#[test]
fn colours_are_kept_and_nothing_else() {
    let line = log_line(b"\x1b[1;31mred\x1b[0m \x1b[38;2;1;2;3mrgb\x1b[8;5;7mx\x1b[30;40mseen\n");
    let red = TextStyle { foreground: Some(Colour::Indexed(1)), bold: true, ..TextStyle::default() };
    assert_eq!((line.spans[0].text.as_str(), line.spans[0].style), ("red", red));
    assert_eq!(line.spans[2].style.foreground, Some(Colour::Rgb(1, 2, 3)));
    assert_eq!(line.text(), "red rgbxseen");
    assert_eq!(line.spans.last().unwrap().style.background, None, "black on black would hide it");
}

#[test]
fn parts_of_a_parameter_say_nothing_outside_of_it() {
    let style = |sequence: &str| log_line(format!("\x1b[{sequence}mx").as_bytes()).spans[0].style;
    let plain = TextStyle::default();
    let coloured = |colour| TextStyle { foreground: Some(colour), ..plain };
    assert_eq!(style("4:3"), TextStyle { underline: true, ..plain }, "curly, not italic");
    assert_eq!(style("4;4:0;1"), TextStyle { bold: true, ..plain });
    assert_eq!(style("58:2::9:31:1"), plain, "the colour of the underline is not kept");
    assert_eq!(style("38:5:9"), coloured(Colour::Indexed(9)));
    for rgb in ["38:2:1:2:3", "38:2::1:2:3", "38;2;1;2;3"] {
        assert_eq!(style(rgb), coloured(Colour::Rgb(1, 2, 3)), "{rgb}");
    }
    assert_eq!(style("48:5:9;3"), TextStyle { background: Some(Colour::Indexed(9)), italic: true, ..plain });
    assert_eq!(style("38:2:1;3"), TextStyle { italic: true, ..plain }, "cut short");
}

#[test]
fn the_line_under_way_can_be_seen() {
    let mut decoder = LogDecoder::default();
    decoder.push(b"one\ntw\xc3", |_| {});
    assert_eq!(decoder.partial().text(), "tw\u{fffd}");
    decoder.push(b"\xa9\n", |line| assert_eq!(line.text(), "twé"));
}
