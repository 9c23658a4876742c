//! The shim as PID 1 of a container: the engine has made the walls, the rest is the same.
//!
//! It runs as the user the code will be, with no rights to give up. Its plan lies in the scratch folder and is removed
//! before there is any code that could read it.

use crate::{
    channel::{Channel, Log},
    sys::{self, Trouble},
    watch,
    wire::{self, Exit, Plan, Report},
};
use std::fs::{self, File};

/// Runs the plan; the exit code is the code's own, as a shell would give it.
pub fn main() -> i32 {
    let Ok(plan) = take_plan() else { return 2 };
    // Before this process is closed to everybody, itself included.
    let Ok(log) = Log::open(&plan.secret) else { return 2 };
    let mut channel = Channel::Log(log);
    sys::set_name(c"mecapy-shim");
    let ended = sys::set_undumpable().and_then(|()| watch::run(&plan, &mut channel));
    match ended {
        Ok(Exit::Code(code)) => code as i32,
        Ok(Exit::Signal(signal)) => 128 + signal as i32,
        Err(trouble) => {
            channel.say_last(&Report::Failed(trouble.step.into(), trouble.problem.into()));
            2
        }
    }
}

fn take_plan() -> Result<Plan, Trouble> {
    let failed = |error: std::io::Error| Trouble::of("read the plan", &error);
    let plan = File::open(wire::PLAN).and_then(|mut file| Plan::read(&mut file)).map_err(failed)?;
    // Nothing runs where it stays: it holds the secret.
    fs::remove_file(wire::PLAN).map_err(failed)?;
    Ok(plan)
}
