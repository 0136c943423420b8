//! Files that are replaced as a whole: whoever looks sees the old one or the new one.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

/// A temporary file that will replace `path`, in the same directory.
///
/// # Errors
/// The directory cannot be written to.
pub fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))
}

/// Moves a file of [`beside`] into place atomically. If the path is not a regular file, such as /dev/stdout, writes to it.
///
/// # Errors
/// The file cannot be written.
pub fn replace(mut file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.flush()?;
    if path.exists() && !path.is_file() {
        io::copy(&mut file.reopen()?, &mut File::create(path)?)?;
        return Ok(());
    }
    // The mode of an ordinary new file.
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}
