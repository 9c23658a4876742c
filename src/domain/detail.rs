//! A calculation with everything that belongs to it, and what is shown of that in words.

use super::{calculation::Calculation, file::LinkedFile, format, limits::Limits, property::Property, run::RunRecord};
use chrono::NaiveDateTime;
use serde::{Serialize, Serializer};

/// A calculation, its run and its files.
///
/// As JSON it is the object that `--json` prints: the calculation's columns, whether it is queued, the run's record
/// under `run`, the files under `files`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalculationDetail {
    /// The row, with all its texts.
    #[serde(flatten)]
    pub calculation: Calculation,
    /// Its run, where one was asked for.
    #[serde(flatten, serialize_with = "queued_and_run")]
    pub run: Option<RunRecord>,
    /// The files that it reads and those that its run wrote, in the order of their links.
    pub files: Vec<LinkedFile>,
    /// What the tool that it was made from is called; untrusted.
    #[serde(skip)]
    pub tool: Option<String>,
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn queued_and_run<S: Serializer>(run: &Option<RunRecord>, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Keys<'a> {
        queued: bool,
        run: &'a Option<RunRecord>,
    }
    Keys { queued: run.is_some(), run }.serialize(to)
}

impl CalculationDetail {
    /// What it may use: as it was run, else as it would be.
    pub fn limits(&self) -> Option<Limits> {
        self.run.as_ref().map(|run| run.limits).or(self.calculation.limits)
    }

    /// Where it comes from and when what happened; `stamp` spells a time (UTC).
    pub fn history(&self, stamp: impl Fn(NaiveDateTime) -> String) -> Vec<Property> {
        let calculation = &self.calculation;
        let mut properties = vec![Property::new("made", stamp(calculation.created_at))];
        for (label, time) in [("started", calculation.started_at), ("completed", calculation.completed_at)] {
            properties.extend(time.map(|time| Property::new(label, stamp(time))));
        }
        properties.extend(self.tool.as_ref().map(|tool| Property::new("from the tool", tool)));
        properties.extend(calculation.parent_id.map(|parent| Property::new("a copy of", parent.to_string())));
        properties
    }

    /// What it may use against what it used.
    pub fn usage(&self) -> Vec<Property> {
        let calculation = &self.calculation;
        let limits = self.limits();
        let peak = self.run.as_ref().and_then(|run| run.peak_memory).map(format::bytes);
        [
            (
                "time",
                limits.map(|limits| format::whole(f64::from(limits.timeout))),
                calculation.execution_time.map(format::duration),
            ),
            (
                "memory",
                limits.map(|limits| format!("{} MiB", limits.memory_limit)),
                peak.or_else(|| calculation.memory_used.map(|mib| format!("{mib} MiB"))),
            ),
            (
                "CPU",
                limits.map(|limits| format!("{} cores", limits.cpu_limit)),
                calculation.cpu_time.map(|seconds| format!("{} of CPU time", format::duration(seconds))),
            ),
        ]
        .into_iter()
        .filter_map(|(label, limit, used)| {
            let used = used.map(|used| format!("used {used}"));
            let text: Vec<_> = [limit, used].into_iter().flatten().collect();
            (!text.is_empty()).then(|| Property::new(label, text.join(", ")))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        id::{CalculationId, RunId, UserId},
        run::{EngineKind, ErrorKind},
        word::Word,
    };
    use proptest::prelude::*;

    fn at() -> NaiveDateTime {
        chrono::NaiveDate::from_ymd_opt(2024, 1, 15).unwrap().and_hms_opt(10, 20, 30).unwrap()
    }

    fn detail(run: Option<RunRecord>) -> CalculationDetail {
        let calculation = Calculation::draft(CalculationId(7), UserId(1), "beam", "a = 1", at());
        CalculationDetail { calculation, run, files: Vec::new(), tool: Some("Beam".to_owned()) }
    }

    fn queued() -> RunRecord {
        let id = RunId(uuid::Uuid::nil());
        RunRecord::queued(id, (UserId(1), CalculationId(7)), "node-7", Limits::default(), at())
    }

    fn keys(value: &serde_json::Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn json_has_the_columns_in_their_order_and_nothing_of_a_run_that_lives() {
        let run = RunRecord { live: Some("{}".to_owned()), heartbeat_at: Some(at()), ..queued() };
        let json = serde_json::to_value(detail(Some(run))).unwrap();
        let calculation = "id user_id name description status started_at completed_at code parameters result_data \
                           error_message execution_time memory_used cpu_time created_at updated_at tool_id \
                           tool_version_id parent_id queued run files";
        assert_eq!(keys(&json), calculation.split_whitespace().collect::<Vec<_>>());
        let run = "id host submitted_at started_at completed_at engine level guarantee interpreter image_digest \
                   container_id timeout memory_limit cpu_limit exit_code signal error_kind error_line cpu_time \
                   peak_memory accounting notes";
        assert_eq!(keys(&json["run"]), run.split_whitespace().collect::<Vec<_>>());
        assert_eq!(
            (&json["queued"], &json["run"]["submitted_at"]),
            (&true.into(), &"2024-01-15T10:20:30.000000Z".into())
        );
        let json = serde_json::to_value(detail(None)).unwrap();
        assert_eq!((&json["queued"], &json["run"], &json["status"]), (&false.into(), &().into(), &"pending".into()));
    }

    #[test]
    fn limits_stand_with_what_was_used_of_them() {
        let words = |detail: &CalculationDetail| {
            let properties = detail.usage().into_iter();
            properties.map(|property| format!("{}: {}", property.label, property.text)).collect::<Vec<_>>()
        };
        let mut detail = detail(None);
        assert!(words(&detail).is_empty());
        detail.calculation.memory_used = Some(31);
        assert_eq!(words(&detail), ["memory: used 31 MiB"]);
        detail.run = Some(RunRecord { peak_memory: Some(3 << 19), ..queued() });
        assert_eq!(words(&detail), ["time: 30 s", "memory: 256 MiB, used 1.5 MiB", "CPU: 0.5 cores"]);
    }

    proptest! {
        #[test]
        fn what_other_programs_wrote_is_printed_as_it_is(
            words in proptest::option::of((".*", ".*")),
            notes in proptest::collection::vec(".*", 0..3),
            exit_code in proptest::option::of(any::<i32>()),
        ) {
            let (engine, kind) = words.clone().unzip();
            let run = RunRecord {
                engine: engine.clone().map(Word::<EngineKind>::from),
                error_kind: kind.clone().map(Word::<ErrorKind>::from),
                notes: notes.clone(),
                exit_code,
                ..queued()
            };
            let properties = run.properties(|_| String::new());
            let json: serde_json::Value = serde_json::from_str(&serde_json::to_string(&run).unwrap()).unwrap();
            prop_assert_eq!(&json["engine"], &serde_json::json!(engine));
            prop_assert_eq!(&json["error_kind"], &serde_json::json!(kind));
            prop_assert_eq!(&json["notes"], &serde_json::json!(notes));
            prop_assert_eq!(&json["exit_code"], &serde_json::json!(exit_code));
            let shown = |label, text: &str| properties.iter().any(|property| property.label == label && property.text == text);
            prop_assert!(engine.is_none_or(|engine| engine.is_empty() || shown("sandbox", &engine)));
            prop_assert!(notes.iter().all(|note| shown("note", note)));
        }
    }
}
