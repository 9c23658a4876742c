//! The name of every file and folder of a spool folder, in one place. No other module spells one.

/// The number of the layout.
pub(super) const FORMAT: &str = "format";
/// What was asked for.
pub(super) const REQUEST: &str = "request.json";
/// Locked by whoever works on the run.
pub(super) const LOCK: &str = "lock";
/// Space kept for the final record.
pub(super) const RESERVE: &str = "reserve";
/// The note that the run is to end.
pub(super) const CANCEL: &str = "cancel";
/// The note that it is to end at once.
pub(super) const KILL: &str = "kill";
/// The note that its calculation was deleted.
pub(super) const DELETED: &str = "deleted";
/// Which process supervises.
pub(super) const SUPERVISOR: &str = "supervisor.json";
/// What that process said.
pub(super) const SUPERVISOR_LOG: &str = "supervisor.log";
/// The live state.
pub(super) const STATE: &str = "state.json";
/// Input files on their way into `work`.
pub(super) const INPUTS: &str = "inputs";
/// The folders of the runtime contract.
pub(super) const WORK: &str = "work";
/// Exists from just before the sandbox is started.
pub(super) const STARTING: &str = "starting";
/// Which process or container the sandbox is.
pub(super) const SANDBOX: &str = "sandbox.json";
/// How the sandbox ended.
pub(super) const SANDBOX_END: &str = "ended.json";
/// Copies of the output files.
pub(super) const COLLECTED: &str = "collected";
/// How the run ended.
pub(super) const FINAL: &str = "final.json";
/// The log as it is put into the store.
pub(super) const PACKED_LOG: &str = "log.gz";

/// What a JSON file is called until it is whole.
pub(super) const REPLACING: &str = ".new";
