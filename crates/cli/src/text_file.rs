//! Files that people name.

use std::path::Path;

use assize_protocol::plain_text;
use assize_service::{LARGEST_FILE, LARGEST_SETTINGS, read_file};
use eyre::WrapErr;

/// Reads a text file, past a byte order mark. `what` it is begins the message of an error.
pub(crate) fn read_text(what: &str, path: &Path) -> eyre::Result<String> {
    let failed = || format!("cannot read {what} {}", path.display());
    let file = read_file(path, LARGEST_SETTINGS).wrap_err_with(failed)?;
    let text = plain_text::decode(&file).wrap_err_with(failed)?;
    Ok(text.to_owned())
}

/// Reads a file of the protocol, which may be large. `what` it is begins the message of an error; it may be empty.
pub(crate) fn read_bytes(what: &str, path: &Path) -> eyre::Result<Vec<u8>> {
    let place = path.display();
    read_file(path, LARGEST_FILE).wrap_err_with(|| match what {
        "" => format!("cannot read {place}"),
        what => format!("cannot read {what} {place}"),
    })
}
