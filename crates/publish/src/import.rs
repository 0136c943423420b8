//! Taking measurements in.

use assize_measurement::ndjson;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use crate::PublishError;

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Measurements taken in; 0 if the very same file was taken in before.
    pub added: u64,
    /// Lines that are no measurements: skipped.
    pub rejected: Vec<Refused>,
}

/// A line that is no measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Counted from 1.
    pub line: usize,
    /// The field at fault, or `line` for the whole.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// Takes in a file's measurements, of whatever rounds, all or none; a file known by its hash adds nothing.
pub(crate) fn import(
    database: &mut Connection,
    name: &str,
    file: &[u8],
) -> Result<ImportReport, PublishError> {
    let digest: [u8; 32] = Sha256::digest(file).into();
    let transaction = database.transaction()?;
    let known = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM publish_file WHERE digest = ?)",
        [&digest[..]],
        |row| row.get::<_, bool>(0),
    )?;
    let mut report = ImportReport::default();
    {
        let mut insert =
            transaction.prepare_cached("INSERT INTO publish_measurement (round, line) VALUES (?, ?)")?;
        for (number, line) in (1..).zip(file.split(|byte| *byte == b'\n')) {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match ndjson::parse_any_round(line) {
                Ok(measurement) if !known => {
                    insert.execute(params![measurement.round.0 as i64, measurement.to_line()])?;
                    report.added += 1;
                }
                Ok(_) => {}
                Err((field, reason)) => report.rejected.push(Refused {
                    line: number,
                    field,
                    reason,
                }),
            }
        }
    }
    if !known {
        transaction.execute(
            "INSERT INTO publish_file (digest, name, added) VALUES (?, ?, ?)",
            params![&digest[..], name, report.added as i64],
        )?;
    }
    transaction.commit()?;
    Ok(report)
}
