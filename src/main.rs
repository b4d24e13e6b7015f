//! The command `machine`.

use std::process::ExitCode;

fn main() -> ExitCode {
    libmachine::cli::run(std::env::args_os())
}
