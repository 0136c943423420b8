//! The binary `assize`.

use std::process::ExitCode;

fn main() -> ExitCode {
    assize_cli::main()
}
