//! Every secret file that a daemon reads or creates is handled the same way.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use assize_api::{IngestKey, open_subnet_tagger};
use assize_checker::StationKey;

/// The public part of the secret in a file, or the error.
type Open = fn(&Path) -> Result<String, String>;

/// Every kind of secret file.
const KINDS: [(&str, Open); 3] = [
    ("station key", |path| {
        StationKey::open(path)
            .map(|key| key.address().to_string())
            .map_err(|error| error.to_string())
    }),
    ("ingest key", |path| {
        IngestKey::open(path)
            .map(|key| key.address().to_string())
            .map_err(|error| error.to_string())
    }),
    ("subnet secret", |path| {
        open_subnet_tagger(path)
            .map(|tagger| tagger.commitment().to_string())
            .map_err(|error| error.to_string())
    }),
];

/// Runs a case for every kind, with a path in an empty directory; names the kinds that fail it.
fn each(case: impl Fn(&Path, Open) -> Result<(), String>) {
    let faults: Vec<_> = KINDS
        .into_iter()
        .filter_map(|(kind, open)| {
            let directory = tempfile::tempdir().unwrap();
            let fault = case(&directory.path().join("the.secret"), open).err()?;
            Some(format!("{kind}: {fault}"))
        })
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

fn refused(path: &Path, open: Open, wanted: &[&str]) -> Result<(), String> {
    let error = open(path).err().ok_or("accepted")?;
    let names = error.contains("the.secret");
    match wanted.iter().all(|word| error.contains(word)) && names {
        true => Ok(()),
        false => Err(error),
    }
}

fn write(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_link_to_a_missing_file_is_rejected_and_nothing_is_created() {
    each(|path, open| {
        let target = path.with_file_name("gone");
        symlink(&target, path).unwrap();
        refused(path, open, &["link"])?;
        let files = fs::read_dir(path.parent().unwrap()).unwrap().count();
        match (target.exists(), files) {
            (false, 1) => Ok(()),
            _ => Err("a file was created".into()),
        }
    });
}

#[test]
fn a_link_to_a_secret_is_followed() {
    each(|path, open| {
        let target = path.with_file_name("elsewhere");
        let created = open(&target)?;
        symlink(&target, path).unwrap();
        (open(path)? == created)
            .then_some(())
            .ok_or("another secret".into())
    });
}

#[test]
fn files_that_are_not_regular_are_rejected() {
    each(|path, open| {
        fs::create_dir(path).unwrap();
        refused(path, open, &["not a regular file"])
    });
    each(|path, open| {
        // Reading it would never end.
        symlink("/dev/zero", path).unwrap();
        refused(path, open, &["not a regular file"])
    });
}

#[test]
fn a_file_that_others_can_read_or_write_is_rejected() {
    for mode in [0o640, 0o604, 0o660, 0o644, 0o620, 0o602] {
        each(|path, open| {
            open(path)?;
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            refused(path, open, &[&format!("mode {mode:03o}"), "chmod 600"])
        });
    }
    each(|path, open| {
        open(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o400)).unwrap();
        open(path).map(drop)
    });
}

#[test]
fn other_content_is_rejected_and_left_alone() {
    let long = vec![b'a'; 1 << 20];
    let contents: [&[u8]; 7] = [
        b"",
        b"\n",
        b"my thesis",
        b"\xff\xfe",
        &[b'1'; 63],
        &[b'1'; 65],
        &long,
    ];
    for content in contents {
        each(|path, open| {
            write(path, content);
            refused(path, open, &["64 hexadecimal digits"])?;
            (fs::read(path).unwrap() == content)
                .then_some(())
                .ok_or("the file was changed".into())
        });
    }
}

#[test]
fn the_digits_may_have_a_prefix_and_an_end_of_line() {
    each(|path, open| {
        let digits = "11".repeat(32);
        let forms = [digits.clone(), format!("{digits}\n"), format!("0x{digits}\r\n")];
        let opened: Result<BTreeSet<_>, String> = forms
            .iter()
            .map(|form| {
                write(path, form.as_bytes());
                open(path)
            })
            .collect();
        (opened?.len() == 1)
            .then_some(())
            .ok_or("they are different secrets".into())
    });
}

#[test]
fn a_secret_is_created_once_and_is_its_owners_alone() {
    each(|path, open| {
        let opened: Result<BTreeSet<_>, String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| open(path))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let opened = opened?;
        if opened.len() != 1 || !opened.contains(&open(path)?) {
            return Err(format!("{} secrets", opened.len()));
        }
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let files = fs::read_dir(path.parent().unwrap()).unwrap().count();
        match (mode, files) {
            (0o600, 1) => Ok(()),
            _ => Err(format!("mode {mode:03o}, {files} files")),
        }
    });
}
