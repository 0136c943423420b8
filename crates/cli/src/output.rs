//! All output: data to stdout, messages and errors to stderr.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use assize_facts::RoundFault;
use assize_service::{date_and_time, printable};
use assize_verify::VerifyError;
use eyre::{Report, WrapErr, ensure, eyre};
use serde::Serialize;

/// Result of a command without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Exit code 0.
    Done,
    /// A check failed, or the user declined: exit code 1.
    CheckFailed,
}

/// The error of a command that needs a cargo feature which this binary does not have.
pub fn without(what: &str, feature: &str) -> Report {
    eyre!(
        "{what} needs the cargo feature `{feature}`, which this binary does not have: build it with `--features {feature}`"
    )
}

/// One line of text to stdout.
pub fn line(text: impl AsRef<str>) -> eyre::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_ref().as_bytes())?;
    stdout.write_all(b"\n")?;
    Ok(())
}

/// Raw bytes to stdout.
pub fn bytes(bytes: &[u8]) -> eyre::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

/// A directory for the files of a run: created if it does not exist, rejected if it is not empty.
pub fn empty_directory(directory: &Path) -> eyre::Result<PathBuf> {
    std::fs::create_dir_all(directory).wrap_err_with(|| format!("cannot create {}", directory.display()))?;
    let mut entries =
        std::fs::read_dir(directory).wrap_err_with(|| format!("cannot read {}", directory.display()))?;
    ensure!(
        entries.next().is_none(),
        "the directory {} is not empty; name one that is empty or does not exist",
        directory.display()
    );
    Ok(directory.to_owned())
}

/// Whether two paths name the same file.
pub fn is_same_file(one: &Path, two: &Path) -> bool {
    match (one.metadata(), two.metadata()) {
        (Ok(one), Ok(two)) => (one.dev(), one.ino()) == (two.dev(), two.ino()),
        _ => false,
    }
}

/// Refuses to write over a file that the command reads.
///
/// # Errors
/// The output is one of the inputs.
pub fn expect_no_input<'a>(
    option: &str,
    out: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> eyre::Result<()> {
    for input in inputs {
        eyre::ensure!(
            !is_same_file(out, input),
            "{option} {} is a file that this command reads: give another file",
            out.display()
        );
    }
    Ok(())
}

/// A value as compact JSON, on one line of stdout.
pub fn json(value: &impl Serialize) -> eyre::Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut stdout, value)?;
    stdout.write_all(b"\n")?;
    stdout.flush()?;
    Ok(())
}

/// A value as indented JSON on stdout.
pub fn json_pretty(value: &impl Serialize) -> eyre::Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// A message: one line to stderr. A closed stderr is ignored.
pub fn say(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// Asks a yes-or-no question on the terminal; `yes` answers it in advance.
///
/// # Errors
/// stdin is not a terminal.
pub fn ask(question: &str, yes: bool) -> eyre::Result<bool> {
    if yes {
        return Ok(true);
    }
    ensure!(
        io::stdin().is_terminal(),
        "cannot ask \"{question}\": stdin is not a terminal; pass --yes"
    );
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut response = String::new();
    io::stdin().read_line(&mut response)?;
    Ok(matches!(response.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// As [`ask`], but whoever is not at a terminal is not asked.
pub fn ask_on_terminal(question: &str, yes: bool) -> eyre::Result<bool> {
    ask(question, yes || !io::stdin().is_terminal())
}

/// An error with its causes, on stderr.
pub fn print_error(error: &Report) {
    // Files and servers of strangers are quoted in errors.
    say(printable(&format!(
        "error: {}",
        with_causes(error, "\n  caused by: ")
    )));
}

/// An error and its causes, without those that the messages before contain.
pub fn with_causes(error: &Report, between: &str) -> String {
    error.chain().map(in_words).fold(String::new(), |text, cause| {
        if text.is_empty() {
            cause
        } else if text.contains(&cause) {
            text
        } else {
            text + between + &cause
        }
    })
}

/// An error as people read it: the crates without a calendar name times in Unix seconds.
fn in_words(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref() {
        Some(VerifyError::Round(RoundFault::UnderWay { round, until, now })) => format!(
            "round {round} is under way until {}, and the chain's newest block is of {}: retry later",
            date_and_time(*until),
            date_and_time(*now)
        ),
        _ => error.to_string(),
    }
}

/// Whether stdout was closed by its reader (`assize … | head`).
pub fn is_broken_pipe(error: &Report) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}

/// A number with groups of thousands: 27 000.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(27_000), "27 000");
        assert_eq!(grouped(1_234_567), "1 234 567");
    }

    #[test]
    fn causes_are_named_once() {
        let error = Err::<(), _>(eyre!("connection refused"))
            .wrap_err("the node at http://127.0.0.1:1 does not answer: connection refused")
            .wrap_err("nothing was sent")
            .unwrap_err();
        assert_eq!(
            with_causes(&error, ": "),
            "nothing was sent: the node at http://127.0.0.1:1 does not answer: connection refused"
        );
    }

    #[test]
    fn times_in_errors_are_dates() {
        let open = RoundFault::UnderWay {
            round: assize_protocol::RoundNumber(7),
            until: 1_764_000_060,
            now: 1_764_000_000,
        };
        let report = Report::new(VerifyError::from(open));
        let said: Vec<_> = report.chain().map(in_words).collect();
        assert_eq!(
            said,
            [
                "round 7 is under way until 2025-11-24 16:01:00 UTC, and the chain's newest block is of 2025-11-24 16:00:00 UTC: \
              retry later"
            ]
        );
    }

    #[test]
    fn a_closed_pipe_is_recognised_behind_serde() {
        let io = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&Report::new(serde_json::Error::io(io))));
        assert!(!is_broken_pipe(&eyre::eyre!("something else")));
    }
}
