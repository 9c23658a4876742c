//! The real screen with a container: killed, hung up, two at once. The run is nobody's terminal's.

use super::runs::things;
use crate::support::{docker::Engine, home::Home, pty::Pty};
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

/// Goes on for some seconds, whoever looks.
const SLOW: &str = "import time\nfor i in range(60):\n    print('line', i, flush=True)\n    time.sleep(0.1)\n\
                    def calculate(): return {'done': True}\n";

const DEAF: &str = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\n\
                    while True: time.sleep(1)\n";

fn home(engine: &Engine, image: &str, code: &str) -> Home {
    let home = Home::new()
        .with("DOCKER_HOST", &engine.host())
        .with("MECAPY_SANDBOX_ENGINE", "docker")
        .with("MECAPY_SANDBOX_IMAGE", image)
        .with("MECAPY_CAPS_GRACE", "120");
    home.file("slow.py", code);
    home.run(&["calc", "new", "slow.py", "--timeout", "300"]).code(0);
    home
}

/// A screen that shows the run's log; it started the run itself where `starts`.
fn screen(home: &Home, starts: bool, line: &str) -> Pty {
    let mut screen = Pty::start(home, 120, 40, &[]);
    screen.shows("slow");
    screen.send(if starts { "r" } else { "4" });
    screen.shows(line);
    screen
}

/// Waits until the calculation is over, and gives it.
fn over(home: &Home) -> serde_json::Value {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let now = home.run(&["calc", "show", "1", "--json"]).code(0).json();
        if !["pending", "running"].contains(&now["status"].as_str().unwrap()) {
            return now;
        }
        assert!(Instant::now() < end, "it goes on: {now}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn assert_whole(home: &Home, engine: &Engine, before: &std::collections::BTreeSet<String>) {
    let ended = over(home);
    assert_eq!(
        (&ended["status"], &ended["result_data"]),
        (&"completed".into(), &r#"{"done": true}"#.into()),
        "{ended}"
    );
    let expected: String = (0..60).fold(String::new(), |text, number| text + &format!("line {number}\n"));
    assert_eq!(home.run(&["calc", "logs", "1"]).code(0).out, expected);
    assert_nothing_left(home, engine, before);
}

fn assert_nothing_left(home: &Home, engine: &Engine, before: &std::collections::BTreeSet<String>) {
    let spool = home.path().join(".local/state/mecapy/spool");
    let end = Instant::now() + Duration::from_secs(30);
    while std::fs::read_dir(&spool).unwrap().next().is_some() {
        assert!(Instant::now() < end, "a spool is left");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(&things(engine), before);
    assert_eq!(home.run(&["sandbox", "prune"]).code(0).out, "");
}

#[test]
fn a_screen_that_is_killed_or_hung_up_takes_no_container_along() {
    let Some(engine) = Engine::own() else { return };
    let Some(image) = engine.python() else { return };
    let before = things(&engine);
    for signal in [Signal::KILL, Signal::HUP] {
        let home = home(&engine, image, SLOW);
        let mut screen = screen(&home, true, "line 3");
        kill_process(Pid::from_raw(screen.pid()).unwrap(), signal).unwrap();
        screen.code();
        assert_whole(&home, &engine, &before);
    }
}

#[test]
fn two_screens_show_one_run_and_the_one_that_is_killed_is_not_missed() {
    let Some(engine) = Engine::own() else { return };
    let Some(image) = engine.python() else { return };
    let before = things(&engine);
    let home = home(&engine, image, SLOW);
    let mut first = screen(&home, true, "line 3");
    let second = screen(&home, false, "line 3");
    kill_process(Pid::from_raw(first.pid()).unwrap(), Signal::KILL).unwrap();
    first.code();
    second.shows("line 59");
    second.shows("completed");
    assert_whole(&home, &engine, &before);
}

#[test]
fn one_screen_stops_the_other_counts_along_and_stops_for_good() {
    let Some(engine) = Engine::own() else { return };
    let Some(image) = engine.python() else { return };
    let before = things(&engine);
    let home = home(&engine, image, DEAF);
    let mut first = screen(&home, true, "up");
    let mut second = screen(&home, false, "up");
    first.send("x");
    first.shows("killed 120 s later");
    first.send("y");
    for screen in [&first, &second] {
        screen.shows("asked to end (SIGTERM); killed in 11");
    }
    second.send("x");
    for screen in [&first, &second] {
        screen.shows("cancelled");
    }
    assert_eq!(over(&home)["status"], "cancelled");
    assert_nothing_left(&home, &engine, &before);
}
