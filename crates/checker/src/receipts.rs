//! Stores receipts as an operator's proof: one NDJSON file per round.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy_primitives::B256;
use assize_protocol::RoundNumber;
use assize_wire::KeptReceipt;
use thiserror::Error;

/// How long files are kept. Settlements can be challenged for days.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Receipts cannot be stored.
#[derive(Debug, Error)]
#[error("cannot {action} {}: {source}; check that the disk is not full and the directory is writable", path.display())]
pub struct ReceiptError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// The directory of receipts.
#[derive(Debug)]
pub(crate) struct Receipts {
    directory: PathBuf,
    /// The file written last.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    round: RoundNumber,
    path: PathBuf,
    file: File,
    /// Measurements that already have a receipt.
    known: BTreeSet<B256>,
}

impl Receipts {
    pub(crate) fn open(directory: PathBuf) -> Result<Self, ReceiptError> {
        fs::create_dir_all(&directory).map_err(failed("create", &directory))?;
        let open = None;
        Ok(Self { directory, open })
    }

    /// Stores receipts of a round; known ones are skipped. Durable when it returns.
    pub(crate) fn keep(&mut self, round: RoundNumber, receipts: &[KeptReceipt]) -> Result<(), ReceiptError> {
        let mut open = match self.open.take() {
            Some(open) if open.round == round => open,
            _ => Open::new(&self.directory, round)?,
        };
        let mut text = Vec::new();
        let mut new = Vec::new();
        for kept in receipts {
            if !open.known.contains(&kept.receipt.digest) && !new.contains(&kept.receipt.digest) {
                // Only strings and numbers, so serialisation cannot fail.
                text.extend(serde_json::to_vec(kept).unwrap_or_default());
                text.push(b'\n');
                new.push(kept.receipt.digest);
            }
        }
        // After a failure the file is reopened and repaired.
        let written = open.file.write_all(&text).and_then(|()| open.file.sync_data());
        written.map_err(failed("write", &open.path))?;
        open.known.extend(new);
        self.open = Some(open);
        Ok(())
    }

    /// Removes files that have not been written for 30 days.
    pub(crate) fn prune(&self) -> Result<(), ReceiptError> {
        let listed = fs::read_dir(&self.directory).map_err(failed("read", &self.directory))?;
        for entry in listed.flatten() {
            let name = entry.file_name();
            let ours = name
                .to_str()
                .is_some_and(|name| name.starts_with("round-") && name.ends_with(".ndjson"));
            let age = entry.metadata().and_then(|metadata| metadata.modified());
            let age = age.ok().and_then(|modified| modified.elapsed().ok());
            if ours && age.is_some_and(|age| age > KEPT) {
                fs::remove_file(entry.path()).map_err(failed("remove", &entry.path()))?;
            }
        }
        Ok(())
    }

    /// Number of receipts.
    pub(crate) fn count(&self) -> Result<u64, ReceiptError> {
        let listed = fs::read_dir(&self.directory).map_err(failed("read", &self.directory))?;
        let count = |entry: fs::DirEntry| {
            let bytes = fs::read(entry.path()).unwrap_or_default();
            bytes.iter().filter(|byte| **byte == b'\n').count() as u64
        };
        Ok(listed.flatten().map(count).sum())
    }
}

impl Open {
    fn new(directory: &Path, round: RoundNumber) -> Result<Self, ReceiptError> {
        let path = directory.join(format!("round-{round}.ndjson"));
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        // A line truncated by a crash is removed; its measurement is submitted again, and gets the same receipt.
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let lines = text[..whole].split(|byte| *byte == b'\n');
        let known = lines.filter_map(|line| serde_json::from_slice::<KeptReceipt>(line).ok());
        let known = known.map(|kept| kept.receipt.digest).collect();
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(failed("open", &path))?;
        file.set_len(whole as u64).map_err(failed("write", &path))?;
        // A new file's name must be durable too.
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(failed("write", directory))?;
        Ok(Self {
            round,
            path,
            file,
            known,
        })
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ReceiptError {
    move |source| ReceiptError {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;
    use assize_measurement::Domain;
    use assize_wire::Receipt;
    use secp256k1::SecretKey;

    use super::*;

    fn kept(byte: u8) -> KeptReceipt {
        let key = SecretKey::from_secret_bytes([7; 32]).unwrap();
        let domain = Domain {
            chain_id: 314,
            rounds: Address::ZERO,
        };
        KeptReceipt {
            measurement: format!("measurement {byte}"),
            receipt: Receipt::new(&key, &domain, B256::repeat_byte(byte), 1),
        }
    }

    fn read(directory: &Path, round: u64) -> Vec<KeptReceipt> {
        let text = fs::read_to_string(directory.join(format!("round-{round}.ndjson"))).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn each_is_kept_once_by_round() {
        let directory = tempfile::tempdir().unwrap();
        let mut receipts = Receipts::open(directory.path().into()).unwrap();
        receipts
            .keep(RoundNumber(1), &[kept(1), kept(2), kept(1)])
            .unwrap();
        receipts.keep(RoundNumber(2), &[kept(3)]).unwrap();
        receipts.keep(RoundNumber(1), &[kept(2), kept(4)]).unwrap();
        assert_eq!(read(directory.path(), 1), [kept(1), kept(2), kept(4)]);
        assert_eq!(read(directory.path(), 2), [kept(3)]);
        assert_eq!(receipts.count().unwrap(), 4);
    }

    #[test]
    fn a_truncated_line_is_repaired() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("round-1.ndjson");
        let whole = serde_json::to_string(&kept(1)).unwrap() + "\n";
        fs::write(&path, format!("{whole}{}", &whole[..40])).unwrap();
        let mut receipts = Receipts::open(directory.path().into()).unwrap();
        receipts.keep(RoundNumber(1), &[kept(1), kept(2)]).unwrap();
        assert_eq!(read(directory.path(), 1), [kept(1), kept(2)]);
    }

    #[test]
    fn old_files_are_removed_and_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        let mut receipts = Receipts::open(directory.path().into()).unwrap();
        receipts.keep(RoundNumber(1), &[kept(1)]).unwrap();
        receipts.keep(RoundNumber(2), &[kept(2)]).unwrap();
        fs::write(directory.path().join("notes.txt"), "mine").unwrap();
        let old = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        for name in ["round-1.ndjson", "notes.txt"] {
            let file = OpenOptions::new()
                .write(true)
                .open(directory.path().join(name))
                .unwrap();
            file.set_times(old).unwrap();
        }
        receipts.prune().unwrap();
        let left = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(
            (left, directory.path().join("round-1.ndjson").exists()),
            (2, false)
        );
    }
}
