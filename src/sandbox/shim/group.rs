//! The container's control group, as it is seen from inside: the kernel's own account, of both versions.

use std::{fs, path::PathBuf};

/// Whose figures there are.
pub enum Group {
    /// Version 1: a folder for each controller.
    V1 { memory: PathBuf, cpu: PathBuf },
    /// Version 2: one folder.
    V2(PathBuf),
}

/// The figures of one moment.
#[derive(Clone, Copy, Default)]
pub struct Figures {
    /// Bytes, without files that are only cached.
    pub memory: u64,
    /// CPU microseconds.
    pub cpu_us: u64,
}

const ROOT: &str = "/sys/fs/cgroup";

impl Group {
    /// Ours, where the container shows it.
    pub fn find() -> Option<Self> {
        let root = PathBuf::from(ROOT);
        if root.join("memory.current").exists() {
            return Some(Self::V2(root));
        }
        let memory = root.join("memory");
        let cpu = ["cpuacct", "cpu,cpuacct"].map(|name| root.join(name));
        let cpu = cpu.into_iter().find(|folder| folder.join("cpuacct.usage").exists())?;
        memory.join("memory.usage_in_bytes").exists().then_some(Self::V1 { memory, cpu })
    }

    /// 1 or 2.
    pub const fn version(&self) -> u64 {
        match self {
            Self::V1 { .. } => 1,
            Self::V2(_) => 2,
        }
    }

    /// Whether the kernel itself keeps the memory below `limit`.
    pub fn keeps(&self, limit: u64) -> bool {
        let text = match self {
            Self::V1 { memory, .. } => fs::read_to_string(memory.join("memory.limit_in_bytes")),
            Self::V2(folder) => fs::read_to_string(folder.join("memory.max")),
        };
        // "max" is no number.
        text.is_ok_and(|text| text.trim().parse::<u64>().is_ok_and(|kept| kept <= limit))
    }

    /// The figures now.
    pub fn figures(&self) -> Option<Figures> {
        let number = |path: PathBuf| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        match self {
            Self::V1 { memory, cpu } => {
                let cached = field(&memory.join("memory.stat"), "total_inactive_file").unwrap_or(0);
                Some(Figures {
                    memory: number(memory.join("memory.usage_in_bytes"))?.saturating_sub(cached),
                    cpu_us: number(cpu.join("cpuacct.usage"))? / 1000,
                })
            }
            Self::V2(folder) => {
                let cached = field(&folder.join("memory.stat"), "inactive_file").unwrap_or(0);
                Some(Figures {
                    memory: number(folder.join("memory.current"))?.saturating_sub(cached),
                    cpu_us: field(&folder.join("cpu.stat"), "usage_usec")?,
                })
            }
        }
    }

    /// How many processes the kernel killed because the memory was used up.
    pub fn kills(&self) -> u64 {
        let file = match self {
            Self::V1 { memory, .. } => memory.join("memory.oom_control"),
            Self::V2(folder) => folder.join("memory.events"),
        };
        field(&file, "oom_kill").unwrap_or(0)
    }
}

/// The number behind a name, in a file of such lines.
fn field(path: &std::path::Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}
