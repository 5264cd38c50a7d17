//! The `headroom` binary: arguments, logging, command, exit status.

fn main() -> std::process::ExitCode {
    headroom::cli::main()
}
