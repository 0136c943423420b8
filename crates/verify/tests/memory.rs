//! Memory of reading what other people committed: at most 64 MiB above the result, whatever a file claims
//! (docs/protocol.md §9.1). A program of its own, because it counts every byte that the process allocates.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufReader, Write};

use assize_facts::{ListCommitment, RoundFault};
use assize_measurement::ndjson::{self, BatchError, MAX_BATCH, MAX_LINE, MAX_LINES, NotTheBatch};
use assize_protocol::{B256, FileCid, LinesRoot, RosterEntry, RoundNumber, Task, TaskList};
use assize_store::{LocalStore, Source, Store, StoreError};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const ROUND: RoundNumber = RoundNumber(1);
const BOUND: usize = 64 << 20;

/// What `read` returns, which took at most the bound in addition to it.
fn within_bound<T>(name: &str, read: impl FnOnce() -> T) -> T {
    MEMORY.reset_peak_usage();
    let result = read();
    let above = MEMORY.peak_usage().saturating_sub(MEMORY.current_usage());
    assert!(above <= BOUND, "{name}: {above} bytes above the result");
    result
}

/// Stores `count` times the same piece.
fn repeat(store: &LocalStore, piece: &[u8], count: usize) -> FileCid {
    let write = &mut |to: &mut (dyn Write + Send)| (0..count).try_for_each(|_| to.write_all(piece));
    store.put_with(write).unwrap()
}

// One test, because tests of one program run at the same time, and what one allocates another would count.
#[test]
fn files_take_no_more_memory_than_their_content() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path()).unwrap();
    let open = |cid| BufReader::with_capacity(1 << 16, store.open(&cid).unwrap());
    let read =
        |name, cid, root, count| within_bound(name, || ndjson::read_batch(ROUND, root, count, open(cid)));
    let is_not = |name, cid, count| match read(name, cid, B256::ZERO, count) {
        Err(BatchError::NotTheBatch(reason)) => reason,
        other => panic!("{name}: {other:?}"),
    };

    // Its CAR has one block of 1 MiB, which the file repeats.
    let a_gibibyte = repeat(&store, &[b'x'; 1 << 20], 1 << 10);
    assert_eq!(is_not("one long line", a_gibibyte, 1), NotTheBatch::TooLong);
    let blank = repeat(&store, &[b'\n'; 1 << 20], 1 << 10);
    let too_many = NotTheBatch::TooMany {
        found: MAX_LINES as u32 + 1,
        committed: MAX_LINES as u32,
    };
    assert_eq!(is_not("blank lines", blank, MAX_LINES as u32), too_many);

    // As long as a batch may be, with reasons that quote the lines.
    let mut line = format!("{{\"{}\":1}}", "k".repeat(MAX_LINE - 6)).into_bytes();
    line.push(b'\n');
    let count = MAX_BATCH / line.len();
    let mut lines = LinesRoot::default();
    (0..count).for_each(|_| lines.push(line.strip_suffix(b"\n").unwrap()));
    let unknown = repeat(&store, &line, count);
    let batch = read("long keys", unknown, lines.root(), lines.count()).unwrap();
    assert_eq!((batch.rows.len(), batch.rejected.len()), (0, count));

    for (name, cid, malformed) in [
        ("a list of one line", a_gibibyte, true),
        ("a list of blank lines", blank, true),
        ("a list of nothing", repeat(&store, b"", 0), false),
    ] {
        let list = ListCommitment {
            root: B256::ZERO,
            count: u32::MAX,
            cid,
        };
        let fault = within_bound(name, || list.read::<RosterEntry>(ROUND, open(cid))).unwrap_err();
        assert_eq!(
            matches!(fault, RoundFault::List { .. }),
            malformed,
            "{name}: {fault}"
        );
    }

    // What is only checked needs room for neither entries nor a tree.
    let count = 50_000;
    let line = |index: usize| {
        format!("{{\"cid\":\"bafkqaaa\",\"provider\":\"f0{index}\",\"clients\":[],\"allocators\":[]}}\n")
    };
    let file: Vec<u8> = (0..count).flat_map(|index| line(index).into_bytes()).collect();
    let cid = store.put(&file).unwrap();
    let frozen = ListCommitment::of(&TaskList::parse(&file).unwrap(), cid);
    drop(file);
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    frozen.check_file::<Task>(ROUND, open(cid)).unwrap();
    let above = MEMORY.peak_usage().saturating_sub(before);
    assert!(above <= 160 * count, "{above} bytes for {count} tasks");

    let document = within_bound("a long document", || store.get_within(&a_gibibyte, 1 << 20));
    let is_too_long = |error| matches!(error, StoreError::TooLong { most: 1_048_576, .. });
    assert!(document.is_err_and(is_too_long));
}
