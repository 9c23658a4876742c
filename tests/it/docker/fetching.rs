//! A run whose image is not here: nobody is surprised by it, it is seen coming, and it can be stopped.

use super::pulling::{Way, heavy};
use crate::support::{
    docker::{Engine, Registry},
    home::Home,
    pty::Pty,
};
use std::time::{Duration, Instant};

const CODE: &str = "import numpy\ndef calculate(x=20):\n    return {'answer': int(numpy.int64(x)) + 22}\n";

fn home(engine: &Engine) -> Home {
    let home = Home::new().with("DOCKER_HOST", &engine.host()).with("MECAPY_SANDBOX_ENGINE", "docker");
    home.file("add.py", CODE);
    home
}

#[test]
fn a_missing_image_is_told_and_comes_when_asked_for() {
    let (Some(engine), Some(registry)) = (Engine::own(), Registry::open()) else { return };
    let Some(python) = engine.python() else { return };
    let name = registry.push(&engine, python, "python-with-numpy", "1");
    engine.forget(python);
    let home = home(&engine);
    let run = ["calc", "run", "add.py", "--image", &name];
    home.run(&run).code(5).says(&format!("`mecapy images pull {name}` fetches it, or run with --pull"));
    // Nobody is there to ask, so nothing is asked.
    let ended = home.run(&[&run[..], &["--follow", "--pull"]].concat()).code(0);
    assert!(!ended.err.contains("[y/N]"), "{}", ended.err);
    let shown = home.run(&["calc", "show", "2", "--json"]).code(0).json();
    assert_eq!(shown["result_data"], r#"{"answer": 42}"#);
    let listed = home.run(&["images", "ls", "--json"]).code(0).json_lines();
    let digest = listed.iter().find(|image| image["name"] == name.as_str()).expect("it came")["digest"].clone();
    assert!(shown.to_string().contains(digest.as_str().unwrap()), "{digest} is not in the record: {shown}");
    // Here already: nothing to fetch, nothing to ask.
    home.run(&[&run[..], &["--wait"]].concat()).code(0);
    // Run again, it has the image that it was given for that one run; another one where that is asked for.
    let interpreter = |arguments: &[&str]| {
        let again = home.run(&[&["calc", "rerun"], arguments, &["--wait", "--json"]].concat()).code(0).json();
        again["run"]["interpreter"].as_str().unwrap_or_default().to_owned()
    };
    let of_image = format!("python3 of {name}");
    assert_eq!(interpreter(&["3"]), of_image);
    assert_eq!(interpreter(&["4"]), of_image, "a copy of a copy, too");
}

#[test]
fn python_code_in_an_image_without_python_is_refused_in_words() {
    let Some(engine) = Engine::shared() else { return };
    let home = home(engine);
    // Nothing is remembered of an image that has none.
    for _ in 0..2 {
        let refused = home.run(&["calc", "run", "add.py", "--image", engine.bash(), "--wait"]).code(1);
        assert!(refused.err.contains("has no python3"), "{}", refused.err);
    }
    home.run(&["sandbox", "prune"]).code(0);
}

#[test]
fn a_person_is_asked_sees_it_come_and_stops_it() {
    let (Some(engine), Some(registry)) = (Engine::shared(), Registry::open()) else { return };
    let slow = Way::slow(registry.address(), 64 << 10);
    heavy(engine, &registry, "asked", 1, 6 << 20);
    let name = format!("{}/asked:1", slow.address());
    let home = home(engine);
    let arguments = ["calc", "run", "add.py", "--follow", "--image", &name];
    let mut terminal = Pty::start(&home, 120, 24, &arguments);
    terminal.shows("Fetch it from its registry and run? [y/N]");
    terminal.send("n\r");
    assert_eq!(terminal.code(), 6);
    let mut terminal = Pty::start(&home, 120, 24, &arguments);
    terminal.shows("[y/N]");
    terminal.send("y\r");
    terminal.wait("a bar", |screen| screen.contents().contains("[#"));
    // The run is not this terminal's: it goes on without it, until it is stopped.
    terminal.send("\x03");
    assert_eq!(terminal.code(), 130);
    assert!(slow.is_used(), "the supervisor fetches it");
    home.run(&["calc", "cancel", "2"]).code(0);
    slow.wait_until_unused();
    ends(&home, "2", "cancelled");
}

#[test]
fn what_is_followed_as_json_tells_of_the_image_on_standard_error_alone() {
    let (Some(engine), Some(registry)) = (Engine::own(), Registry::open()) else { return };
    let Some(python) = engine.python() else { return };
    let name = registry.push(&engine, python, "python-for-json", "1");
    engine.forget(python);
    let home = home(&engine);
    for form in [&["--follow"][..], &["--follow", "--json"], &["--wait", "--json"]] {
        let run = ["calc", "run", "add.py", "--image", &name, "--pull"];
        let ended = home.run(&[&run[..], form].concat()).code(0);
        engine.forget(&name);
        assert!(ended.err.lines().any(|line| line.starts_with(&format!("{name}: "))), "{form:?}: {}", ended.err);
        assert!(!ended.err.contains('\r') && !ended.err.contains('\x1b'), "{}", ended.err);
        assert!(!ended.out.contains("python-for-json: "), "{}", ended.out);
        if form.contains(&"--json") {
            let lines = ended.json_lines();
            assert_eq!(lines.last().unwrap()["status"], "completed");
            assert!(lines.iter().all(|line| line["progress"].is_null()), "{}", ended.out);
        }
    }
}

#[test]
fn an_image_on_its_way_keeps_no_other_run_waiting() {
    let (Some(engine), Some(registry)) = (Engine::shared(), Registry::open()) else { return };
    let Some(python) = engine.python() else { return };
    let slow = Way::slow(registry.address(), 64 << 10);
    heavy(engine, &registry, "no-turn", 1, 6 << 20);
    let name = format!("{}/no-turn:1", slow.address());
    let home = home(engine).with("MECAPY_RUNS_MAX_PER_USER", "1").with("MECAPY_SANDBOX_IMAGE", python);
    home.run(&["calc", "run", "add.py", "--image", &name, "--pull"]).code(0);
    slow.wait_until_used();
    // Submitted later, with one turn for all: it has it.
    home.run(&["calc", "run", "add.py", "--wait"]).code(0);
    assert_eq!(home.run(&["calc", "show", "1", "--json"]).code(0).json()["status"], "pending");
    home.run(&["calc", "cancel", "1"]).code(0);
    slow.wait_until_unused();
    ends(&home, "1", "cancelled");
}

/// Waits for the state of a calculation.
#[track_caller]
fn ends(home: &Home, id: &str, status: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let now = home.run(&["calc", "show", id, "--json"]).code(0).json()["status"].clone();
        if now == status {
            return;
        }
        assert!(Instant::now() < end, "calculation {id} is {now}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

#[test]
fn the_screen_asks_and_shows_the_image_coming() {
    let (Some(engine), Some(registry)) = (Engine::shared(), Registry::open()) else { return };
    let slow = Way::slow(registry.address(), 64 << 10);
    heavy(engine, &registry, "on-screen", 1, 6 << 20);
    let name = format!("{}/on-screen:1", slow.address());
    let home = home(engine).with("MECAPY_SANDBOX_IMAGE", &name);
    home.run(&["calc", "new", "add.py"]).code(0);
    let mut screen = Pty::start(&home, 120, 36, &[]);
    screen.shows("add");
    screen.send("r");
    screen.shows("Fetch its image first?");
    screen.shows(&name);
    screen.send("\r");
    screen.shows("fetching its image");
    screen.wait("how far it is", |screen| {
        let text = screen.contents();
        text.contains("fetched") && text.contains("of 6.0 MiB") && text.contains("layers ready")
    });
    // It does not need the screen.
    screen.send("q");
    assert_eq!(screen.code(), 0);
    assert!(slow.is_used());
    home.run(&["calc", "cancel", "1"]).code(0);
    slow.wait_until_unused();
    ends(&home, "1", "cancelled");
}
