//! Files that people write.

use std::path::Path;

use assize_protocol::plain_text;
use eyre::WrapErr;

/// Reads a text file, past a byte order mark. `what` it is begins the message of an error.
pub(crate) fn read_text(what: &str, path: &Path) -> eyre::Result<String> {
    let failed = || format!("cannot read {what} {}", path.display());
    let file = std::fs::read(path).wrap_err_with(failed)?;
    let text = plain_text::decode(&file).wrap_err_with(failed)?;
    Ok(text.to_owned())
}
