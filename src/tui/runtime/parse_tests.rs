//! What terminals send, whole and in pieces.

use super::*;
use proptest::prelude::*;

const NONE: KeyModifiers = KeyModifiers::NONE;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
const ALT: KeyModifiers = KeyModifiers::ALT;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

fn parse(reads: &[&[u8]]) -> Vec<Event> {
    let mut parser = Parser::default();
    let mut events = Vec::new();
    for bytes in reads {
        parser.push(bytes, |event| events.push(event));
    }
    events
}

#[test]
fn keys_as_terminals_send_them() {
    let char = KeyCode::Char;
    let cases: &[(&[u8], KeyCode, KeyModifiers)] = &[
        (b"a", char('a'), NONE),
        (b"G", char('G'), SHIFT),
        ("é".as_bytes(), char('é'), NONE),
        ("日".as_bytes(), char('日'), NONE),
        ("🚀".as_bytes(), char('🚀'), NONE),
        (b" ", char(' '), NONE),
        (b"\r", KeyCode::Enter, NONE),
        (b"\n", char('j'), CONTROL),
        (b"\t", KeyCode::Tab, NONE),
        (b"\x7f", KeyCode::Backspace, NONE),
        (b"\x08", char('h'), CONTROL),
        (b"\0", char(' '), CONTROL),
        (b"\x03", char('c'), CONTROL),
        (b"\x1a", char('z'), CONTROL),
        (b"\x1c", char('4'), CONTROL),
        (b"\x1f", char('7'), CONTROL),
        (b"\x1b", KeyCode::Esc, NONE),
        (b"\x1bx", char('x'), ALT),
        (b"\x1b\r", KeyCode::Enter, ALT),
        (b"\x1b\x01", char('a'), ALT.union(CONTROL)),
        ("\x1bé".as_bytes(), char('é'), ALT),
        (b"\x1b[A", KeyCode::Up, NONE),
        (b"\x1bOB", KeyCode::Down, NONE),
        (b"\x1b[1;5C", KeyCode::Right, CONTROL),
        (b"\x1b[1;2D", KeyCode::Left, SHIFT),
        (b"\x1b[1;6H", KeyCode::Home, CONTROL.union(SHIFT)),
        (b"\x1bOF", KeyCode::End, NONE),
        (b"\x1b[Z", KeyCode::BackTab, SHIFT),
        (b"\x1b[1~", KeyCode::Home, NONE),
        (b"\x1b[2~", KeyCode::Insert, NONE),
        (b"\x1b[3;5~", KeyCode::Delete, CONTROL),
        (b"\x1b[8~", KeyCode::End, NONE),
        (b"\x1b[5~", KeyCode::PageUp, NONE),
        (b"\x1b[6;3~", KeyCode::PageDown, ALT),
        (b"\x1bOP", KeyCode::F(1), NONE),
        (b"\x1b[1;2S", KeyCode::F(4), SHIFT),
        (b"\x1b[[E", KeyCode::F(5), NONE),
        (b"\x1b[15~", KeyCode::F(5), NONE),
        (b"\x1b[17~", KeyCode::F(6), NONE),
        (b"\x1b[21~", KeyCode::F(10), NONE),
        (b"\x1b[24;2~", KeyCode::F(12), SHIFT),
        (b"\x1b[97;5u", char('a'), CONTROL),
        (b"\x1b[13;2u", KeyCode::Enter, SHIFT),
    ];
    for (bytes, code, modifiers) in cases {
        assert_eq!(parse(&[bytes]), [key(*code, *modifiers)], "{:?}", bytes.escape_ascii().to_string());
    }
}

#[test]
fn several_in_one_read_and_one_in_several() {
    let down = key(KeyCode::Down, NONE);
    assert_eq!(parse(&[b"\x1b[B\x1b[Bj"]), [down.clone(), down.clone(), key(KeyCode::Char('j'), NONE)]);
    assert_eq!(parse(&[b"\x1b[", b"B"]), std::slice::from_ref(&down));
    assert_eq!(parse(&[b"\x1b[1;", b"5", b"B"]), [key(KeyCode::Down, CONTROL)]);
    assert_eq!(parse(&[b"\xe6\x97", b"\xa5"]), [key(KeyCode::Char('日'), NONE)]);
    assert_eq!(parse(&[b"\x1b\x1b"]), [key(KeyCode::Esc, NONE), key(KeyCode::Esc, NONE)]);
    assert_eq!(parse(&[b"\x1b", b"\x1b[B"]), [key(KeyCode::Esc, NONE), down]);
}

#[test]
fn what_means_nothing_is_passed_over() {
    let x = [key(KeyCode::Char('x'), NONE)];
    for noise in [
        &b"\x1b[?62;4c"[..],
        b"\x1b[>0;276;0c",
        b"\x1b[99~",
        b"\x1b[5;9y",
        b"\xff",
        b"\xc3",
        b"\xf0\x9f",
        b"\x1bOz",
        b"\x1b[<35;4;5M",
        b"\x1b[99999999999999999999~",
    ] {
        assert_eq!(parse(&[noise, b"x"]), x, "{:?}", noise.escape_ascii().to_string());
    }
    // A sequence that a control character cuts off does not take it along.
    assert_eq!(parse(&[b"\x1b[1;\x1b[B"]), [key(KeyCode::Down, NONE)]);
}

#[test]
fn a_paste_is_one_event_in_however_many_reads() {
    let paste = |text: &str| Event::Paste(text.to_owned());
    assert_eq!(
        parse(&[b"a\x1b[200~x\x1b[By\r\nz\x1b[201~b"]),
        [key(KeyCode::Char('a'), NONE), paste("x\x1b[By\r\nz"), key(KeyCode::Char('b'), NONE)]
    );
    let bytes = b"\x1b[200~one \xe6\x97\xa5 two\x1b[201~";
    for at in 0..bytes.len() {
        // An escape character alone at the end of a read is the key, but not inside a paste.
        if at != 1 {
            assert_eq!(parse(&[&bytes[..at], &bytes[at..]]), [paste("one 日 two")], "cut at {at}");
        }
    }
    assert_eq!(parse(&[b"\x1b[200~\x1b[201~"]), [paste("")]);
    assert_eq!(parse(&[b"\x1b[200~never ended\x1b"]), []);
}

#[test]
fn focus_and_the_mouse() {
    let mouse = |kind, column, row| Event::Mouse(MouseEvent { kind, column, row, modifiers: NONE });
    assert_eq!(parse(&[b"\x1b[I\x1b[O"]), [Event::FocusGained, Event::FocusLost]);
    let down = MouseEventKind::Down(MouseButton::Left);
    assert_eq!(parse(&[b"\x1b[<0;201;50M\x1b[<0;201;50m"]), [mouse(down, 200, 49)]);
    assert_eq!(parse(&[b"\x1b[<64;1;1M"]), [mouse(MouseEventKind::ScrollUp, 0, 0)]);
    assert_eq!(parse(&[b"\x1b[<81;1;1M"]), [mouse(MouseEventKind::ScrollDown, 0, 0)], "with Ctrl");
    assert_eq!(parse(&[b"\x1b[M !\"\x1b[M#!\""]), [mouse(down, 0, 1)], "without SGR");
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(reads in prop::collection::vec(prop::collection::vec(
        prop_oneof![any::<u8>(), prop::sample::select(b"\x1b[;0123456789~AO<Mm".to_vec())], 0..12), 0..6)) {
        let reads: Vec<&[u8]> = reads.iter().map(Vec::as_slice).collect();
        parse(&reads);
        // Afterwards a key is a key again, but inside a paste.
        let mut parser = Parser::default();
        for bytes in &reads {
            parser.push(bytes, |_| {});
        }
        if parser.pasting.is_none() {
            let mut events = Vec::new();
            parser.push(b"~~~~~~~~x", |event| events.push(event));
            prop_assert!(parser.pasting.is_some() || events.last() == Some(&key(KeyCode::Char('x'), NONE)));
        }
    }
}
