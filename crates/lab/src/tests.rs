//! The command lines of `assize` and `assize-lab`: their help, and the commands that documents and messages name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use assize_cli::{Help, command_line};
use clap::Command;

use crate::Cli;

/// The longest help of a command, in lines.
const SCREEN: usize = 42;
/// The longest line of it, in characters.
const COLUMNS: usize = 100;

/// Options of cargo, forge, cast, anvil, npm, aws, docker and ipfs-car that documents and messages name.
const FOREIGN: &[&str] = &[
    "--account",
    "--alias-name",
    "--broadcast",
    "--description",
    "--device",
    "--doc",
    "--features",
    "--gas-estimate-multiplier",
    "--hardfork",
    "--ignore-scripts",
    "--interactive",
    "--key-spec",
    "--key-usage",
    "--keystore-dir",
    "--load-state",
    "--match-contract",
    "--no-default-features",
    "--no-save",
    "--no-wrap",
    "--release",
    "--skip-simulation",
    "--slow",
    "--target-key-id",
    "--test",
];

fn binaries(help: Help) -> [Command; 2] {
    [command_line::<assize_cli::Cli>(help), command_line::<Cli>(help)].map(|mut command| {
        command.build();
        command
    })
}

/// Calls `see` with each command and its full name, such as `assize run coordinator`.
fn walk(command: &mut Command, name: &str, see: &mut dyn FnMut(&str, &mut Command)) {
    see(name, command);
    for inner in command.get_subcommands_mut() {
        if inner.get_name() != "help" {
            let name = format!("{name} {}", inner.get_name());
            walk(inner, &name, see);
        }
    }
}

fn walk_binaries(help: Help, mut see: impl FnMut(&str, &mut Command)) {
    for mut binary in binaries(help) {
        let name = binary.get_name().to_owned();
        walk(&mut binary, &name, &mut see);
    }
}

#[test]
fn every_help_fits_a_screen_with_one_line_for_each_option() {
    let mut long = Vec::new();
    walk_binaries(Help::Brief, |name, command| {
        let help = command.render_help().to_string();
        let lines = help.lines().count();
        if lines > SCREEN {
            long.push(format!("`{name} --help` has {lines} lines:\n{help}"));
        }
        let wide = help.lines().filter(|line| line.chars().count() > COLUMNS);
        long.extend(wide.map(|line| format!("`{name} --help`: {} columns: {line}", line.chars().count())));
    });
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn help_all_has_every_option_and_is_the_last_line_of_help() {
    let mut tuned = 0;
    let mut count = |name: &str, command: &mut Command| {
        let brief = command.render_help().to_string();
        if brief.contains("--help-all") {
            tuned += 1;
            let last = brief.lines().last().unwrap_or_default();
            assert!(last.trim_start().starts_with("--help-all"), "{name}: {last}");
        }
    };
    walk_binaries(Help::Brief, &mut count);
    assert!(tuned > 10, "{tuned} commands have options for tuning");
    walk_binaries(Help::All, |name, command| {
        let help = command.render_help().to_string();
        for argument in command
            .get_arguments()
            .filter(|argument| argument.get_id() != "help-all")
        {
            if let Some(long) = argument.get_long() {
                assert!(
                    help.contains(&format!("--{long}")),
                    "{name} --help-all lacks --{long}"
                );
            }
        }
    });
}

/// A flattened struct passes its heading on to the fields after it, which would hide them.
#[test]
fn an_option_is_for_tuning_in_every_command_or_in_none() {
    let mut tuning = BTreeMap::<String, BTreeSet<bool>>::new();
    walk_binaries(Help::All, |name, command| {
        // `assize beacon` is about drand chains, and `assize-lab`'s own commands run a network for tests.
        if name.contains(" beacon") || name.starts_with("assize-lab") {
            return;
        }
        for argument in command.get_arguments() {
            let heading = argument.get_help_heading().unwrap_or_default();
            let is_tuning = heading.starts_with("Tuning");
            assert!(
                !is_tuning || !argument.is_required_set(),
                "{name} hides {argument}"
            );
            let id = argument.get_id().to_string();
            tuning.entry(id).or_default().insert(is_tuning);
        }
    });
    let both: Vec<_> = tuning.iter().filter(|(_, values)| values.len() > 1).collect();
    assert!(both.is_empty(), "{both:?}");
}

#[test]
fn every_command_has_a_snapshot_of_its_help() {
    let directory = repository().join("tests/cli");
    let snapshots =
        ["help.trycmd", "lab/help.trycmd"].map(|file| fs::read_to_string(directory.join(file)).unwrap());
    let snapshots = snapshots.concat();
    walk_binaries(Help::Brief, |name, command| {
        // `assize-lab` has the commands of `assize`, too.
        let shared = name
            .strip_prefix("assize-lab")
            .map(|rest| format!("$ assize{rest} --help\n"));
        let has = |case: &str| snapshots.contains(case);
        assert!(
            has(&format!("$ {name} --help\n")) || shared.is_some_and(|case| has(&case)),
            "tests/cli lacks `$ {name} --help`"
        );
        let tuned = command.render_help().to_string().contains("--help-all");
        let all = format!("$ {} --help-all\n", name.replace("assize-lab", "assize"));
        assert!(!tuned || has(&all), "tests/cli/help.trycmd lacks `{all}`");
    });
}

#[test]
fn commands_and_options_in_documents_and_messages_exist() {
    let [assize, lab] = binaries(Help::All);
    let mut options = FOREIGN
        .iter()
        .map(|&option| option.to_owned())
        .collect::<BTreeSet<_>>();
    walk_binaries(Help::All, |_, command| {
        let longs = command.get_arguments().filter_map(clap::Arg::get_long);
        options.extend(longs.map(|long| format!("--{long}")));
    });
    let mut wrong = Vec::new();
    let mut commands = 0;
    for path in texts() {
        let text = fs::read_to_string(&path).unwrap();
        let shown = path.strip_prefix(repository()).unwrap().display();
        for mention in mentions(&text, |word| lab.find_subcommand(word).is_some()) {
            let (binary, words) = match mention.strip_prefix("assize-lab ") {
                Some(words) => (&lab, words),
                None => (&assize, mention.strip_prefix("assize ").unwrap_or_default()),
            };
            commands += 1;
            if let Err(reason) = check(binary, words) {
                wrong.push(format!("{shown}: `{mention}`: {reason}"));
            }
        }
        for option in options_in(&text) {
            if !options.contains(option) {
                wrong.push(format!("{shown}: {option} is not an option of any command"));
            }
        }
    }
    assert!(commands > 100, "only {commands} commands found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Documents and sources whose readers are users: not testkit, which runs other programs.
fn texts() -> Vec<PathBuf> {
    let root = repository();
    let mut files: Vec<_> = [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "docs",
    ]
    .map(|name| root.join(name))
    .into();
    for crate_ in fs::read_dir(root.join("crates")).unwrap() {
        let path = crate_.unwrap().path();
        if !path.ends_with("testkit") {
            files.extend([path.join("README.md"), path.join("src")]);
        }
    }
    let mut texts = Vec::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.is_file()
            && path
                .extension()
                .is_some_and(|extension| extension == "md" || extension == "rs")
            && !path.ends_with("lab/src/tests.rs")
        {
            texts.push(path);
        }
    }
    texts.sort();
    texts
}

/// The command lines in a document or source: after each `assize ` or `assize-lab ` where a command begins, up to the
/// end of the code span, string or line.
/// A line that starts with the name may be prose: it counts if `known` knows the next word.
fn mentions(text: &str, known: impl Fn(&str) -> bool) -> Vec<String> {
    let mut mentions = Vec::new();
    for name in ["assize ", "assize-lab "] {
        for (at, _) in text.match_indices(name) {
            let before = &text[..at];
            let span = before.ends_with('`') && !before.ends_with("``");
            let line = before.rsplit('\n').next().unwrap_or_default();
            // The start of a line of a code block, perhaps after a prompt or environment variables.
            let starts_line = line
                .trim_start_matches(['/', '!', ' ', '$', '`'])
                .split_whitespace()
                .all(|word| word.contains('='));
            let in_string = line.ends_with("  ") || line.ends_with(": ");
            if !span && !starts_line && !in_string {
                continue;
            }
            let rest = &text[at..];
            let end = match span {
                true => rest.find('`'),
                false => rest.find(['\n', '`', '"']),
            };
            let words = rest[..end.unwrap_or(rest.len())]
                .split_whitespace()
                .filter(|word| !matches!(*word, "//" | "///" | "//!" | "\\"));
            let mention = words.collect::<Vec<_>>().join(" ");
            let first = mention.split(' ').nth(1).unwrap_or_default();
            if span || first.starts_with("--") || known(first) {
                mentions.push(mention);
            }
        }
    }
    mentions
}

/// Checks the words after a binary's name: commands and options must exist; values and operands may be anything.
fn check(binary: &Command, words: &str) -> Result<(), String> {
    let mut command = binary;
    let mut words = words.split(' ').map(|word| word.trim_matches(['"', ',', ';']));
    while let Some(word) = words.next() {
        if matches!(word, "#" | "&" | "|" | ">" | "\\" | "…" | "...") {
            break;
        }
        if let Some(option) = word.strip_prefix('-').filter(|option| !option.is_empty()) {
            let name = option.split(['=', '[']).next().unwrap_or_default();
            let argument = command
                .get_arguments()
                .find(|argument| match name.strip_prefix('-') {
                    Some(long) => argument.get_long() == Some(long),
                    None => argument.get_short().is_some_and(|short| name.starts_with(short)),
                });
            let Some(argument) = argument else {
                return Err(format!("`{}` has no option -{name}", command.get_name()));
            };
            let takes_value = argument.get_action().takes_values() && !argument.is_require_equals_set();
            if takes_value && name == option {
                words.next();
            }
            continue;
        }
        if !command.has_subcommands() {
            continue;
        }
        // A placeholder, such as NAME.
        if word.starts_with(|first: char| !first.is_ascii_lowercase()) {
            break;
        }
        let mut found = None;
        for name in word.split('|') {
            found = command.find_subcommand(name);
            if found.is_none() {
                return Err(format!("`{}` has no command `{name}`", command.get_name()));
            }
        }
        command = found.unwrap_or(command);
    }
    Ok(())
}

/// The options in code spans and strings: `--name` after a backtick, quote, space or bracket.
fn options_in(text: &str) -> Vec<&str> {
    let mut options = Vec::new();
    for (at, _) in text.match_indices("--") {
        let before = text[..at].chars().next_back().unwrap_or('\n');
        let rest = &text[at..];
        let end = rest[2..]
            .find(|letter: char| !letter.is_ascii_lowercase() && letter != '-')
            .map_or(rest.len(), |end| end + 2);
        let option = &rest[..end];
        if "`\" (|\n[".contains(before) && option.len() > 3 && option.as_bytes()[2].is_ascii_lowercase() {
            options.push(option);
        }
    }
    options
}
