//! What a user says beside the configuration file, and what of the file it excludes.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::{Arg, Command};

use crate::args::inclusion::{INCLUSION_FLAGS, INCLUSION_VARIABLE};
use crate::args::key::{KEY_FLAGS, KEY_VARIABLES};
use crate::variable::variable;

/// The flags and variables that a user gives.
#[derive(Debug, Default)]
pub(crate) struct Explicit {
    /// Names of flags.
    flags: BTreeSet<String>,
    /// Whether a variable names a key.
    pub(super) key: bool,
    /// Whether a variable has the key that pays for a station's own reports.
    inclusion: bool,
}

impl Explicit {
    /// The flags among the arguments, and the environment.
    pub(crate) fn of(arguments: &[OsString]) -> Self {
        let flags = arguments.iter().filter_map(|argument| {
            let name = argument.to_str()?.strip_prefix("--")?;
            Some(name.split_once('=').map_or(name, |(name, _)| name).to_owned())
        });
        Self {
            flags: flags.collect(),
            key: KEY_VARIABLES.iter().any(|name| variable(name).is_some()),
            inclusion: variable(INCLUSION_VARIABLE).is_some(),
        }
    }

    fn has(&self, arg: &Arg) -> bool {
        let flag = arg.get_long().is_some_and(|name| self.flags.contains(name));
        flag || arg.get_env().is_some_and(|name| variable(name).is_some())
    }

    /// The flags of a command that exclude each other with an explicit one, so that the file's value would be in its way.
    pub(super) fn excluded(&self, command: &Command) -> BTreeSet<String> {
        let mut excluded = BTreeSet::new();
        if self.key {
            excluded.extend(KEY_FLAGS.map(str::to_owned));
        }
        if self.inclusion {
            excluded.extend(INCLUSION_FLAGS.map(str::to_owned));
        }
        let name = |arg: &Arg| arg.get_long().map(str::to_owned);
        for arg in command.get_arguments() {
            for other in command.get_arg_conflicts_with(arg) {
                if self.has(arg) {
                    excluded.extend(name(other));
                }
                if self.has(other) {
                    excluded.extend(name(arg));
                }
            }
        }
        excluded
    }
}
