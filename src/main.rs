//! The `mecapy` program.

fn main() -> std::process::ExitCode {
    mecapy::cli::main()
}
