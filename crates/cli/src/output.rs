//! The one place that writes: data to stdout, talk and errors to stderr.

use std::fs::{File, Permissions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use eyre::{Report, WrapErr, ensure, eyre};
use serde::Serialize;
use tempfile::NamedTempFile;

/// How a command ended, when nothing went wrong with the command itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Exit code 0.
    Done,
    /// What was to be checked does not hold: exit code 1.
    CheckFailed,
}

/// What a command says that needs a cargo feature with which this binary was not built.
pub(crate) fn without(what: &str, feature: &str) -> Report {
    eyre!(
        "{what} needs the cargo feature `{feature}`, which this binary was built without: build it with `cargo build --release -p {} --features {feature}`",
        env!("CARGO_PKG_NAME")
    )
}

/// One line of text to stdout.
pub(crate) fn line(text: impl AsRef<str>) -> eyre::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_ref().as_bytes())?;
    stdout.write_all(b"\n")?;
    Ok(())
}

/// Bytes to stdout as they are.
pub(crate) fn bytes(bytes: &[u8]) -> eyre::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

/// A file that will take the place of another, in the same directory.
pub(crate) fn beside(path: &Path) -> eyre::Result<NamedTempFile> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok(NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?)
}

/// Puts a file of [`beside`] in its place: whoever looks sees the old one or the new one, whole. A place that is no file, such
/// as /dev/stdout, is written into.
pub(crate) fn replace(mut file: NamedTempFile, path: &Path) -> eyre::Result<()> {
    file.flush()?;
    if path.exists() && !path.is_file() {
        io::copy(&mut file.reopen()?, &mut File::create(path)?)?;
        return Ok(());
    }
    // As if it had been created by its name.
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

/// The directory that --keep names, made if need be; refused if there is anything in it.
pub(crate) fn empty_directory(directory: &Path) -> eyre::Result<PathBuf> {
    std::fs::create_dir_all(directory)
        .wrap_err_with(|| format!("cannot create --keep {}", directory.display()))?;
    let mut entries = std::fs::read_dir(directory)
        .wrap_err_with(|| format!("cannot read --keep {}", directory.display()))?;
    ensure!(
        entries.next().is_none(),
        "--keep {} is not empty; name a directory that is empty or does not exist",
        directory.display()
    );
    Ok(directory.to_owned())
}

/// Whether two names are of one file.
pub(crate) fn is_same_file(one: &Path, two: &Path) -> bool {
    match (one.metadata(), two.metadata()) {
        (Ok(one), Ok(two)) => (one.dev(), one.ino()) == (two.dev(), two.ino()),
        _ => false,
    }
}

/// A value as compact JSON, on one line of stdout.
pub(crate) fn json(value: &impl Serialize) -> eyre::Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut stdout, value)?;
    stdout.write_all(b"\n")?;
    stdout.flush()?;
    Ok(())
}

/// A value as indented JSON on stdout.
pub(crate) fn json_pretty(value: &impl Serialize) -> eyre::Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// JSON if asked for, else the text.
pub(crate) fn either(
    as_json: bool,
    value: &impl Serialize,
    text: impl FnOnce() -> String,
) -> eyre::Result<()> {
    if as_json { json_pretty(value) } else { line(text()) }
}

/// Talk: one line to stderr. A closed stderr is nobody's loss.
pub(crate) fn say(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// Asks a question that is answered by yes or no, on the terminal. `yes` answers it beforehand.
///
/// # Errors
/// Nobody is there to answer.
pub(crate) fn ask(question: &str, yes: bool) -> eyre::Result<bool> {
    if yes {
        return Ok(true);
    }
    ensure!(
        io::stdin().is_terminal(),
        "nobody can be asked \"{question}\", since this is no terminal: give --yes to answer it beforehand"
    );
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// An error with its causes, on stderr.
pub(crate) fn print_error(error: &Report) {
    let mut text = format!("error: {error}");
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // A cause that its effect has already quoted adds nothing.
        if !said.contains(&cause) {
            text.push_str(&format!("\n  because: {cause}"));
            said.push_str(&cause);
        }
    }
    say(text);
}

/// Whether the reader of stdout has gone (`assize … | head`).
pub(crate) fn is_broken_pipe(error: &Report) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}

/// attoFIL as FIL with six decimals, rounded down.
pub(crate) fn fil(atto_fil: u128) -> String {
    const ATTO: u128 = 1_000_000_000_000_000_000;
    format!("{}.{:06}", atto_fil / ATTO, atto_fil % ATTO / 1_000_000_000_000)
}

/// A number with thin groups of thousands: 27 000.
pub(crate) fn grouped(number: u64) -> String {
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
    fn amounts_and_numbers_read_well() {
        assert_eq!(fil(0), "0.000000");
        assert_eq!(fil(456_621_004_566_210_045), "0.456621");
        assert_eq!(fil(12_000_000_000_000_000_000), "12.000000");
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(27_000), "27 000");
        assert_eq!(grouped(1_234_567), "1 234 567");
    }

    #[test]
    fn a_closed_pipe_is_recognised_behind_serde() {
        let io = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&Report::new(serde_json::Error::io(io))));
        assert!(!is_broken_pipe(&eyre::eyre!("something else")));
    }
}
