//! `assize config`.

use std::path::PathBuf;

use assize_service::counted;
use clap::{Arg, Args, Subcommand};
use eyre::{OptionExt, eyre};
use indicatif::HumanBytes;
use serde_json::json;

use crate::args::FormatArgs;
use crate::config::{self, Config, services, settings};
use crate::output::Outcome;
use crate::variable::variable;

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    Check(CheckArgs),
    Show(ShowArgs),
}

/// Check a configuration file: every key is a flag, every value is valid.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration (TOML) [default: that of --config or ASSIZE_CONFIG].
    file: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
}

/// Show every setting of a service, and where its value comes from.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub struct ShowArgs {
    /// Configuration (TOML) [default: that of --config or ASSIZE_CONFIG].
    file: Option<PathBuf>,
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
    let file = or_default(args.file.as_ref())?;
    let config = Config::read(&file, definition)?;
    let checked = config.check(definition)?;
    config.check_files()?;
    args.format.print(&json!(checked), || {
        let mut text = format!("{}: valid", file.display());
        for (service, settings) in &checked {
            text.push_str(&format!(
                "\n  {service}: {}",
                counted(settings.len() as u64, "setting")
            ));
        }
        text
    })?;
    Ok(Outcome::Done)
}

fn show(args: &ShowArgs, definition: &clap::Command) -> eyre::Result<Outcome> {
    let config = Config::read(&or_default(args.file.as_ref())?, definition)?;
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
            let (value, source) = match (stand_in(arg), values.get(name)) {
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
            (arg, name.to_owned(), value, source)
        })
        .collect();
    let report: Vec<_> = rows
        .iter()
        .map(|(_, name, value, source)| json!({"name": name, "value": value, "source": source}))
        .collect();
    args.format.print(&json!(report), || {
        let width = rows
            .iter()
            .map(|(_, name, ..)| name.len())
            .max()
            .unwrap_or_default();
        let lines = rows.iter().map(|(arg, name, value, source)| match value {
            Some(value) => format!("{name:<width$}  {}  ({source})", sized(arg, value.clone())),
            None => format!("{name:<width$}  ({source})"),
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(Outcome::Done)
}

/// The file given, else that of every command.
fn or_default(file: Option<&PathBuf>) -> eyre::Result<PathBuf> {
    let arguments: Vec<_> = std::env::args_os().collect();
    file.cloned()
        .or_else(|| config::path(&arguments))
        .ok_or_eyre("no configuration given: name the file, or set ASSIZE_CONFIG")
}

/// A number of bytes with its size in words.
fn sized(arg: &Arg, value: String) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    match value.parse::<u64>() {
        Ok(bytes) if names.iter().any(|name| name == "BYTES") && bytes >= 1 << 20 => {
            format!("{value} bytes, {}", HumanBytes(bytes))
        }
        _ => value,
    }
}

/// The default in the help of a flag whose value the service works out when it starts.
fn described_default(arg: &Arg) -> Option<String> {
    let help = arg.get_help()?.to_string();
    let (_, rest) = help.split_once("[default: ")?;
    Some(rest.split_once(']')?.0.to_owned())
}

/// The variable that stands in for a flag, if it is set.
fn stand_in(arg: &Arg) -> Option<String> {
    let name = arg.get_env()?;
    variable(name)?;
    Some(name.to_string_lossy().into_owned())
}
