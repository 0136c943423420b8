//! The configuration file: options of a network and of its services, as in `network.toml`.
//!
//! A key is the name of a flag. Keys at the top of the file apply to every command that has such a flag, and those of a table, such as
//! `[coordinator]`, to that service. They are defaults: a flag or an environment variable overrides them.

mod explicit;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use assize_chain::RpcUrl;
use assize_drand::{Chain, Relays};
use assize_guard::Proxies;
use assize_service::{LARGEST_SETTINGS, read_file};
use assize_store::Gateways;
use clap::{Arg, ArgAction, Command};
use toml::{Table, Value};

pub(crate) use self::explicit::Explicit;
use crate::connect::open_store;
use crate::variable::variable;

/// The flag that names the file, and the variable that stands in for it.
pub(crate) const FLAG: &str = "config";
/// See [`FLAG`].
pub(crate) const VARIABLE: &str = "ASSIZE_CONFIG";
/// The group of the services.
const SERVICES: &str = "run";
/// Flags that are not settings of a service.
const NOT_SETTINGS: [&str; 4] = ["help", "help-all", FLAG, "version"];

/// Flags that name files which commands read and do not create.
const FILES: [&str; 5] = ["deployment", "drand-info", "beacons", "keystore", "policy"];

/// What is wrong with a configuration file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read the configuration {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is not TOML: {reason}", path.display())]
    Toml { path: PathBuf, reason: String },
    #[error("{}, {place}: {reason}", path.display())]
    Key {
        path: PathBuf,
        /// The key with its table.
        place: String,
        reason: String,
    },
}

/// A configuration file.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    path: PathBuf,
    /// Keys for every command.
    common: BTreeMap<String, Vec<String>>,
    /// Keys of one service each.
    services: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Config {
    /// Reads a file, and checks that each key is a flag.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, the key and the remedy.
    pub(crate) fn read(path: &Path, command: &Command) -> Result<Self, ConfigError> {
        let text = read_file(path, LARGEST_SETTINGS).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let not_toml = |reason: String| ConfigError::Toml {
            path: path.to_owned(),
            reason,
        };
        let text = assize_protocol::plain_text::decode(&text).map_err(|error| not_toml(error.to_string()))?;
        let table: Table = toml::from_str(text).map_err(|error| not_toml(error.to_string()))?;
        Self::from_table(path, &table, command)
    }

    fn from_table(path: &Path, table: &Table, command: &Command) -> Result<Self, ConfigError> {
        let refuse = |place: &str, reason: String| ConfigError::Key {
            path: path.to_owned(),
            place: place.to_owned(),
            reason,
        };
        let mut config = Self {
            path: path.to_owned(),
            common: BTreeMap::new(),
            services: BTreeMap::new(),
        };
        let services = services(command);
        for (key, value) in table {
            match value {
                Value::Table(own) => {
                    let Some(service) = services.iter().find(|service| service.get_name() == key) else {
                        let names: Vec<_> = services.iter().map(|service| service.get_name()).collect();
                        return Err(refuse(
                            &format!("[{key}]"),
                            format!("unknown service; the services are {}", names.join(", ")),
                        ));
                    };
                    let mut settings = BTreeMap::new();
                    for (name, value) in own {
                        let place = format!("`{name}` in [{key}]");
                        let arg = setting(service, name)
                            .ok_or_else(|| refuse(&place, unknown(name, &[service])))?;
                        settings.insert(
                            name.clone(),
                            values(arg, value).map_err(|reason| refuse(&place, reason))?,
                        );
                    }
                    config.services.insert(key.clone(), settings);
                }
                value => {
                    let place = format!("`{key}`");
                    let all = with_subcommands(command);
                    let Some(arg) = all.iter().find_map(|command| setting(command, key)) else {
                        return Err(refuse(&place, unknown(key, &all)));
                    };
                    let values = values(arg, value).map_err(|reason| refuse(&place, reason))?;
                    config.common.insert(key.clone(), values);
                }
            }
        }
        Ok(config)
    }

    /// The values of a service, its own before those of all.
    pub(crate) fn of(&self, service: &Command) -> BTreeMap<String, Vec<String>> {
        let common = self
            .common
            .iter()
            .filter(|(name, _)| setting(service, name).is_some());
        let mut values: BTreeMap<_, _> = common
            .map(|(name, values)| (name.clone(), values.clone()))
            .collect();
        if let Some(own) = self.services.get(service.get_name()) {
            values.extend(own.clone());
        }
        values
    }

    /// The command line with this file's values as defaults, but for those that the explicit flags and variables exclude.
    pub(crate) fn apply(&self, command: Command, explicit: &Explicit) -> Command {
        let values = self.common.clone();
        with_defaults(command, values, explicit).mut_subcommands(|group| match group.get_name() {
            SERVICES => group.mut_subcommands(|service| {
                let values = self.of(&service);
                with_defaults(service, values, explicit)
            }),
            _ => self.apply(group, explicit),
        })
    }

    fn refuse(&self, place: String, reason: String) -> ConfigError {
        ConfigError::Key {
            path: self.path.clone(),
            place,
            reason,
        }
    }

    /// Where a service's setting is in the file.
    fn place(&self, service: &str, key: &str) -> String {
        let own = self.services.get(service).filter(|own| own.contains_key(key));
        place(own.map(|_| service), key)
    }

    /// Makes sure that the files are there that commands read and do not create.
    ///
    /// # Errors
    /// [`ConfigError::Key`] names the first that is missing.
    pub(crate) fn check_files(&self) -> Result<(), ConfigError> {
        let common = self.common.iter().map(|(key, values)| (None, key, values));
        let own = self.services.iter().flat_map(|(service, settings)| {
            settings
                .iter()
                .map(move |(key, values)| (Some(&**service), key, values))
        });
        for (service, key, values) in common.chain(own) {
            let missing = values.iter().find(|value| !Path::new(value).is_file());
            if let (Some(missing), true) = (missing, FILES.contains(&key.as_str())) {
                let reason =
                    format!("{missing} is not a file; relative paths start from the working directory");
                return Err(self.refuse(place(service, key), reason));
            }
        }
        Ok(())
    }

    /// Parses each service's values, as it would at its start; returns the services that the file names, with their values.
    ///
    /// # Errors
    /// [`ConfigError::Key`] with the first value that a service rejects.
    pub(crate) fn check(
        &self,
        command: &Command,
    ) -> Result<BTreeMap<String, BTreeMap<String, Vec<String>>>, ConfigError> {
        let mut checked = BTreeMap::new();
        let services = services(command);
        // Those that no service has, as the first command that has them reads them.
        let all = with_subcommands(command);
        for (key, own) in &self.common {
            let is_of_a_service = services.iter().any(|service| setting(service, key).is_some());
            let first = all.iter().find(|command| setting(command, key).is_some());
            if let Some(command) = first.filter(|_| !is_of_a_service) {
                parse(command, key, own).map_err(|reason| self.refuse(place(None, key), reason))?;
            }
        }
        for service in services {
            let name = service.get_name();
            let values = self.of(service);
            for (key, own) in &values {
                parse(service, key, own).map_err(|reason| self.refuse(self.place(name, key), reason))?;
            }
            for (key, own) in &values {
                let (Some(arg), false) = (setting(service, key), own == &["false"]) else {
                    continue;
                };
                let excluded = service.get_arg_conflicts_with(arg).into_iter();
                let mut excluded = excluded.filter_map(Arg::get_long);
                if let Some(other) =
                    excluded.find(|other| values.get(*other).is_some_and(|own| own != &["false"]))
                {
                    let reason = format!(
                        "it and {} exclude each other: leave out one of them",
                        self.place(name, other)
                    );
                    return Err(self.refuse(self.place(name, key), reason));
                }
            }
            if self.services.contains_key(name) {
                checked.insert(name.to_owned(), values);
            }
        }
        Ok(checked)
    }
}

/// A key, and the table that it is in, if it is in one.
fn place(table: Option<&str>, key: &str) -> String {
    match table {
        Some(table) => format!("`{key}` in [{table}]"),
        None => format!("`{key}`"),
    }
}

/// Reads a flag's values as the command does, and as it does later, when it uses them.
fn parse(command: &Command, key: &str, values: &[String]) -> Result<(), String> {
    let Some(arg) = setting(command, key) else {
        return Ok(());
    };
    let mut line: Vec<OsString> = vec!["assize".into()];
    match arg.get_action() {
        ArgAction::SetTrue if values == ["false"] => {}
        ArgAction::SetTrue => line.push(format!("--{key}").into()),
        _ => line.extend(values.iter().map(|value| format!("--{key}={value}").into())),
    }
    // What a value needs beside it is checked at the start.
    let parser = command.clone().mut_args(|arg| arg.required(false));
    let parser = parser.subcommand_required(false).arg_required_else_help(false);
    parser.try_get_matches_from(line).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().next().unwrap_or_default();
        reason.trim_start_matches("error: ").to_owned()
    })?;
    values.iter().try_for_each(|value| used(key, value))
}

/// Reads a value that the command line takes as text.
fn used(key: &str, value: &str) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    match key {
        "rpc-url" => value.parse::<RpcUrl>().map(drop).map_err(|error| text(&error)),
        "gateway" => Gateways::new(&[value]).map(drop).map_err(|error| text(&error)),
        "relay" => Relays::new(Chain::quicknet(), &[value])
            .map(drop)
            .map_err(|error| text(&error)),
        "trusted-proxy" => Proxies::parse(&[value.to_owned()])
            .map(drop)
            .map_err(|error| text(&error)),
        // Opening it creates nothing, unless it is a directory.
        "store" if value.contains("://") || value.starts_with("kubo:") => {
            open_store(value).map(drop).map_err(|error| format!("{error:#}"))
        }
        _ => Ok(()),
    }
}

/// The file that the arguments name, else the environment.
pub(crate) fn path(arguments: &[OsString]) -> Option<PathBuf> {
    let flag = format!("--{FLAG}");
    let with_value = format!("{flag}=");
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument.as_os_str() == flag.as_str() {
            return rest.next().map(PathBuf::from);
        }
        if let Some(value) = argument.to_str().and_then(|text| text.strip_prefix(&with_value)) {
            return Some(value.into());
        }
    }
    variable(VARIABLE).map(PathBuf::from)
}

/// A command whose flags have these defaults.
fn with_defaults(
    command: Command,
    mut values: BTreeMap<String, Vec<String>>,
    explicit: &Explicit,
) -> Command {
    for name in explicit.excluded(&command) {
        values.remove(&name);
    }
    command.mut_args(|arg| match arg.get_long().and_then(|name| values.get(name)) {
        // clap keeps defaults for as long as the program runs; they are set once.
        Some(values) => {
            let values = values.iter().map(|value| &*value.clone().leak());
            arg.default_values(values.collect::<Vec<&'static str>>())
                .required(false)
        }
        None => arg,
    })
}

/// A command and all below it.
fn with_subcommands(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().flat_map(with_subcommands);
    std::iter::once(command).chain(below).collect()
}

/// The services of a command line.
pub(crate) fn services(command: &Command) -> Vec<&Command> {
    command
        .find_subcommand(SERVICES)
        .into_iter()
        .flat_map(Command::get_subcommands)
        .filter(|service| service.get_name() != "help")
        .collect()
}

/// The flag of a service with this name.
pub(crate) fn setting<'a>(service: &'a Command, name: &str) -> Option<&'a Arg> {
    settings(service).find(|arg| arg.get_long() == Some(name))
}

/// The flags of a service that a file may set.
pub(crate) fn settings(service: &Command) -> impl Iterator<Item = &Arg> {
    service
        .get_arguments()
        .filter(|arg| arg.get_long().is_some_and(|name| !NOT_SETTINGS.contains(&name)))
}

fn unknown(name: &str, services: &[&Command]) -> String {
    let flags = services
        .iter()
        .flat_map(|service| settings(service))
        .filter_map(Arg::get_long);
    let similar = flags
        .map(|flag| (strsim::levenshtein(name, flag), flag))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    match similar {
        Some((_, flag)) => format!("unknown flag; did you mean `{flag}`?"),
        None => "unknown flag; `--help-all` of the service lists all flags".into(),
    }
}

/// The values of a flag as text.
fn values(arg: &Arg, value: &Value) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(truth) => Ok(truth.to_string()),
        other => Err(format!("a {} is not the value of a flag", other.type_str())),
    };
    match (arg.get_action(), value) {
        (ArgAction::SetTrue, Value::Boolean(truth)) => Ok(vec![truth.to_string()]),
        (ArgAction::SetTrue, _) => Err("it is a switch: give true or false".into()),
        (_, Value::Boolean(_)) => Err("it takes a value, not true or false".into()),
        (ArgAction::Append, Value::Array(all)) => all.iter().map(one).collect(),
        (_, Value::Array(_)) => Err("it takes one value, not a list".into()),
        (_, value) => one(value).map(|value| vec![value]),
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;
    use crate::Cli;
    use crate::help::{Help, command_line};

    fn config(text: &str) -> Result<Config, ConfigError> {
        let table: Table = toml::from_str(text).unwrap();
        let command = command_line::<Cli>(Help::All);
        let config = Config::from_table(Path::new("network.toml"), &table, &command)?;
        config.check(&command)?;
        Ok(config)
    }

    fn fault(text: &str) -> String {
        config(text).unwrap_err().to_string()
    }

    #[test]
    fn the_documented_file_is_valid() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/params/network.toml");
        let command = command_line::<Cli>(Help::All);
        let config = Config::read(&path, &command).unwrap();
        assert_eq!(config.check(&command).unwrap().len(), 7);
        // Every service starts with it, without further flags.
        for service in services(&command) {
            let mut applied = config.apply(command_line::<Cli>(Help::All), &Explicit::default());
            let line = ["assize", "run", service.get_name()];
            let mut matches = applied.try_get_matches_from_mut(line).unwrap();
            Cli::from_arg_matches_mut(&mut matches).unwrap();
        }
    }

    #[test]
    fn flags_override_the_file() {
        let file = "rpc-url = \"http://node\"\n[publisher]\nbatch = 7\nmetrics = \"127.0.0.1:1\"";
        let batch = |line: &[&str]| {
            let explicit = Explicit::default();
            let mut command = config(file)
                .unwrap()
                .apply(command_line::<Cli>(Help::All), &explicit);
            let matches = command.try_get_matches_from_mut(line).unwrap();
            let publisher = matches
                .subcommand_matches("run")
                .unwrap()
                .subcommand_matches("publisher")
                .unwrap();
            *publisher.get_one::<u32>("batch").unwrap()
        };
        assert_eq!(batch(&["assize", "run", "publisher"]), 7);
        assert_eq!(batch(&["assize", "run", "publisher", "--batch", "8"]), 8);
    }

    /// `clap` lets defaults stand beside what excludes them.
    #[test]
    fn what_an_explicit_flag_excludes_is_no_default() {
        let file = "keystore = \"key.json\"\npassword-file = \"password\"\ndrand-info = \"info.json\"\nbeacons = \"beacons.json\"";
        let kept = |line: &[&str], key: bool| {
            let line: Vec<OsString> = line.iter().map(OsString::from).collect();
            let mut explicit = Explicit::of(&line);
            explicit.key = key;
            let mut command = config(file)
                .unwrap()
                .apply(command_line::<Cli>(Help::All), &explicit);
            let matches = command.try_get_matches_from_mut(line).unwrap();
            let reveal = matches.subcommand_matches("round").unwrap();
            let reveal = reveal.subcommand_matches("reveal").unwrap();
            let names = ["keystore", "password_file", "info", "beacons"];
            names.map(|name| reveal.contains_id(name))
        };
        let line = ["assize", "round", "reveal", "--rpc-url", "http://node"];
        let with = |more: &[&'static str]| [&line[..], more].concat();
        assert_eq!(kept(&line, false), [true; 4]);
        assert_eq!(kept(&line, true), [false, false, true, true]);
        assert_eq!(kept(&with(&["--ledger=0"]), false), [false, false, true, true]);
        assert_eq!(
            kept(&with(&["--aws-kms", "alias/a"]), false),
            [false, false, true, true]
        );
        assert_eq!(
            kept(&with(&["--drand", "quicknet"]), false),
            [true, true, false, true]
        );
        assert_eq!(
            kept(&with(&["--relay", "http://relay"]), false),
            [true, true, true, false]
        );
    }

    #[test]
    fn faults_name_the_place_and_the_remedy() {
        assert_eq!(
            fault("[coordinater]\nlisten = \"127.0.0.1:1\""),
            "network.toml, [coordinater]: unknown service; the services are coordinator, publisher, evaluator, guardian, payout, \
             checker, gateway, beacon"
        );
        assert_eq!(
            fault("[publisher]\nmetric = \"127.0.0.1:1\""),
            "network.toml, `metric` in [publisher]: unknown flag; did you mean `metrics`?"
        );
        assert!(fault("rpc_url = \"x\"").ends_with("did you mean `rpc-url`?"));
        assert!(fault("unheard-of = 1").contains("lists all flags"));
        let invalid = fault("[publisher]\nbatch = \"many\"");
        assert!(
            invalid.starts_with("network.toml, `batch` in [publisher]: invalid value \'many\'"),
            "{invalid}"
        );
        assert!(fault("[evaluator]\npost = \"yes\"").ends_with("give true or false"));
        assert!(fault("[evaluator]\ndelay = true").ends_with("not true or false"));
        assert!(fault("[evaluator]\ndelay = [\"1m\"]").ends_with("not a list"));
        assert!(fault("rpc-url = \"node.example\"").starts_with("network.toml, `rpc-url`: "));
        assert!(fault("[payout]\ngateway = \"ftp://a\"").contains("`gateway` in [payout]"));
        assert!(fault("store = \"ftp://a\"").contains("is not supported"));
        // Of commands that are no services.
        assert!(fault("provider = \"nobody\"").contains("`provider`"));
        assert_eq!(
            fault("keystore = \"key.json\"\n[payout]\naws-kms = \"alias/a\""),
            "network.toml, `aws-kms` in [payout]: it and `keystore` exclude each other: leave out one of them"
        );
        assert!(config("[evaluator]\nonce = false\nmetrics = \"127.0.0.1:1\"").is_ok());
        let missing = config("[checker]\ndeployment = \"none.json\"").unwrap();
        assert_eq!(
            missing.check_files().unwrap_err().to_string(),
            "network.toml, `deployment` in [checker]: none.json is not a file; relative paths start from the working directory"
        );
        assert!(config("[evaluator]\npost = false\npeer = [\"http://one\", \"http://two\"]").is_ok());
    }
}
