//! Runs the real binary.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed test panics, one with dice says how to throw them again"
)]

pub mod processes;
pub mod site;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, Output};

use assize_testkit::anvil::Anvil;
use serde_json::Value;

/// The binary under test, without settings from the developer's environment.
pub fn assize() -> Command {
    // The tests of assize-lab run that binary, which has every command of `assize`.
    let binary = option_env!("CARGO_BIN_EXE_assize").or(option_env!("CARGO_BIN_EXE_assize-lab"));
    let mut command = Command::new(binary.unwrap());
    let ours: Vec<_> = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| name.to_string_lossy().starts_with("ASSIZE_") && name != "ASSIZE_ANVIL")
        .collect();
    for name in ours {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG");
    // The test's working directory is its data directory.
    command.env("ASSIZE_DATA", ".");
    command
}

/// Runs `assize` with arguments.
pub fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    assize().args(arguments).output().unwrap()
}

/// The words of a command line.
pub fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// Stdout of a run, which must have ended with `code`.
#[track_caller]
pub fn ended(output: Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "stderr: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The JSON of a run, which must have ended with 0.
#[track_caller]
pub fn answer(output: Output) -> Value {
    serde_json::from_str(&ended(output, 0)).unwrap()
}

/// Runs `assize`, which must exit with 0, and returns its stdout.
#[track_caller]
pub fn stdout_of<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> String {
    ended(run(arguments), 0)
}

/// As [`stdout_of`] with `--format json`, parsed.
pub fn json_of<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Value {
    let mut arguments: Vec<OsString> = arguments
        .into_iter()
        .map(|argument| argument.as_ref().into())
        .collect();
    if !arguments.iter().any(|argument| argument == "--format") {
        arguments.extend(["--format".into(), "json".into()]);
    }
    serde_json::from_str(&stdout_of(arguments)).unwrap()
}

/// Checks that a run failed with `code`, printed one error that contains all `words` and no data, and did not panic.
#[track_caller]
pub fn refused(output: &Output, code: i32, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "stderr: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(stderr.matches("error: ").count(), 1, "one error: {stderr}");
    assert!(
        output.stdout.is_empty(),
        "stdout: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    for word in words {
        assert!(stderr.contains(word), "no `{word}` in: {stderr}");
    }
}

/// A finished demo: its files, and its chain running again.
pub struct Kept {
    _directory: tempfile::TempDir,
    pub path: PathBuf,
    pub anvil: Anvil,
}

impl Kept {
    pub fn new(stations: u32, rounds: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kept");
        let (stations, rounds) = (stations.to_string(), rounds.to_string());
        let play = [
            "demo",
            "--format",
            "json",
            "--stations",
            &stations,
            "--rounds",
            &rounds,
            "--keep",
        ];
        json_of(play.map(OsStr::new).into_iter().chain([path.as_os_str()]));
        let anvil = Anvil::start_from(&path.join("chain.json")).unwrap();
        Self {
            _directory: directory,
            path,
            anvil,
        }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}
