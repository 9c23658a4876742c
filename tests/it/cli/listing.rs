//! `calc ls` and `tools ls`: filters, order, pages.

use super::databases::sql;
use crate::support::home::{Done, Home};

/// A home with 1,201 calculations: `a`, and `case 1` to `case 1200`, each created a second after the one before.
fn many() -> Home {
    let home = Home::new();
    home.file("a.py", "pass");
    home.run(&["calc", "new", "a.py"]).code(0);
    sql(
        &home.database(),
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1200)
         INSERT INTO calculations (user_id, name, status, code, created_at, updated_at)
         SELECT user_id, 'case ' || n, 'pending', code,
                strftime('%Y-%m-%d %H:%M:%S', '2030-01-01', '+' || n || ' seconds') || '.000000', updated_at
         FROM calculations, n WHERE id = 1",
    );
    home
}

fn names(done: &Done) -> Vec<String> {
    done.json_lines().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn pages_follow_each_other_without_gaps() {
    let home = many();
    let all = names(&home.run(&["calc", "ls", "--all", "--json"]).code(0));
    let expected: Vec<_> = (1..=1_200).rev().map(|n| format!("case {n}")).chain(["a".to_owned()]).collect();
    assert_eq!(all, expected);
    let ascending = names(&home.run(&["calc", "ls", "--all", "--json", "--ascending"]).code(0));
    assert_eq!(ascending, expected.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn a_limit_says_that_there_is_more() {
    let home = many();
    let some = home.run(&["calc", "ls", "--json"]).code(0).says("50 shown, there are more: --limit COUNT or --all");
    assert_eq!(some.out.lines().count(), 50);
    let some = home.run(&["calc", "ls", "--json", "--limit", "1201"]).code(0);
    assert_eq!((some.out.lines().count(), some.err.as_str()), (1_201, ""));
    let table = home.run(&["calc", "ls", "-n", "2", "--quiet"]).code(0);
    assert_eq!(table.err, "");
    let lines: Vec<_> = table.out.lines().collect();
    assert!(
        lines.len() == 3 && lines[0].trim_start().starts_with("ID") && lines[1].ends_with("case 1200"),
        "{lines:?}"
    );
    home.run(&["calc", "ls", "--limit", "5", "--all"]).code(2);
}

#[test]
fn filters_and_order() {
    let home = many();
    let found = names(&home.run(&["calc", "ls", "--json", "--search", "CASE 120"]).code(0));
    assert_eq!(found, ["case 1200", "case 120"]);
    assert_eq!(names(&home.run(&["calc", "ls", "--json", "--sort", "name", "--ascending", "-n1"]).code(0)), ["a"]);
    assert_eq!(names(&home.run(&["calc", "ls", "--json", "--status", "running,failed"]).code(0)), [""; 0]);
    assert_eq!(names(&home.run(&["calc", "ls", "--json", "--status", "pending", "-n2"]).code(0)).len(), 2);
    home.run(&["calc", "ls", "--status", "done"]).code(2).says("one of pending, running, completed, failed, cancelled");
    home.run(&["calc", "ls", "--search", "no such name"]).code(0).says("no calculation matches");
}

#[test]
fn tools_are_found_by_text() {
    let home = Home::new();
    let found = home.run(&["tools", "ls", "--json", "--search", "hertz"]).code(0).json_lines();
    assert_eq!(found[0]["name"], "hertz_contact");
    let code = home.run(&["tools", "show", "hertz_contact", "--code"]).code(0).out;
    assert!(code.contains("def calculate("), "{code}");
    let shown = home.run(&["tools", "show", "hertz_contact", "--json"]).code(0).json();
    assert_eq!((shown["timeout"].is_u64(), shown["code_template"].as_str()), (true, Some(code.as_str())));
    home.run(&["tools", "ls", "--search", "no such tool"]).code(0).says("no tools");
}
