//! A local store returns what was stored, or an error that names the file: never other content, never a panic.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its files fails")]

use std::error::Error;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use assize_measurement::car;
use assize_measurement::unixfs::file_cid;
use assize_store::{InOrder, LocalStore, Source, Store, StoreError};
use proptest::prelude::*;
use tempfile::TempDir;

fn store() -> (TempDir, LocalStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path().join("new/store")).unwrap();
    (directory, store)
}

/// Long enough for a tree of blocks.
fn long_content() -> Vec<u8> {
    (0..(1 << 20) + 500_u32)
        .map(|index| (index % 251) as u8)
        .collect()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_stored_file_is_readable_by_all() {
    let (_directory, store) = store();
    for content in [&b""[..], b"a batch\n", &long_content()] {
        let cid = store.put(content).unwrap();
        assert_eq!(cid, file_cid(content));
        assert!(store.has(&cid).unwrap());
        assert_eq!(store.get(&cid).unwrap(), content);
        assert_eq!(store.put(content).unwrap(), cid);
        let mode = fs::metadata(store.path(&cid)).unwrap().permissions().mode();
        assert_eq!(mode & 0o044, 0o044, "others may read it: {mode:o}");
    }
    let directory = store.path(&file_cid(b"")).parent().unwrap().to_owned();
    let again = LocalStore::open(directory).unwrap();
    assert_eq!(again.cids().unwrap().len(), 3);
}

#[test]
fn putting_again_leaves_the_file_alone() {
    let (_directory, store) = store();
    let cid = store.put(b"a batch\n").unwrap();
    let before = fs::metadata(store.path(&cid)).unwrap().modified().unwrap();
    store.put(b"a batch\n").unwrap();
    assert_eq!(
        fs::metadata(store.path(&cid)).unwrap().modified().unwrap(),
        before
    );
}

#[test]
fn a_missing_file_is_named_with_the_remedy() {
    let (_directory, store) = store();
    let cid = file_cid(b"never stored");
    assert!(!store.has(&cid).unwrap());
    let error = store.get(&cid).unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&cid.to_string()) && text.contains("publisher"),
        "{text}"
    );
}

#[test]
fn a_damaged_file_is_named_and_replaced_when_put_again() {
    let (_directory, store) = store();
    let content = long_content();
    let cid = store.put(&content).unwrap();
    let path = store.path(&cid);
    let whole = fs::read(&path).unwrap();
    for damaged in [
        &b""[..],
        b"rubbish",
        &whole[..59],
        &whole[..whole.len() - 1],
        &[&whole[..], b"more"].concat(),
    ] {
        fs::write(&path, damaged).unwrap();
        let error = store.get(&cid).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&cid.to_string()) && text.contains("delete it"),
            "{text}"
        );
        assert!(error.source().is_some());
    }
    store.put(&content).unwrap();
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn a_damaged_block_is_named() {
    let (_directory, store) = store();
    let cid = store.put(&long_content()).unwrap();
    let mut car = fs::read(store.path(&cid)).unwrap();
    car[1_000] ^= 1;
    fs::write(store.path(&cid), car).unwrap();
    let chunk = file_cid(&long_content()[..1 << 20]);
    let text = store.get(&cid).unwrap_err().to_string();
    assert!(text.contains(&format!("block {chunk} at offset 59")), "{text}");
}

#[test]
fn a_file_under_another_name_is_rejected() {
    let (_directory, store) = store();
    let (one, other) = (store.put(b"one").unwrap(), store.put(b"other").unwrap());
    fs::rename(store.path(&one), store.path(&other)).unwrap();
    let text = store.get(&other).unwrap_err().to_string();
    assert!(
        text.contains(&one.to_string()) && text.contains(&other.to_string()),
        "{text}"
    );
}

#[test]
fn cars_may_be_copied_in() {
    let (_directory, store) = store();
    let (cid, car) = car::pack(b"from elsewhere");
    fs::write(store.path(&cid), car).unwrap();
    assert_eq!(store.get(&cid).unwrap(), b"from elsewhere");
}

#[test]
fn only_cars_are_listed() {
    let (_directory, store) = store();
    let mut cids = [store.put(b"one").unwrap(), store.put(b"two").unwrap()];
    cids.sort();
    let directory = store.path(&cids[0]).parent().unwrap().to_owned();
    fs::write(directory.join(".incoming-x"), b"left behind by a crash").unwrap();
    fs::write(directory.join("notes.txt"), b"").unwrap();
    fs::write(directory.join("notes.car"), b"").unwrap();
    fs::write(
        directory.join(format!("{}.car", cids[0].to_string().to_uppercase())),
        b"",
    )
    .unwrap();
    assert_eq!(store.cids().unwrap(), cids);
}

#[test]
fn a_file_cannot_be_a_store() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = LocalStore::open(file.path()).unwrap_err().to_string();
    assert!(error.contains(&file.path().display().to_string()), "{error}");
}

/// No user can write to `/proc`, not even root.
#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let error = LocalStore::open("/proc/assize").unwrap_err().to_string();
    assert!(error.contains("cannot create the store /proc/assize"), "{error}");

    let store = LocalStore::open("/proc").unwrap();
    let error = store.put(b"a batch\n").unwrap_err();
    assert!(
        error.to_string().contains("cannot write to the store /proc:"),
        "{error}"
    );
}

#[test]
fn files_are_written_and_read_as_streams() {
    let (_directory, store) = store();
    let content = long_content();
    let cid = store
        .put_with(&mut |to| content.chunks(1_000).try_for_each(|piece| to.write_all(piece)))
        .unwrap();
    assert_eq!(cid, file_cid(&content));
    let mut first = [0; 10];
    store.open(&cid).unwrap().read_exact(&mut first).unwrap();
    assert_eq!(first, content[..10]);
    assert_eq!(store.open(&cid).unwrap().check().unwrap(), content.len() as u64);
}

#[test]
fn a_failed_producer_stores_nothing() {
    let (_directory, store) = store();
    let failed = store.put_with(&mut |to| {
        to.write_all(&long_content())?;
        Err(std::io::Error::other("the database went away"))
    });
    let text = failed.unwrap_err().to_string();
    assert!(text.contains("the database went away"), "{text}");
    assert_eq!(names(store.path(&file_cid(b"")).parent().unwrap()), [""; 0]);
}

#[test]
fn damage_at_the_end_sends_the_reader_to_the_next_source() {
    let (_first, damaged) = store();
    let (_second, good) = store();
    let cid = damaged.put(&long_content()).unwrap();
    good.put(&long_content()).unwrap();
    let mut car = fs::read(damaged.path(&cid)).unwrap();
    let middle = car.len() - 400;
    car[middle] ^= 1;
    fs::write(damaged.path(&cid), car).unwrap();
    let both = InOrder::new(vec![Box::new(damaged), Box::new(good)]);
    assert_eq!(both.get(&cid).unwrap(), long_content());
}

#[test]
fn a_relative_directory_will_do() {
    let (directory, _store) = store();
    let here = std::env::current_dir().unwrap();
    // Enough steps up that the path is relative and the directory temporary.
    let up: std::path::PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up
        .join(directory.path().strip_prefix("/").unwrap())
        .join("relative");
    let store = LocalStore::open(relative).unwrap();
    let cid = store.put(b"a batch\n").unwrap();
    assert_eq!(store.get(&cid).unwrap(), b"a batch\n");
}

#[test]
fn concurrent_puts_of_one_file_succeed() {
    let (_directory, store) = store();
    let content = vec![7; 100_000];
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let cid = store.put(&content).unwrap();
                assert_eq!(store.get(&cid).unwrap(), content);
            });
        }
    });
    let path = store.path(&file_cid(&content));
    let name = path.file_name().unwrap().to_str().unwrap();
    assert_eq!(names(path.parent().unwrap()), [name], "no temporary file is left");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_byte_is_never_content(at: prop::sample::Index, change in 1u8..) {
        let (_directory, store) = store();
        let cid = store.put(&long_content()).unwrap();
        let mut car = fs::read(store.path(&cid)).unwrap();
        let at = at.index(car.len());
        car[at] ^= change;
        fs::write(store.path(&cid), car).unwrap();
        let refused = matches!(store.get(&cid), Err(StoreError::Corrupt { .. }));
        prop_assert!(refused, "byte {at}");
    }

    #[test]
    fn a_cut_file_is_never_content(at: prop::sample::Index) {
        let (_directory, store) = store();
        let cid = store.put(b"a batch that matters\n").unwrap();
        let car = fs::read(store.path(&cid)).unwrap();
        fs::write(store.path(&cid), &car[..at.index(car.len())]).unwrap();
        let refused = matches!(store.get(&cid), Err(StoreError::Corrupt { .. }));
        prop_assert!(refused);
    }
}
