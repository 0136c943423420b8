//! `assize completions` and `assize man`: generated from the definition of the command line.

use std::path::PathBuf;

use clap::Args;
#[cfg(feature = "man")]
use clap_complete::Shell;
#[cfg(feature = "man")]
use eyre::WrapErr;

use crate::output::{self, Outcome};

#[cfg(not(feature = "man"))]
type Shell = String;

/// Print shell completions.
#[derive(Debug, Args)]
#[command(hide = true)]
pub struct CompletionsArgs {
    /// Shell.
    #[cfg_attr(feature = "man", arg(value_enum))]
    shell: Shell,
}

/// Write man pages, one for each command.
#[derive(Debug, Args)]
#[command(hide = true)]
pub struct ManArgs {
    /// Directory to write them to; created if missing.
    directory: PathBuf,
}

#[cfg(not(feature = "man"))]
pub(super) fn completions(args: &CompletionsArgs, _definition: clap::Command) -> eyre::Result<Outcome> {
    Err(output::without(&format!("completions {}", args.shell), "man"))
}

#[cfg(feature = "man")]
pub(super) fn completions(args: &CompletionsArgs, mut definition: clap::Command) -> eyre::Result<Outcome> {
    let name = definition.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut definition, name, &mut script);
    output::bytes(&script)?;
    Ok(Outcome::Done)
}

#[cfg(not(feature = "man"))]
pub(super) fn man(_args: &ManArgs, _definition: clap::Command) -> eyre::Result<Outcome> {
    Err(output::without("man", "man"))
}

#[cfg(feature = "man")]
pub(super) fn man(args: &ManArgs, definition: clap::Command) -> eyre::Result<Outcome> {
    let directory = &args.directory;
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(definition, directory))
        .wrap_err_with(|| format!("cannot write man pages to {}", directory.display()))?;
    Ok(Outcome::Done)
}
