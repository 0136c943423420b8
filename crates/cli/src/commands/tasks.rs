//! `assize tasks`.

use std::path::PathBuf;

use assize_coordinator::read_tasks;
use assize_measurement::unixfs;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::args::FormatArgs;
use crate::output::{self, Outcome};

/// Task lists.
#[derive(Debug, Subcommand)]
pub enum TasksCommand {
    Check(CheckArgs),
}

/// Check a task list as the coordinator will read it; print its count, Merkle root and CID.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Task list (NDJSON).
    file: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) fn run(command: &TasksCommand) -> eyre::Result<Outcome> {
    let TasksCommand::Check(args) = command;
    let list = read_tasks(&args.file)?;
    let providers: std::collections::BTreeSet<_> = list.entries().iter().map(|task| task.provider).collect();
    let report = json!({
        "tasks": list.count(),
        "providers": providers.len(),
        "root": list.root(),
        "cid": unixfs::file_cid(&list.to_ndjson()),
    });
    args.format.print(&report, || {
        format!(
            "{}: {} tasks of {} providers\n  root {}\n  cid  {}",
            args.file.display(),
            output::grouped(u64::from(list.count())),
            output::grouped(providers.len() as u64),
            list.root(),
            report["cid"].as_str().unwrap_or_default()
        )
    })?;
    Ok(Outcome::Done)
}
