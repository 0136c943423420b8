//! `assize config`.

use std::path::PathBuf;

use clap::{Arg, Args, Subcommand};
use eyre::eyre;
use serde_json::json;

use crate::args::FormatArgs;
use crate::config::{Config, services, settings};
use crate::output::Outcome;

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    Check(CheckArgs),
    Show(ShowArgs),
}

/// Check a configuration file: every key is a flag, every value is valid.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration (TOML).
    file: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
}

/// Show every setting of a service, and where its value comes from.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Configuration (TOML).
    file: PathBuf,
    /// Service, such as coordinator.
    service: String,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) fn run(command: &ConfigCommand, definition: &clap::Command) -> eyre::Result<Outcome> {
    match command {
        ConfigCommand::Check(args) => check(args, definition),
        ConfigCommand::Show(args) => show(args, definition),
    }
}

fn check(args: &CheckArgs, definition: &clap::Command) -> eyre::Result<Outcome> {
    let checked = Config::read(&args.file, definition)?.check(definition)?;
    args.format.print(&json!(checked), || {
        let mut text = format!("{}: valid", args.file.display());
        for (service, settings) in &checked {
            text.push_str(&format!("\n  {service}: {} settings", settings.len()));
        }
        text
    })?;
    Ok(Outcome::Done)
}

fn show(args: &ShowArgs, definition: &clap::Command) -> eyre::Result<Outcome> {
    let config = Config::read(&args.file, definition)?;
    config.check(definition)?;
    let all = services(definition);
    let service = all
        .iter()
        .find(|service| service.get_name() == args.service)
        .ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|service| service.get_name()).collect();
            eyre!(
                "unknown service `{}`; the services are {}",
                args.service,
                names.join(", ")
            )
        })?;
    let values = config.of(service);
    let rows: Vec<_> = settings(service)
        .map(|arg| {
            let name = arg.get_long().unwrap_or_default();
            let (value, source) = match (variable(arg), values.get(name)) {
                // Its value may be a secret.
                (Some(variable), _) => (None, format!("environment, {variable}")),
                (None, Some(values)) => (Some(values.join(", ")), "file".to_owned()),
                (None, None) => {
                    let defaults = arg.get_default_values().iter();
                    let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
                    match (&defaults[..], described_default(arg)) {
                        ([], None) => (None, "not set".to_owned()),
                        ([], described) => (described, "default".to_owned()),
                        (defaults, _) => (Some(defaults.join(", ")), "default".to_owned()),
                    }
                }
            };
            (name.to_owned(), value, source)
        })
        .collect();
    let report: Vec<_> = rows
        .iter()
        .map(|(name, value, source)| json!({"name": name, "value": value, "source": source}))
        .collect();
    args.format.print(&json!(report), || {
        let width = rows.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
        let lines = rows.iter().map(|(name, value, source)| match value {
            Some(value) => format!("{name:<width$}  {value}  ({source})"),
            None => format!("{name:<width$}  ({source})"),
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(Outcome::Done)
}

/// The default in the help of a flag whose value the service works out when it starts.
fn described_default(arg: &Arg) -> Option<String> {
    let help = arg.get_help()?.to_string();
    let (_, rest) = help.split_once("[default: ")?;
    Some(rest.split_once(']')?.0.to_owned())
}

/// The variable that stands in for a flag, if it is set.
fn variable(arg: &Arg) -> Option<String> {
    let name = arg.get_env()?;
    std::env::var_os(name).filter(|value| !value.is_empty())?;
    Some(name.to_string_lossy().into_owned())
}
