//! Images of every shape through whole runs: no shell, another C library, wishes of their own.

use super::runs::{assert_gone, machine, support::Machine, things};
use crate::support::docker::Engine;
use mecapy::{
    db,
    domain::{
        calculation::NewCalculation,
        id::{CalculationId, RunId},
        limits::Limits,
        status::Status,
        tool::NewTool,
    },
};

/// A run of an image's own command, as a tool without code gives it.
async fn own_command(machine: &Machine, image: &str, parameters: &str) -> (CalculationId, RunId, String) {
    let session = &machine.session;
    let tool = NewTool {
        name: format!("of {image}"),
        display_name: "Own command".into(),
        description: "What its image does".into(),
        version: "1".into(),
        code_template: String::new(),
        docker_image: image.into(),
        limits: Limits { timeout: 60, memory_limit: 64, cpu_limit: 1.0 },
        changelog: None,
    };
    let tool = db::tools::publish(&session.db, session.user.id, &tool).await.unwrap();
    let new = NewCalculation::from_tool(&tool, "own command", Some(parameters.into()));
    let id = db::calculations::create(&session.db, session.user.id, &new).await.unwrap();
    let run = machine.submit(id).await;
    let log = machine.follow(id).await;
    (id, run, log)
}

async fn assert_completed(machine: &Machine, id: CalculationId) -> String {
    let (row, record) = (machine.get(id).await, machine.record(id).await);
    assert_eq!(row.status, Status::Completed, "{:?}", row.error_message);
    assert_eq!(record.engine.as_ref().map(ToString::to_string).as_deref(), Some("docker"));
    assert!(record.interpreter.unwrap().starts_with("the command of "));
    machine.assert_nothing_left().await;
    row.result_data.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_with_musl_and_without_a_shell_fulfils_the_contract() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.musl() else { return };
    let machine = machine(engine, image, &[]).await;
    let parameters = r#"{"load": 10}"#;
    let (id, run, log) = own_command(&machine, image, parameters).await;
    assert_eq!(log, "done by musl\n");
    let result = assert_completed(&machine, id).await;
    assert_eq!(result, format!(r#"{{"library": "musl", "bytes": {}}}"#, parameters.len()));
    assert_gone(engine, &[run]);
}

/// Says who it is, where it is, what it may write, and what it was given.
const WHO: &str = r#"ENTRYPOINT ["/bin/bash","-c","data=$(</workspace/in/data.json); \
echo from $PWD; echo mine > /data/mine && mine=1; echo no > /no 2>/dev/null || root=1; \
echo \"{\\\"uid\\\": $UID, \\\"data\\\": ${mine:-0}, \\\"root_is_closed\\\": ${root:-0}, \\\"arguments\\\": \\\"$0 $1\\\", \
\\\"own\\\": \\\"$OWN\\\", \\\"characters\\\": ${#data}}\" > /workspace/out/data.json"]"#;

#[tokio::test(flavor = "multi_thread")]
async fn wishes_of_an_image_go_through_a_whole_run() {
    let Some(engine) = Engine::own() else { return };
    let bash = engine.bash().to_owned();
    let entry = WHO.replace("\\\n", "");
    let image = engine.derive(
        &bash,
        "wishes:2",
        &[
            &entry,
            r#"CMD ["first","second"]"#,
            "USER 1000:1000",
            "WORKDIR /lib",
            "VOLUME /data",
            "ENV OWN=kept",
            "HEALTHCHECK --interval=1s --timeout=1s --retries=1 CMD [\"/bin/bash\",\"-c\",\"exit 1\"]",
        ],
    );
    let machine = machine(&engine, &image, &[]).await;
    let before = things(&engine);
    let (id, run, log) = own_command(&machine, &image, "{}").await;
    let result = assert_completed(&machine, id).await;
    let result: serde_json::Value = serde_json::from_str(&result).unwrap_or_else(|error| panic!("{error}: {result}"));
    // The order of the two outputs is the engine's.
    assert!(log.lines().any(|line| line == "from /lib"), "its own folder: {log}");
    assert_eq!(result["uid"], 65_534, "never its USER");
    assert_eq!((&result["root_is_closed"], &result["own"]), (&1.into(), &"kept".into()), "{result}");
    assert_eq!((&result["arguments"], &result["characters"]), (&"first second".into(), &2.into()), "{result}");
    assert_gone(&engine, &[run]);
    assert_eq!(things(&engine), before, "its volume went with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_of_the_image_is_never_made() {
    let Some(engine) = Engine::shared() else { return };
    let bash = engine.bash().to_owned();
    let unhealthy = "HEALTHCHECK --interval=1s --retries=1 CMD [\"/bin/bash\",\"-c\",\"exit 1\"]";
    let image = engine.derive(&bash, "unhealthy:1", &[r#"ENTRYPOINT ["/entry"]"#, unhealthy]);
    let machine = machine(engine, &image, &[]).await;
    let watched = async {
        let run = super::runs::support::wait_for("the container", || {
            let mut runs = std::fs::read_dir(machine.session.config.paths.spool()).ok()?.flatten();
            let run = runs.find_map(|entry| entry.file_name().to_str()?.parse::<RunId>().ok())?;
            machine.state(run).filter(|state| state.status == Status::Running).map(|_| run)
        })
        .await;
        engine.client().inspect_container(&format!("mecapy-{run}"), None).await.unwrap()
    };
    let ((id, run, _), seen) = tokio::join!(own_command(&machine, &image, r#"{"sleep": 2}"#), watched);
    let health = seen.state.and_then(|state| state.health).and_then(|health| health.status);
    assert!(health.is_none_or(|status| ["none", ""].contains(&status.to_string().as_str())), "{health:?}");
    let wanted = seen.config.and_then(|config| config.healthcheck).and_then(|check| check.test);
    assert_eq!(wanted, Some(vec!["NONE".to_owned()]));
    assert_completed(&machine, id).await;
    assert_gone(engine, &[run]);
}
