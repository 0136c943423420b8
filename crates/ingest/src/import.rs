//! Imports measurement files.

use std::io::{self, BufReader, Read, Seek};

use assize_measurement::ndjson::{self, Line, LineReader};
use sha2::{Digest, Sha256};

use crate::{FileMark, ImportError, Ingest, IngestError, NewRow};

/// Number of rejected lines that are kept; further ones are only counted.
const MAX_KEPT: usize = 1_000;

/// The result of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Number of imported measurements; 0 if the same file was imported before.
    pub added: u64,
    /// Number of rejected lines, which are skipped.
    pub rejected: u64,
    /// The first rejected lines.
    pub first_rejected: Vec<Rejected>,
}

/// A rejected line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Line number, from 1.
    pub line: u64,
    /// The invalid field, or `line` for the whole.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// Imports a file's measurements (NDJSON, of any rounds) atomically; a file that is known by its hash is skipped. The
/// file is read twice and never held in memory.
///
/// # Errors
/// [`ImportError::File`], [`ImportError::Ingest`].
pub fn import<F: Read + Seek + Send>(
    ingest: &mut dyn Ingest,
    name: &str,
    mut file: F,
    received_at: u64,
) -> Result<ImportReport, ImportError> {
    let unreadable = |source| ImportError::File {
        name: name.to_owned(),
        source,
    };
    let mark = FileMark {
        digest: digest(&mut file).map_err(unreadable)?,
        name,
        received_at,
    };
    file.rewind().map_err(unreadable)?;
    let mut report = ImportReport::default();
    let mut lines = LineReader::new(BufReader::with_capacity(1 << 18, file));
    let added = ingest.add_file(&mark, &mut || next_row(&mut lines, &mut report));
    report.added = added
        .map_err(|error| match error {
            IngestError::Input(source) => unreadable(source),
            other => other.into(),
        })?
        .unwrap_or(0);
    Ok(report)
}

fn digest(file: &mut impl Read) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn next_row<R: io::BufRead>(
    lines: &mut LineReader<R>,
    report: &mut ImportReport,
) -> io::Result<Option<NewRow>> {
    while let Some((number, line)) = lines.next_line()? {
        let parsed = match line {
            Line::Text(line) => ndjson::parse_any_round(line),
            Line::TooLong { bytes } => Err(ndjson::too_long(bytes)),
        };
        match parsed {
            Ok(measurement) => {
                return Ok(Some(NewRow {
                    round: measurement.round,
                    line: measurement.to_line(),
                }));
            }
            Err((field, reason)) => {
                report.rejected += 1;
                if report.first_rejected.len() < MAX_KEPT {
                    report.first_rejected.push(Rejected {
                        line: number,
                        field,
                        reason,
                    });
                }
            }
        }
    }
    Ok(None)
}
