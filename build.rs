//! Builds the sandbox's shim and says in plain words where mecapy cannot be built.
//!
//! The shim is its own static executable, embedded by `src/sandbox/parts.rs`. It is built here, by the same
//! compiler and for the same target, so that one command builds everything.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const SHIM: &str = "src/sandbox/shim";

#[expect(clippy::print_stderr, reason = "cargo shows it when a build fails")]
fn main() -> ExitCode {
    let system = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let processor = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if system != "linux" || !matches!(processor.as_str(), "x86_64" | "aarch64") {
        eprintln!("mecapy runs on Linux on x86_64 or aarch64 only: its sandbox is made of that kernel's parts.");
        eprintln!("This build is for {system} on {processor}.");
        return ExitCode::FAILURE;
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={SHIM}");
    println!("cargo::rerun-if-changed=src/sandbox/wire");
    match build_shim() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn build_shim() -> Result<(), String> {
    let variable = |name: &str| env::var(name).map_err(|error| format!("{name}: {error}"));
    let output = PathBuf::from(variable("OUT_DIR")?).join("shim");
    let status = Command::new(variable("RUSTC")?)
        .arg(Path::new(SHIM).join("main.rs"))
        .args(["--crate-name", "mecapy_shim", "--crate-type", "bin", "--edition", "2024"])
        .args(["--target", &variable("TARGET")?])
        // Static, so that it runs whatever C library is around; abort, so that no unwinding code is in it.
        .args(["-C", "target-feature=+crt-static", "-C", "panic=abort"])
        .args(["-C", "opt-level=2", "-C", "debuginfo=0", "-C", "strip=symbols", "-C", "codegen-units=1"])
        .arg("-o")
        .arg(&output)
        .status()
        .map_err(|error| format!("the compiler does not start: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err("the sandbox's shim was not built; a static C library is needed (Debian: libc6-dev, Fedora: glibc-static)"
            .to_owned())
    }
}
