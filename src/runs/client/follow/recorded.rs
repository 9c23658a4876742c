//! The state of a run as the database knows it, and as its final record tells it.

use crate::{
    domain::{
        detail::CalculationDetail,
        file::FileRole,
        run::{Accounting, Usage},
        run_state::{Phase, RunState},
        status::Status,
    },
    runs::spool::Final,
    session::Session,
};

/// What the database knows of a calculation and its run.
pub(super) fn recorded_state(session: &Session, detail: &CalculationDetail) -> RunState {
    let CalculationDetail { calculation, run, files, .. } = detail;
    let limits = detail.limits().unwrap_or_default();
    let peak_memory = run.as_ref().and_then(|run| run.peak_memory);
    let outputs = files.iter().filter(|link| !link.file_role.is_read() && link.file_role != FileRole::Log);
    RunState {
        name: calculation.name.clone(),
        phase: match calculation.status {
            Status::Pending => Phase::Waiting,
            Status::Running => Phase::Running,
            _ => Phase::Over,
        },
        status: calculation.status,
        waiting_reason: run.is_none().then(|| "not started".to_owned()),
        started_at: calculation.started_at,
        completed_at: calculation.completed_at,
        isolation: run.as_ref().and_then(|run| run.level.clone().zip(run.guarantee.clone())),
        usage: calculation.execution_time.map(|execution_time| Usage {
            execution_time,
            cpu_time: calculation.cpu_time.unwrap_or_default(),
            memory: 0,
            peak_memory: peak_memory
                .or(calculation.memory_used.and_then(|mib| u64::try_from(mib << 20).ok()))
                .unwrap_or_default(),
            accounting: Accounting::Shim,
        }),
        error_message: calculation.error_message.clone(),
        error_line: run.as_ref().and_then(|run| run.error_line),
        outputs: outputs
            .map(|link| (link.file.filename.clone(), u64::try_from(link.file.file_size).unwrap_or(0)))
            .collect(),
        notes: run.as_ref().map(|run| run.notes.clone()).unwrap_or_default(),
        ..RunState::new(run.as_ref().map(|run| run.id), calculation.id, limits, session.config.caps)
    }
}

/// What the final record says over `known`, while database and store are being told.
pub(super) fn ended_state(end: Final, known: &RunState) -> RunState {
    let Final { outcome, completed_at } = end;
    RunState {
        phase: Phase::Delivering,
        status: outcome.status,
        completed_at: Some(completed_at),
        error_message: outcome.error_message,
        error_line: outcome.error_line,
        usage: outcome.usage.or(known.usage),
        outputs: outcome.outputs.into_iter().map(|output| (output.name, output.size)).collect(),
        ..known.clone()
    }
}
