//! `--help` and `--help-all`.
//!
//! `--help` fits a screen: it omits the options whose heading starts with "Tuning", which have good defaults. `--help-all`, man pages
//! and completions contain every option.

use std::env;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, CommandFactory, Parser};

use crate::config::{self, Config, ConfigError, Explicit};
use crate::output;

/// How the headings of options start that `--help` omits.
const TUNING: &str = "Tuning";

/// Which options help contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Help {
    /// Those of `--help`.
    Brief,
    /// Those of `--help-all`: every option.
    All,
}

/// Parses this process's arguments. Exits after printing help, and on invalid arguments.
#[must_use]
pub fn parse<C: Parser>() -> C {
    // clap prints help while it parses, so this has to be known before.
    let help = match env::args_os().any(|argument| argument.to_str() == Some("--help-all")) {
        true => Help::All,
        false => Help::Brief,
    };
    let arguments: Vec<OsString> = env::args_os().collect();
    let mut command = command_line::<C>(help);
    let mut config = None;
    // The commands about the file read it themselves.
    if let Some(path) =
        config::path(&arguments).filter(|_| arguments.get(1).is_none_or(|group| group != "config"))
    {
        let read = Config::read(&path, &command).unwrap_or_else(|error| exit(&error));
        command = read.apply(command, &Explicit::of(&arguments));
        config = Some(read);
    }
    let mut matches = match command.try_get_matches_from_mut(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // A value from the file is reported with its place there.
            let checked = config.map(|config| config.check(&command_line::<C>(help)));
            if let (true, Some(Err(fault))) = (error.use_stderr(), checked) {
                exit(&fault);
            }
            if error.use_stderr() && lacks_node(&error) {
                let _ = error.print();
                output::say(
                    "name the node with --rpc-url, ASSIZE_RPC_URL, or `rpc-url` in the file of --config or ASSIZE_CONFIG",
                );
                std::process::exit(2);
            }
            error.exit()
        }
    };
    C::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// Whether the node's URL is missing.
fn lacks_node(error: &clap::Error) -> bool {
    let missing = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(missing)) => missing.iter().any(|arg| arg.starts_with("--rpc-url")),
        _ => false,
    };
    missing && error.kind() == ErrorKind::MissingRequiredArgument
}

/// Ends the process because of its configuration.
fn exit(error: &ConfigError) -> ! {
    output::say(format!("error: {error}"));
    std::process::exit(2)
}

/// The definition of a command line, with `--help` and `--help-all` for each command.
#[must_use]
pub fn command_line<C: CommandFactory>(help: Help) -> Command {
    with_help(C::command(), help)
}

fn with_help(command: Command, help: Help) -> Command {
    let has_tuning = command.get_arguments().any(is_tuning);
    let flag = |name: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::HelpShort)
            .help_heading("Global")
    };
    command
        .disable_help_flag(true)
        .mut_args(unless_empty)
        .mut_args(|arg| match help == Help::Brief && is_tuning(&arg) {
            true => arg.hide(true),
            false => arg,
        })
        .mut_subcommands(|inner| with_help(inner, help))
        .arg(
            flag("help")
                .short('h')
                .help("Print help")
                .display_order(usize::MAX - 1),
        )
        .arg(
            flag("help-all")
                .help("Print help with the options for tuning")
                .display_order(usize::MAX)
                .hide(!has_tuning),
        )
}

/// A flag without its environment variable, if that is set and [empty](crate::variable::variable).
fn unless_empty(arg: Arg) -> Arg {
    match arg.get_env().and_then(env::var_os) {
        Some(value) if value.is_empty() => arg.env(None::<&'static str>),
        _ => arg,
    }
}

fn is_tuning(arg: &Arg) -> bool {
    arg.get_help_heading()
        .is_some_and(|heading| heading.starts_with(TUNING))
}
