//! What a run does right now, for screens on other hosts.

use crate::{Dialect, Step};

pub(crate) const STEP: Step = Step { name: "010_add_live_state", up, down, concurrent: false };

fn up(_: Dialect) -> Vec<String> {
    // A JSON object, replaced every few seconds while the run goes on.
    vec!["ALTER TABLE calculation_runs ADD COLUMN live TEXT".to_owned()]
}

fn down(_: Dialect) -> Vec<String> {
    vec!["ALTER TABLE calculation_runs DROP COLUMN live".to_owned()]
}
