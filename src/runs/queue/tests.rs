use super::*;
use crate::{
    domain::id::CalculationId,
    runs::{spool::Bounds, testing::request},
};
use std::cell::RefCell;

/// Requests of one queue, in their order; the host has room for all.
fn requests(root: &Path, count: i64, per_user: u32) -> Vec<Request> {
    (1..=count)
        .map(|number| Request {
            calculation: CalculationId(number),
            bounds: Bounds { per_user, per_host: 1_000 },
            ..request(root)
        })
        .collect()
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("in time")
}

async fn waits(entry: &mut Entry) -> String {
    let told = RefCell::new(String::new());
    let turn = entry.turn(|reason| *told.borrow_mut() = reason.to_owned());
    assert!(tokio::time::timeout(Duration::from_millis(50), turn).await.is_err(), "it has to wait");
    told.into_inner()
}

#[tokio::test]
async fn runs_take_turns_in_the_order_of_submission() {
    let root = tempfile::tempdir().unwrap();
    let requests = requests(root.path(), 4, 2);
    // Supervisors start in any order; the entrys are by submission.
    for request in &requests {
        enter(request).unwrap();
    }
    let mut entrys: Vec<_> = requests.iter().rev().map(|request| Entry::of(request).unwrap()).collect();
    entrys.reverse();
    let mut entrys = entrys.into_iter();
    let (mut first, mut second) = (entrys.next().unwrap(), entrys.next().unwrap());
    let (mut third, mut fourth) = (entrys.next().unwrap(), entrys.next().unwrap());

    assert_eq!(waits(&mut second).await, "waiting for its turn, 1 ahead");
    let one = soon(first.turn(|_| {})).await.unwrap();
    let two = soon(second.turn(|_| {})).await.unwrap();
    assert_eq!(waits(&mut third).await, "2 of 2 running: waiting for #1 or #2");
    assert_eq!(waits(&mut fourth).await, "2 of 2 running: waiting for #1 or #2, 1 ahead");
    drop(two);
    drop(second);
    let three = tokio::select! {
        turn = third.turn(|_| {}) => turn.unwrap(),
        _ = fourth.turn(|_| {}) => panic!("the fourth overtook the third"),
    };
    let (four, ()) = soon(async { tokio::join!(fourth.turn(|_| {}), async { drop((one, first)) }) }).await;
    drop((three, four));
}

#[tokio::test]
async fn a_waiting_run_wakes_when_another_process_dies() {
    let root = tempfile::tempdir().unwrap();
    let requests = requests(root.path(), 1, 1);
    let mut entry = Entry::of(&requests[0]).unwrap();
    // flock(1) holds the only slot, as a supervisor would, and is killed as one may be.
    let slot = requests[0].queue.join("slot.0");
    let mut holder = std::process::Command::new("flock")
        .arg(&slot)
        .args(["sh", "-c", "echo 77 > \"$0\"; exec sleep 600"])
        .arg(&slot)
        .spawn()
        .expect("flock of util-linux");
    loop {
        let held = rustix::fs::flock(File::open(&slot).unwrap(), FlockOperation::NonBlockingLockShared).is_err();
        if held && fs::read_to_string(&slot).unwrap() == "77\n" {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(waits(&mut entry).await, "1 of 1 running: waiting for #77");
    let kill = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        // flock waits for sleep, which holds the lock as well: end both.
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", holder.id())).unwrap();
        for child in children.split_whitespace() {
            let pid = rustix::process::Pid::from_raw(child.parse().unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        holder.kill().unwrap();
        holder.wait().unwrap();
    };
    let (turn, ()) = soon(async { tokio::join!(entry.turn(|_| {}), kill) }).await;
    turn.unwrap();
}

#[tokio::test]
async fn a_ticket_without_a_supervisor_holds_nobody_up_for_long() {
    let root = tempfile::tempdir().unwrap();
    let requests = requests(root.path(), 2, 1);
    enter(&requests[0]).unwrap();
    let mut entry = Entry::of(&requests[1]).unwrap();
    assert_eq!(waits(&mut entry).await, "waiting for its turn, 1 ahead");
    let old = SystemTime::now() - 2 * STARTING;
    File::options().write(true).open(ticket(&requests[0])).unwrap().set_modified(old).unwrap();
    soon(entry.turn(|_| {})).await.unwrap();

    sweep(&requests[0].queue, |run| run != requests[0].run.to_string()).unwrap();
    assert!(!ticket(&requests[0]).exists());
}

#[tokio::test]
async fn the_bound_of_the_host_counts_every_user() {
    let (ann, bob, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let entry = |home: &tempfile::TempDir| {
        let request = Request { bounds: Bounds { per_user: 2, per_host: 1 }, ..request(home.path()) };
        Entry::sharing(&request, Ok(shared.path())).unwrap()
    };
    let (mut first, mut second) = (entry(&ann), entry(&bob));
    let turn = soon(first.turn(|_| {})).await.unwrap();
    assert_eq!(waits(&mut second).await, "1 of 1 running on this host, all users together");
    let (next, ()) = soon(async { tokio::join!(second.turn(|_| {}), async { drop((turn, first)) }) }).await;
    next.unwrap();

    let alone = Entry::sharing(&request(ann.path()), Err(io::ErrorKind::NotFound.into())).unwrap();
    assert!(alone.note().unwrap().starts_with("runs of other users are not counted"));
}

#[test]
fn a_planted_slot_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (link, fifo) = (folder.path().join("link"), folder.path().join("fifo"));
    fs::write(folder.path().join("target"), "").unwrap();
    std::os::unix::fs::symlink(folder.path().join("target"), &link).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o644.into()).unwrap();
    assert!(shared_slot(link).is_err());
    assert!(shared_slot(fifo).unwrap_err().to_string().contains("no regular file"));
    let slot = shared_slot(folder.path().join("slot")).unwrap();
    assert_eq!(slot.file.metadata().unwrap().mode() & 0o777, 0o444);
    assert!(free(&[slot]).unwrap().0.is_some());
}
