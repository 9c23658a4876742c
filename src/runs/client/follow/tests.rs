use super::*;
use crate::{
    domain::{
        calculation::NewCalculation,
        id::RunId,
        limits::Limits,
        run::{Accounting, EngineKind, Progress, Provenance, Usage},
        run_state::Phase,
    },
    runs::{
        ending::cancelled,
        host,
        spool::{Final, LockedSpool, Request, log::Stream},
        testing::request,
    },
    session::testing::session,
};
use std::time::Duration;

/// What a viewer sees of a state.
type Seen = (Status, Phase, Option<f64>, Option<String>);

fn seen(state: &RunState) -> Seen {
    let step = state.progress.as_ref().and_then(|progress| progress.step);
    (state.status, state.phase, step, state.waiting().map(str::to_owned))
}

/// A calculation and the run that somebody asked for on a host.
struct Asked {
    folder: tempfile::TempDir,
    session: Session,
    id: CalculationId,
    run: RunId,
}

async fn calculation() -> (tempfile::TempDir, Session, CalculationId) {
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path()).await;
    let new = NewCalculation {
        name: "Truss".into(),
        description: None,
        code: "x = 1".into(),
        parameters: None,
        limits: Limits::default(),
        tool_id: None,
        tool_version_id: None,
        parent_id: None,
        inputs: Vec::new(),
    };
    let id = db::calculations::create(&session.db, session.user.id, &new).await.unwrap();
    (folder, session, id)
}

impl Asked {
    async fn on(host: &str) -> Self {
        let (folder, session, id) = calculation().await;
        let run = RunId::new();
        db::runs::submit(&session.db, session.user.id, id, run, host, &Limits::default()).await.unwrap();
        Self { folder, session, id, run }
    }

    fn first_state(&self) -> RunState {
        RunState::new(Some(self.run), self.id, Limits::default(), self.session.config.caps)
    }

    async fn claim(&self, host: &str) {
        let provenance = Provenance {
            level: "E2".into(),
            guarantee: "no network".into(),
            interpreter: "python".into(),
            ..Provenance::new(EngineKind::Builtin, host, Limits::default())
        };
        let now = chrono::Utc::now().naive_utc();
        assert!(db::runs::claim(&self.session.db, self.run, &provenance, now).await.unwrap());
    }

    async fn finish(&self, end: &Final) {
        db::runs::finish(&self.session.db, self.run, &end.outcome, end.completed_at).await.unwrap();
    }
}

/// The supervisor of a story, and where it tells it.
enum Teller {
    /// On this host.
    Spool(LockedSpool),
    /// On another one.
    Record,
}

impl Teller {
    async fn tell(&self, asked: &Asked, state: &RunState) {
        match self {
            Self::Spool(spool) => spool.write_state(state).unwrap(),
            Self::Record => {
                let text = serde_json::to_string(state).unwrap();
                db::runs::live::tell(&asked.session.db, asked.run, &text, state.usage).await.unwrap();
            }
        }
    }
}

/// What came of following: states without repetitions, lines, troubles, the end.
#[derive(Debug, Default)]
struct Notes {
    states: Vec<Seen>,
    lines: Vec<String>,
    troubles: Vec<String>,
    end: Option<Status>,
}

impl Notes {
    /// Takes what is told, until the newest state looks like this.
    async fn until(&mut self, follow: &mut Follow, state: &RunState) {
        let wanted = seen(state);
        assert!(!self.take(follow, |notes| notes.states.last() == Some(&wanted)).await, "it is over before {wanted:?}");
    }

    /// Takes what is told up to the end.
    async fn until_end(&mut self, follow: &mut Follow) {
        self.take(follow, |_| false).await;
    }

    /// Takes what is told until it is enough; whether it is over.
    async fn take(&mut self, follow: &mut Follow, is_enough: impl Fn(&Self) -> bool) -> bool {
        let all = async {
            while let Some(followed) = follow.next().await.unwrap() {
                match followed {
                    Followed::State(state) => {
                        let state = seen(&state);
                        if self.states.last() != Some(&state) {
                            self.states.push(state);
                        }
                    }
                    Followed::Lines(lines) => {
                        self.lines.extend(lines.iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()));
                    }
                    Followed::Trouble(error) => self.troubles.push(error.to_string()),
                    Followed::Ended(status) => self.end = Some(status),
                    Followed::LogLength(_) => {}
                }
                if is_enough(self) {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(Duration::from_secs(30), all).await.expect("it is told")
    }
}

/// One story: it waits, runs, reports progress, ends and is recorded.
async fn told_by(asked: &Asked, teller: Teller, host: &str) -> Notes {
    let mut follow = Follow::open(&asked.session, asked.id).await.unwrap();
    let mut notes = Notes::default();
    let mut state = asked.first_state();
    notes.until(&mut follow, &state).await;

    state.waiting_reason = Some("1 of 1 running".into());
    teller.tell(asked, &state).await;
    notes.until(&mut follow, &state).await;

    asked.claim(host).await;
    let now = chrono::Utc::now().naive_utc();
    state = RunState { phase: Phase::Running, status: Status::Running, started_at: Some(now), ..asked.first_state() };
    teller.tell(asked, &state).await;
    notes.until(&mut follow, &state).await;

    state.progress = Some(Progress { step: Some(3.0), ..Progress::default() });
    if let Teller::Spool(spool) = &teller {
        let mut log = spool.new_log(1 << 20).unwrap();
        log.write(Stream::Stdout, b"hello\nand no end");
    }
    teller.tell(asked, &state).await;
    notes.until(&mut follow, &state).await;

    let mut end = cancelled();
    end.outcome.status = Status::Completed;
    let accounting = Accounting::Shim;
    end.outcome.usage = Some(Usage { execution_time: 1.5, cpu_time: 1.0, memory: 0, peak_memory: 1 << 20, accounting });
    (state.phase, state.status) = (Phase::Delivering, Status::Completed);
    teller.tell(asked, &state).await;
    notes.until(&mut follow, &state).await;
    if let Teller::Spool(spool) = &teller {
        spool.finish(&end).unwrap();
        // The last line has no end, and comes when there will be no more.
        notes.take(&mut follow, |notes| notes.lines.len() == 2).await;
    }
    asked.finish(&end).await;
    if let Teller::Spool(spool) = teller {
        spool.remove().unwrap();
    }
    notes.until_end(&mut follow).await;
    assert!(follow.next().await.unwrap().is_none(), "nothing comes after the end");
    notes
}

#[tokio::test]
async fn a_story_is_the_same_from_the_spool_from_another_host_and_from_the_record() {
    let here = Asked::on(&host::name()).await;
    let asked = Request {
        run: here.run,
        calculation: here.id,
        user: here.session.user.id,
        host: host::name(),
        ..request(here.folder.path())
    };
    let spool = LockedSpool::create(&here.session.config.paths.spool(), &asked).unwrap();
    let from_spool = told_by(&here, Teller::Spool(spool), &host::name()).await;
    let waits = |reason: Option<&str>| (Status::Pending, Phase::Waiting, None, reason.map(str::to_owned));
    let expected = [
        waits(None),
        waits(Some("1 of 1 running")),
        (Status::Running, Phase::Running, None, None),
        (Status::Running, Phase::Running, Some(3.0), None),
        (Status::Completed, Phase::Delivering, Some(3.0), Some("storing its outputs".to_owned())),
        (Status::Completed, Phase::Over, Some(3.0), None),
    ];
    assert_eq!(from_spool.states, expected);
    assert_eq!((from_spool.end, &from_spool.troubles), (Some(Status::Completed), &Vec::new()));
    assert_eq!(from_spool.lines, ["hello", "and no end"]);

    let there = Asked::on("elsewhere").await;
    let from_host = told_by(&there, Teller::Record, "elsewhere").await;
    assert_eq!((&from_host.states, from_host.end), (&from_spool.states, from_spool.end));
    // An embedded database is not made for two hosts, and says so.
    assert_eq!(from_host.troubles, [format!("calculation {} runs on elsewhere; follow it there", there.id)]);

    for asked in [here, there] {
        let mut from_record = Notes::default();
        from_record.until_end(&mut Follow::open(&asked.session, asked.id).await.unwrap()).await;
        // The record keeps no progress.
        assert_eq!(from_record.states, [(Status::Completed, Phase::Over, None, None)]);
        assert_eq!(from_record.end, from_spool.end);
    }
}

#[tokio::test]
async fn a_run_that_is_nowhere_is_said_and_followed_all_the_same() {
    let lost = Asked::on(&host::name()).await;
    let mut follow = Follow::open(&lost.session, lost.id).await.unwrap();
    let mut notes = Notes::default();
    notes.until(&mut follow, &lost.first_state()).await;
    let ending = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        lost.finish(&cancelled()).await;
    };
    tokio::join!(notes.until_end(&mut follow), ending);
    assert!(notes.troubles.len() == 1 && notes.troubles[0].contains("nothing of its run is on this host"), "{notes:?}");
    assert_eq!(notes.end, Some(Status::Cancelled));
}

#[tokio::test]
async fn a_calculation_that_nobody_started_has_a_state_and_no_end() {
    let (_folder, session, id) = calculation().await;
    let mut follow = Follow::open_counting(&session, id).await.unwrap();
    let mut notes = Notes::default();
    notes.until_end(&mut follow).await;
    assert_eq!(notes.states, [(Status::Pending, Phase::Waiting, None, Some("not started".to_owned()))]);
    assert!(notes.end.is_none() && notes.troubles[0].contains("was not started"), "{notes:?}");
    let unknown = Follow::open(&session, CalculationId(id.0 + 1)).await.unwrap_err();
    assert!(matches!(unknown, FollowError::Deleted(_)), "{unknown}");
}
