//! The `mecapy` program.

fn main() -> std::process::ExitCode {
    mecapy::runs::supervisor::requested().unwrap_or_else(mecapy::cli::main)
}
