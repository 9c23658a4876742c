//! The `mecapy` program.

fn main() -> std::process::ExitCode {
    mecapy::runs::requested().unwrap_or_else(mecapy::cli::main)
}
