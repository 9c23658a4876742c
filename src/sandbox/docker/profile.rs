//! What a run's container is made of.

use super::{Image, Name, transfer::WORKSPACE};
use crate::sandbox::{
    Belongs, EngineError, Job, Program, filter, parts,
    wire::{self, Plan, Walls},
};
use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountType,
    MountVolumeOptions, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use std::{collections::HashMap, path::Path};

/// The code's user and group: `nobody` of every Linux, and in an image without a list of users as good as any.
pub const USER: u64 = 65_534;

/// Labels of everything that mecapy makes in an engine.
pub const RUN: &str = "io.mecapy.run";
/// The owner's key.
pub const OWNER: &str = "io.mecapy.owner";
/// The host whose supervisor has it.
pub const HOST: &str = "io.mecapy.host";
/// The folder of its supervisors' spools.
pub const SPOOLS: &str = "io.mecapy.spools";
/// Seconds since 1970 after which it cannot be running any more.
pub const DEADLINE: &str = "io.mecapy.deadline";

/// Where the shim lies.
const SHIM: &str = "/workspace/.mecapy/shim";
/// Where the managed runner lies.
const RUNNER: &str = "/workspace/.mecapy/runner.py";
/// Bytes of `/dev/shm` at most; what is in it counts as memory.
const SHM: u64 = 64 << 20;
/// Processes of all containers of Podman together.
const PODMAN_PROCESSES: u64 = 32_768;
/// Processes besides the code's: the shim.
const OURS: i64 = 1;
/// The log's file may be larger than the log by this: each line costs its own header there.
const LOG_FACTOR: u64 = 4;

/// What an engine must be asked differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// Podman knows no log driver `local`.
    pub is_podman: bool,
    /// Cores of the engine's host: Docker refuses more. 0 where unknown.
    pub cores: u64,
}

/// The container of a job. Everything of the image that would act by itself is overridden.
pub fn container(job: &Job, image: &Image, name: &Name, ways: Ways) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(image.id.clone()),
        user: Some(format!("{USER}:{USER}")),
        entrypoint: Some(vec![SHIM.into(), wire::CONTAINED.into()]),
        cmd: Some(Vec::new()),
        working_dir: Some("/".into()),
        labels: Some(labels(job, name)),
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".into()]), ..HealthConfig::default() }),
        stop_signal: Some("SIGTERM".into()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        open_stdin: Some(false),
        // Its own network namespace has nothing in it all the same; but else Docker looks after that, and starts itself
        // once more for it: more than half of the time in which a container starts.
        network_disabled: (!ways.is_podman).then_some(true),
        host_config: Some(host_config(job, name, ways)),
        ..ContainerCreateBody::default()
    }
}

/// Whose it is.
fn labels(job: &Job, name: &Name) -> HashMap<String, String> {
    let Belongs { owner, host, spools } = job.belongs.clone();
    let spools = spools.to_string_lossy().into_owned();
    let deadline = name.deadline.to_string();
    let labels = [(RUN, job.run.to_string()), (OWNER, owner), (HOST, host), (SPOOLS, spools), (DEADLINE, deadline)];
    labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn host_config(job: &Job, name: &Name, ways: Ways) -> HostConfig {
    let (limits, caps) = (&job.limits, &job.caps);
    let memory = i64::from(limits.memory_limit) << 20;
    let cores = if ways.cores == 0 { f64::MAX } else { ways.cores as f64 };
    let tmp = format!("rw,nosuid,nodev,noexec,mode=1777,size={}", caps.tmp_bytes);
    let limit = |name: &str, value: u64| ResourcesUlimits {
        name: Some(name.into()),
        soft: Some(value as i64),
        hard: Some(value as i64),
    };
    let mut ulimits = vec![
        limit("core", 0),
        limit("nofile", 1_024),
        limit("memlock", 64 << 10),
        // Scratch has a cap of its own, and solvers write large files there.
        limit("fsize", caps.output_bytes.max(caps.scratch_bytes)),
    ];
    if ways.is_podman {
        // It sets one of its own otherwise, which may be more than it may set. Of all containers of this user
        // together: those of one are limited by its control group.
        ulimits.push(limit("nproc", PODMAN_PROCESSES));
    }
    // Podman keeps its own: it refuses this one.
    let log = HostConfigLogConfig {
        typ: Some("local".into()),
        config: Some(HashMap::from([
            ("max-size".to_owned(), (caps.log_bytes * LOG_FACTOR + (16 << 20)).to_string()),
            ("max-file".to_owned(), "1".to_owned()),
            ("compress".to_owned(), "false".to_owned()),
        ])),
    };
    HostConfig {
        network_mode: Some("none".into()),
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".into()]),
        security_opt: Some(vec!["no-new-privileges".into()]),
        privileged: Some(false),
        memory: Some(memory),
        // No swap on top.
        memory_swap: Some(memory),
        nano_cpus: Some((limits.cpu_limit.min(cores) * 1e9) as i64),
        pids_limit: Some(i64::from(caps.pids) + OURS),
        tmpfs: Some(HashMap::from([("/tmp".to_owned(), tmp)])),
        shm_size: Some(SHM.min(memory as u64 / 2) as i64),
        ulimits: Some(ulimits),
        ipc_mode: Some("private".into()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        log_config: (!ways.is_podman).then_some(log),
        mounts: Some(vec![Mount {
            target: Some(WORKSPACE.into()),
            typ: Some(MountType::VOLUME),
            // An image's own files there are not wanted.
            volume_options: Some(MountVolumeOptions {
                no_copy: Some(true),
                // An engine that dies while it removes the container may leave the volume.
                labels: Some(labels(job, name)),
                ..MountVolumeOptions::default()
            }),
            ..Mount::default()
        }]),
        init: Some(false),
        auto_remove: Some(false),
        ..HostConfig::default()
    }
}

/// What the shim is told.
pub fn plan(job: &Job, image: &Image, name: &Name) -> Result<Plan, EngineError> {
    let failed = |error: filter::FilterError| EngineError::Setup { step: "seccomp".into(), problem: error.to_string() };
    let (limits, caps) = (&job.limits, &job.caps);
    let (argv, start_in) = match job.program {
        Program::ImageCommand => (image.command.clone(), image.folder.clone()),
        Program::ImagePython | Program::Python(_) => {
            // Isolated, no bytecode files; a crash of a C library says where the code was.
            (["python3", "-I", "-B", "-X", "faulthandler", RUNNER].map(str::to_owned).into(), String::new())
        }
    };
    Ok(Plan {
        probe: false,
        walls: Walls::Container,
        folder: Vec::new(),
        become_id: 0,
        binds: Vec::new(),
        links: Vec::new(),
        files: Vec::new(),
        argv: argv.into_iter().map(String::into_bytes).collect(),
        env: environment(job, image),
        filters: filter::programs(Walls::Container).map_err(failed)?,
        signal_filters: Vec::new(),
        timeout_ms: u64::from(limits.timeout) * 1_000,
        memory: u64::from(limits.memory_limit) << 20,
        cpu_milli: 0,
        pids: caps.pids.into(),
        output_files: caps.output_files.into(),
        output_bytes: caps.output_bytes,
        scratch_bytes: caps.scratch_bytes,
        tmp_bytes: caps.tmp_bytes,
        shm_bytes: SHM,
        grace_ms: u64::from(caps.grace) * 1_000,
        start_in: start_in.into_bytes(),
        also_scratch: image.volumes.iter().map(|path| path.clone().into_bytes()).collect(),
        secret: name.secret.clone().into_bytes(),
    })
}

/// The image's own variables, and ours over them: nothing of whoever started it.
fn environment(job: &Job, image: &Image) -> Vec<Vec<u8>> {
    let scratch = Path::new(WORKSPACE).join("scratch");
    let mut ours = parts::variables(&job.limits, &scratch);
    if !image.environment.iter().any(|variable| variable.starts_with("PATH=")) {
        ours.push(("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()));
    }
    let overridden = |variable: &str| {
        let name = variable.split('=').next().unwrap_or_default();
        ours.iter().any(|(our, _)| *our == name)
    };
    let theirs = image.environment.iter().filter(|variable| !overridden(variable)).map(|it| it.clone().into_bytes());
    let ours = ours.iter().map(|(name, value)| [name.as_bytes(), b"=", value].concat());
    theirs.chain(ours).collect()
}
