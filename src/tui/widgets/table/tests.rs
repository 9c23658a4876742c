//! The window against a list of a million rows, and against lists that change under it.

use super::*;
use crate::{
    domain::page::CursorValue,
    tui::{
        pane::{Look, PaneId},
        testing::{now, text_of},
        theme::Theme,
    },
};
use ratatui::{Terminal, backend::TestBackend, style::Style};

/// A database of ascending ids.
struct List(Vec<i64>);

impl List {
    fn page(&self, request: &PageRequest) -> Page<i64> {
        let limit = request.limit as usize;
        let (from, to) = match (&request.anchor, request.direction) {
            (None, Direction::Forward) => (0, limit.min(self.0.len())),
            (None, Direction::Backward) => (self.0.len().saturating_sub(limit), self.0.len()),
            (Some(anchor), Direction::Forward) => {
                let from = self.0.partition_point(|id| *id <= anchor.id);
                (from, (from + limit).min(self.0.len()))
            }
            (Some(anchor), Direction::Backward) => {
                let to = self.0.partition_point(|id| *id < anchor.id);
                (to.saturating_sub(limit), to)
            }
        };
        Page {
            rows: self.0[from..to].to_vec(),
            cursors: self.0[from..to].iter().map(|id| Cursor { value: CursorValue::Null, id: *id }).collect(),
            more_before: from > 0,
            more_after: to < self.0.len(),
        }
    }
}

const HEIGHT: usize = 20;

fn answer(table: &mut PagedTable<i64>, list: &List, mut request: Option<PageRequest>) {
    let mut number = 0;
    while let Some(asked) = request {
        number += 1;
        assert!(number < 20, "asks without end");
        let ticket = Ticket { pane: PaneId("tools"), number };
        table.asked(ticket);
        request = table.reply(ticket, Ok(list.page(&asked)), HEIGHT);
    }
}

fn loaded(list: &List) -> PagedTable<i64> {
    let mut table = PagedTable::default();
    let request = table.restart();
    answer(&mut table, list, Some(request));
    table
}

fn press(table: &mut PagedTable<i64>, list: &List, action: Action) {
    let (moved, request) = table.action(action, HEIGHT);
    assert!(moved);
    answer(table, list, request);
    assert!(table.rows.len() <= WINDOW, "{} rows kept", table.rows.len());
    assert_eq!(table.rows.len(), table.cursors.len());
    assert!((table.top..table.top + HEIGHT).contains(&table.selected), "the selection is out of sight");
}

#[test]
fn a_long_list_is_walked_from_end_to_end_in_a_flat_window() {
    let list = List((0..5_000).collect());
    let mut table = loaded(&list);
    for expected in 1..5_000 {
        press(&mut table, &list, Action::Down);
        assert_eq!(table.selected(), Some(&expected));
    }
    for expected in (0..4_999).rev() {
        press(&mut table, &list, Action::Up);
        assert_eq!(table.selected(), Some(&expected));
    }
    press(&mut table, &list, Action::Bottom);
    assert_eq!(table.selected(), Some(&4_999));
    press(&mut table, &list, Action::PageUp);
    assert_eq!(table.selected(), Some(&4_980));
    press(&mut table, &list, Action::Top);
    assert_eq!(table.selected(), Some(&0));
}

#[test]
fn new_and_deleted_rows_leave_the_selection_where_it_is() {
    let mut list = List((0..1_000).map(|n| n * 10).collect());
    let mut table = loaded(&list);
    for _ in 0..300 {
        press(&mut table, &list, Action::Down);
    }
    assert_eq!(table.selected(), Some(&3_000));
    let row_on_screen = table.selected - table.top;
    list.0.extend([15, 2_995]);
    list.0.sort_unstable();
    let request = table.refresh();
    answer(&mut table, &list, Some(request));
    assert_eq!(table.selected(), Some(&3_000));
    assert_eq!(table.selected - table.top, row_on_screen, "and on the same line of the screen");
    list.0.retain(|id| *id != 3_000);
    let request = table.refresh();
    answer(&mut table, &list, Some(request));
    assert_eq!(table.selected(), Some(&3_010), "the one that took its place");
    // Nothing is lost or doubled by the refreshes.
    press(&mut table, &list, Action::Top);
    let mut seen = vec![*table.selected().unwrap()];
    while seen.len() < list.0.len() {
        press(&mut table, &list, Action::Down);
        seen.push(*table.selected().unwrap());
    }
    assert_eq!(seen, list.0);
}

#[test]
fn a_flood_of_new_rows_above_pushes_the_selection_nowhere() {
    for (selected, new) in [(5, 1_000), (5, 100_000), (400, 300), (129, 600)] {
        let mut list = List((0..2_000).map(|n| n * 10).collect());
        let mut table = loaded(&list);
        for _ in 0..selected {
            press(&mut table, &list, Action::Down);
        }
        let (id, row_on_screen) = (*table.selected().unwrap(), table.selected - table.top);
        list.0.splice(0..0, (0..new).map(|n| n - new));
        let request = table.refresh();
        answer(&mut table, &list, Some(request));
        assert_eq!((*table.selected().unwrap(), table.selected - table.top), (id, row_on_screen), "{selected} {new}");
        assert!(table.rows.len() <= WINDOW);
        for step in 1..600 {
            press(&mut table, &list, Action::Down);
            assert_eq!(*table.selected().unwrap(), id + step * 10, "nothing below is lost");
        }
    }
}

#[test]
fn the_last_rows_stay_too_when_new_ones_come_before_them() {
    let mut list = List((0..40).map(|n| n * 10).collect());
    let mut table = loaded(&list);
    press(&mut table, &list, Action::Bottom);
    list.0.splice(0..0, -5_000..0);
    let request = table.refresh();
    answer(&mut table, &list, Some(request));
    assert_eq!(table.selected(), Some(&390));
    press(&mut table, &list, Action::Top);
    assert_eq!(table.selected(), Some(&-5_000));
}

#[test]
fn many_deleted_rows_leave_the_nearest_one_below() {
    let mut list = List((0..1_000).collect());
    let mut table = loaded(&list);
    for _ in 0..50 {
        press(&mut table, &list, Action::Down);
    }
    list.0.retain(|id| !(40..60).contains(id));
    let request = table.refresh();
    answer(&mut table, &list, Some(request));
    assert_eq!(table.selected(), Some(&60));
}

#[test]
fn a_change_does_not_undo_the_key_for_the_end() {
    let list = List((0..1_000).collect());
    let mut table = loaded(&list);
    let (_, request) = table.action(Action::Bottom, HEIGHT);
    table.asked(Ticket { pane: PaneId("tools"), number: 70 });
    assert_eq!(Some(table.refresh()), request);
    answer(&mut table, &list, request);
    assert_eq!(table.selected(), Some(&999));
}

#[test]
fn an_emptied_list_has_no_selection() {
    let mut list = List((0..30).collect());
    let mut table = loaded(&list);
    press(&mut table, &list, Action::Bottom);
    list.0.clear();
    let request = table.refresh();
    answer(&mut table, &list, Some(request));
    assert_eq!((table.selected(), table.is_empty()), (None, true));
    assert_eq!(table.action(Action::Down, HEIGHT), (true, None));
}

#[test]
fn a_stale_page_is_dropped_and_a_failure_keeps_the_rows() {
    let list = List((0..30).collect());
    let mut table = loaded(&list);
    let (old, new) = (Ticket { pane: PaneId("tools"), number: 90 }, Ticket { pane: PaneId("tools"), number: 91 });
    table.restart();
    table.asked(old);
    table.restart();
    table.asked(new);
    table.reply(old, Ok(Page::empty()), HEIGHT);
    assert_eq!(table.rows().len(), 30);
    table.reply(new, Err(Failure::new("the database is locked")), HEIGHT);
    assert_eq!((table.rows().len(), table.failure().is_some(), table.is_loading()), (30, true, false));
}

#[test]
fn a_row_can_be_selected_before_it_is_there() {
    let list = List((0..30).collect());
    let mut table = PagedTable::default();
    table.select(7);
    let request = table.restart();
    answer(&mut table, &list, Some(request));
    assert_eq!(table.selected(), Some(&7));
}

#[test]
fn columns_are_dropped_and_cut_as_the_table_narrows() {
    let list = List((0..3).collect());
    let mut table = loaded(&list);
    table.action(Action::Down, HEIGHT);
    table.toggle_mark();
    let columns: [Column<i64>; 3] = [
        Column {
            title: "Name",
            width: Width::Rest,
            right: false,
            from: 0,
            cell: |n, _| Cell::new(format!("calculation {n}"), Style::new()),
        },
        Column {
            title: "Id",
            width: Width::Fixed(4),
            right: true,
            from: 0,
            cell: |n, _| Cell::new(n.to_string(), Style::new()),
        },
        Column {
            title: "Twice",
            width: Width::Fixed(5),
            right: true,
            from: 24,
            cell: |n, _| Cell::new((n * 2).to_string(), Style::new()),
        },
    ];
    let theme = Theme::plain();
    let look = Look { theme: &theme, now: now(), spin: 0 };
    let screen = |width, height| {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| table.view(frame, frame.area(), &columns, Some((1, true)), true, &look)).unwrap();
        text_of(terminal.backend().buffer())
    };
    assert_eq!(
        screen(28, 4).lines().collect::<Vec<_>>(),
        [
            "  Name            Id ↑ Twice",
            "  calculation 0      0     0",
            "▌*calculation 1      1     2",
            "  calculation 2      2     4",
        ]
    );
    assert_eq!(screen(20, 3), "  Name          Id ↑\n  calculation 0    0\n▌*calculation 1    1\n");
    for width in 0..12 {
        for height in 0..4 {
            if width > 0 && height > 0 {
                screen(width, height);
            }
        }
    }
}
