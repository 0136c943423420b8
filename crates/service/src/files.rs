//! Files that people name: only regular ones, and only as much of them as fits. Whatever else a path can name, such as a device or a
//! pipe, may have no end, or make whoever opens it wait.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// The maximum size of a file of settings, such as parameters, a policy or a list of operators: 64 MiB.
pub const LARGEST_SETTINGS: u64 = 1 << 26;
/// The maximum size of a file of the protocol, such as a list, a document or a bundle: 4 GiB.
pub const LARGEST_FILE: u64 = 1 << 32;

/// Opens a regular file to read.
///
/// # Errors
/// Of the kind [`ErrorKind::InvalidInput`] if it is something else; those of the operating system.
pub fn open_file(path: &Path) -> io::Result<File> {
    // Before it is opened: opening a pipe waits for its writer.
    expect_regular(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    expect_regular(&file.metadata()?)?;
    Ok(file)
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// As [`open_file`]; of the kind [`ErrorKind::FileTooLarge`] if it is larger.
pub fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open_file(path)?;
    let mut content = Vec::new();
    // The size that the file system states may be wrong, or change.
    file.take(most.saturating_add(1)).read_to_end(&mut content)?;
    match content.len() as u64 > most {
        true => Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it has more than {most} bytes, the maximum for such a file"),
        )),
        false => Ok(content),
    }
}

fn expect_regular(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(io::Error::new(
        ErrorKind::InvalidInput,
        format!("it is {what}: give a regular file"),
    ))
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn only_regular_files_are_read_and_only_up_to_the_maximum() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "12345").unwrap();
        assert_eq!(read_file(&path("file"), 5).unwrap(), b"12345");
        let error = read_file(&path("file"), 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        assert_eq!(
            error.to_string(),
            "it has more than 4 bytes, the maximum for such a file"
        );
        let absent = read_file(&path("absent"), 5).unwrap_err();
        assert_eq!(absent.kind(), ErrorKind::NotFound);

        // Nobody writes to it: opening it would wait for ever.
        mknodat(CWD, path("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::os::unix::fs::symlink(path("pipe"), path("link")).unwrap();
        for (path, what) in [
            (path("pipe"), "a pipe"),
            (path("link"), "a pipe"),
            (directory.path().to_owned(), "a directory"),
            ("/dev/zero".into(), "a device"),
        ] {
            let error = read_file(&path, 5).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), format!("it is {what}: give a regular file"));
            assert!(open_file(&path).is_err());
        }
    }
}
