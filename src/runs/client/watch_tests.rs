use super::*;
use crate::{
    domain::run_state::Phase,
    runs::{
        ending::cancelled,
        spool::{LockedSpool, log},
        testing::request,
    },
};
use std::{fs, io::Write as _};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_line_is_told_soon_and_a_flood_seldom() {
    let mut now = Instant::now();
    let mut pace = Pace::default();
    assert_eq!(pace.quiet_until(now), None, "the first bytes wait for nothing");
    // Line by line, each a twentieth of a second after the one before at most.
    for _ in 0..20 {
        pace.told(100, now);
        assert_eq!(pace.quiet_until(now), Some(now + QUICK));
        now += 100 * MS;
        assert_eq!(pace.quiet_until(now), None);
    }
    // More each time than a screen shows: told less and less often, and never less than that.
    let (began, mut told) = (now, 0);
    while now - began < Duration::from_secs(10) {
        pace.told(1 << 20, now);
        told += 1;
        now = pace.quiet_until(now).unwrap();
    }
    assert!((25..=30).contains(&told), "{told} in ten seconds");
    assert!(now - began < Duration::from_secs(10) + SLOW);
    // The end of it is told, and then it is as it was at first.
    pace.told(100, now);
    assert_eq!(pace.quiet_until(now), Some(now + QUICK));
}

/// A run's spool whose state was told already, and its watch.
async fn watched(root: &Path) -> (LockedSpool, Watch) {
    let request = request(root);
    let spool = LockedSpool::create(root, &request).unwrap();
    spool.write_state(&request.first_state()).unwrap();
    let mut watch = Watch::open(spool.folder()).unwrap();
    assert!(matches!(next(&mut watch).await, Event::State(_)));
    (spool, watch)
}

async fn next(watch: &mut Watch) -> Event {
    let next = tokio::time::timeout(Duration::from_secs(30), watch.next()).await;
    next.expect("nothing is told").expect("it is over")
}

fn print(spool: &Spool, bytes: usize) {
    let log = fs::OpenOptions::new().append(true).create(true).open(spool.folder().join(log::LOG));
    log.unwrap().write_all(&vec![b'x'; bytes]).unwrap();
}

#[tokio::test]
async fn bytes_are_told_together_and_none_is_forgotten() {
    let root = tempfile::tempdir().unwrap();
    let (spool, mut watch) = watched(root.path()).await;
    print(&spool, 10);
    assert_eq!(next(&mut watch).await, Event::Log(10));
    // Printed while nothing is told, in two pieces: told at the end of the pause, once.
    print(&spool, 10);
    print(&spool, 10);
    assert_eq!(next(&mut watch).await, Event::Log(30));
    let told = watch.log.as_ref().unwrap().1.told.unwrap();
    tokio::time::sleep_until(told + QUICK).await;
    // Behind the pause the kernel has to wake it again.
    let printing = async {
        tokio::task::yield_now().await;
        print(&spool, 10);
    };
    assert_eq!(tokio::join!(next(&mut watch), printing).0, Event::Log(40));
}

#[tokio::test]
async fn no_step_of_a_life_waits_for_the_log() {
    let root = tempfile::tempdir().unwrap();
    let (spool, mut watch) = watched(root.path()).await;
    // A flood, and a pause behind it that no test outlives.
    print(&spool, 1 << 20);
    assert_eq!(next(&mut watch).await, Event::Log(1 << 20));
    watch.log.as_mut().unwrap().1.pause = Duration::from_hours(1);
    print(&spool, 1 << 20);
    let state = RunState { phase: Phase::Stopping, ..spool.state().unwrap().unwrap() };
    let changing = async {
        tokio::task::yield_now().await;
        spool.write_state(&state).unwrap();
    };
    assert_eq!(tokio::join!(next(&mut watch), changing).0, Event::State(Box::new(state.clone())));
    // What the log tells by itself is no news of the run.
    spool.write_state(&RunState { log_bytes: 2 << 20, ..state }).unwrap();
    let end = cancelled();
    let ending = async {
        tokio::task::yield_now().await;
        spool.finish(&end).unwrap();
    };
    assert_eq!(tokio::join!(next(&mut watch), ending).0, Event::Log(2 << 20), "the whole log before the end");
    assert_eq!(next(&mut watch).await, Event::Ended(Box::new(end)));
}

#[tokio::test]
async fn who_wants_only_the_steps_hears_nothing_of_the_log() {
    let root = tempfile::tempdir().unwrap();
    let (spool, watch) = watched(root.path()).await;
    drop(watch);
    let mut watch = Watch::steps(spool.folder()).unwrap();
    assert!(matches!(next(&mut watch).await, Event::State(_)));
    print(&spool, 1 << 20);
    let end = cancelled();
    spool.finish(&end).unwrap();
    assert_eq!(next(&mut watch).await, Event::Ended(Box::new(end)));
}
