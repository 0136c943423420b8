//! The ingest table: the same tests over SQLite and over a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::io::{self, Cursor};
use std::sync::{Arc, Barrier};
use std::thread;

use alloy_primitives::{Address, B256};
use assize_ingest::{
    Batch, BatchLimit, BatchState, BatchTree, DailyLimit, FileMark, Ingest, IngestError, Location, NewRow,
    SignedRow, SqliteIngest, Stored, Taken, Totals, Unbatched, import,
};
use assize_measurement::unixfs::file_cid;
use assize_protocol::{LinesRoot, RoundNumber, TaskIndex, line_leaf, positional};
use assize_testkit::services::Place;
#[cfg(feature = "postgres")]
use assize_testkit::services::postgres;

fn open(place: &str) -> Result<Box<dyn Ingest>, IngestError> {
    let Ok(location) = place.parse::<Location>();
    location.connect_ingest()
}

/// Opens the same table repeatedly, as processes do.
type Open = Arc<dyn Fn() -> Box<dyn Ingest> + Send + Sync>;

/// Runs a test over both.
fn over_both(test: impl Fn(Open)) {
    for place in Place::all(cfg!(feature = "postgres")).unwrap() {
        let location = place.location.clone();
        test(Arc::new(move || location.connect_ingest().unwrap()));
    }
}

fn line(round: u64, number: u64) -> String {
    format!(
        "{{\"round\":{round},\"number\":{number},\"text\":\"tab \\t, quote ', backslash \\\\, ünïcode\"}}"
    )
}

fn add(ingest: &mut dyn Ingest, name: &str, received_at: u64, rows: &[(u64, u64)]) -> Option<u64> {
    let mark = FileMark {
        digest: file_cid(name.as_bytes()).digest,
        name,
        received_at,
    };
    let mut rows = rows.iter().map(|&(round, number)| NewRow {
        round: RoundNumber(round),
        line: line(round, number),
    });
    ingest.add_file(&mark, &mut || Ok(rows.next())).unwrap()
}

/// A batch of at most so many measurements.
fn most(lines: u32) -> BatchLimit {
    BatchLimit {
        lines,
        bytes: u64::MAX,
    }
}

fn lines(ingest: &mut dyn Ingest, batch: &Batch) -> Vec<String> {
    let mut lines = Vec::new();
    ingest
        .read(batch, &mut |_, line| {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        })
        .unwrap();
    lines
}

#[test]
fn a_batch_is_a_range_of_its_own_round() {
    over_both(|open| {
        let mut ingest = open();
        assert_eq!(ingest.unbatched().unwrap(), []);
        let mixed: Vec<_> = (0..30).map(|number| (1 + number % 3, number)).collect();
        assert_eq!(add(&mut *ingest, "a", 100, &mixed), Some(30));
        assert_eq!(add(&mut *ingest, "a", 200, &mixed), None);
        assert_eq!(add(&mut *ingest, "b", 200, &[(2, 30), (9, 31)]), Some(2));
        let waiting = |round, count, oldest| Unbatched {
            round: RoundNumber(round),
            count,
            oldest,
        };
        assert_eq!(
            ingest.unbatched().unwrap(),
            [
                waiting(1, 10, 100),
                waiting(2, 11, 100),
                waiting(3, 10, 100),
                waiting(9, 1, 200)
            ]
        );

        let first = ingest.close(RoundNumber(2), most(4)).unwrap().unwrap();
        assert_eq!(
            (first.count, first.state, first.oldest, first.stored),
            (4, BatchState::Closed, 100, None)
        );
        let expected: Vec<_> = [1, 4, 7, 10].map(|number| line(2, number)).to_vec();
        assert_eq!(lines(&mut *ingest, &first), expected);
        // Another process continues where this one stopped.
        let mut again = open();
        let second = again.close(RoundNumber(2), most(100)).unwrap().unwrap();
        assert_eq!(second.count, 7);
        assert_eq!(lines(&mut *again, &second).first(), Some(&line(2, 13)));
        assert_eq!(again.close(RoundNumber(2), most(100)).unwrap(), None);
        assert_eq!(again.close(RoundNumber(77), most(100)).unwrap(), None);
        assert_eq!(
            again.unbatched().unwrap(),
            [waiting(1, 10, 100), waiting(3, 10, 100), waiting(9, 1, 200)]
        );
        assert_eq!(ingest.open_batches().unwrap(), [first, second]);
        // Later ones of the same round go into a later batch.
        add(&mut *ingest, "c", 300, &[(2, 40)]);
        let third = ingest.close(RoundNumber(2), most(100)).unwrap().unwrap();
        assert_eq!((third.count, third.oldest), (1, 300));
    });
}

#[test]
fn a_batch_is_closed_by_its_bytes_too() {
    over_both(|open| {
        let mut ingest = open();
        let rows: Vec<_> = (10..20).map(|number| (1, number)).collect();
        add(&mut *ingest, "a", 100, &rows);
        // With their line feeds; the lines have letters of two bytes.
        let bytes = |lines: u64| lines * (line(1, 10).len() as u64 + 1);
        let mut close = |lines, bytes| {
            let batch = ingest.close(RoundNumber(1), BatchLimit { lines, bytes }).unwrap();
            batch.map(|batch| batch.count)
        };
        assert_eq!(close(9, bytes(3)), Some(3));
        assert_eq!(close(9, bytes(3) - 1), Some(2));
        assert_eq!(close(2, bytes(3)), Some(2));
        // One that is too large by itself is a batch by itself.
        assert_eq!(close(9, 1), Some(1));
        assert_eq!(close(9, bytes(9)), Some(2));
        assert_eq!(close(9, bytes(9)), None);
        let counts = ingest.batches_of(RoundNumber(1)).unwrap();
        assert_eq!(
            counts.iter().map(|batch| batch.count).collect::<Vec<_>>(),
            [3, 2, 2, 1, 2]
        );
        assert_eq!(ingest.batches_of(RoundNumber(2)).unwrap(), []);
    });
}

#[test]
fn every_measurement_of_a_batch_has_a_proof() {
    over_both(|open| {
        let mut ingest = open();
        // Those of other rounds are between them.
        for number in 0..40 {
            ingest
                .append(&[signed(1 + u64::from(number) % 3, number)], 5, NO_LIMIT)
                .unwrap();
        }
        let batch = ingest.close(RoundNumber(2), most(9)).unwrap().unwrap();
        let file: String = lines(&mut *ingest, &batch)
            .iter()
            .map(|line| format!("{line}\n"))
            .collect();
        let expected = LinesRoot::of(file.as_bytes());
        let tree = BatchTree::read(&mut *ingest, &batch).unwrap();
        assert_eq!((tree.root(), tree.count()), (expected.root(), expected.count()));
        for (index, line) in (0..).zip(file.lines()) {
            let digest = B256::repeat_byte(1 + 3 * index as u8);
            let found = ingest.find(digest).unwrap().unwrap();
            let (place, proof) = tree.proof(found.id).unwrap();
            assert_eq!(place, index);
            let leaf = line_leaf(line.as_bytes());
            assert!(positional::verify(tree.root(), tree.count(), leaf, index, &proof));
        }
        let elsewhere = ingest.find(B256::repeat_byte(2)).unwrap().unwrap();
        assert_eq!(tree.proof(elsewhere.id), None);
    });
}

#[test]
fn a_batch_passes_all_states_and_is_deleted_when_final() {
    over_both(|open| {
        let mut ingest = open();
        add(&mut *ingest, "a", 100, &[(1, 0), (1, 1), (2, 2)]);
        let one = ingest.close(RoundNumber(1), most(10)).unwrap().unwrap();
        let two = ingest.close(RoundNumber(2), most(10)).unwrap().unwrap();
        let stored = Stored {
            cid: file_cid(b"x"),
            root: B256::repeat_byte(8),
        };
        ingest.set_stored(one.id, &stored, 77).unwrap();
        let open_now = ingest.open_batches().unwrap();
        assert_eq!(
            (open_now[0].state, open_now[0].stored),
            (BatchState::Stored, Some(stored))
        );
        assert_eq!(
            ingest.totals().unwrap(),
            Totals {
                open_batches: 2,
                ..Totals::default()
            }
        );
        ingest.set_state(one.id, BatchState::Committed, Some(5)).unwrap();
        ingest.set_state(two.id, BatchState::Late, None).unwrap();
        let open_now = ingest.open_batches().unwrap();
        assert_eq!(open_now.len(), 1);
        assert_eq!(
            (open_now[0].state, open_now[0].seen_at_block),
            (BatchState::Committed, Some(5))
        );
        assert_eq!(
            ingest.totals().unwrap(),
            Totals {
                committed_batches: 1,
                committed_measurements: 2,
                committed_bytes: 77,
                open_batches: 0,
                late_measurements: 1,
            }
        );
        // Not final: nothing is deleted, however old.
        assert_eq!(ingest.prune(u64::MAX >> 1).unwrap(), 0);
        ingest.set_state(one.id, BatchState::Final, Some(5)).unwrap();
        assert_eq!(ingest.open_batches().unwrap(), []);
        assert_eq!(ingest.prune(0).unwrap(), 0);
        assert_eq!(lines(&mut *ingest, &one).len(), 2);
        assert_eq!(ingest.prune(u64::MAX >> 1).unwrap(), 2);
        assert_eq!(ingest.prune(u64::MAX >> 1).unwrap(), 0);
        assert_eq!(lines(&mut *ingest, &one).len(), 0);
        // Late measurements are kept; deleted ones do not return as new.
        assert_eq!(lines(&mut *ingest, &two), [line(2, 2)]);
        assert_eq!(ingest.unbatched().unwrap(), []);
    });
}

#[test]
fn a_file_that_cannot_be_read_to_its_end_is_not_imported() {
    over_both(|open| {
        let mut ingest = open();
        let mark = FileMark {
            digest: [1; 32],
            name: "broken",
            received_at: 0,
        };
        let mut left = 3;
        let failed = ingest.add_file(&mark, &mut || {
            left -= 1;
            match left {
                0 => Err(io::Error::other("the disk went away")),
                _ => Ok(Some(NewRow {
                    round: RoundNumber(1),
                    line: "{}".into(),
                })),
            }
        });
        assert!(matches!(failed, Err(IngestError::Input(_))), "{failed:?}");
        assert_eq!(ingest.unbatched().unwrap(), []);
        // The file is unknown: once it is complete, it is imported.
        assert_eq!(ingest.add_file(&mark, &mut || Ok(None)).unwrap(), Some(0));
    });
}

#[test]
fn write_errors_are_reported() {
    over_both(|open| {
        let mut ingest = open();
        add(&mut *ingest, "a", 0, &[(1, 0), (1, 1)]);
        let batch = ingest.close(RoundNumber(1), most(10)).unwrap().unwrap();
        let failed = ingest.read(&batch, &mut |_, _| Err(io::Error::other("no room")));
        assert!(matches!(failed, Err(IngestError::Output(_))), "{failed:?}");
        assert_eq!(lines(&mut *ingest, &batch).len(), 2);
    });
}

#[test]
fn concurrent_creation_of_the_table() {
    for _ in 0..50 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ingest.sqlite");
        let together = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    together.wait();
                    SqliteIngest::open(&path).unwrap();
                });
            }
        });
    }
}

/// Appending continues while batches are closed: no measurement is missed or in two batches.
#[test]
fn batches_closed_while_others_append_have_each_measurement_once() {
    over_both(|open| {
        const WRITERS: u64 = 4;
        const FILES: u64 = 25;
        const ROWS: u64 = 20;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let open = Arc::clone(&open);
                thread::spawn(move || {
                    let mut ingest = open();
                    for file in 0..FILES {
                        let first = (writer * FILES + file) * ROWS;
                        let rows: Vec<_> = (first..first + ROWS).map(|number| (1, number)).collect();
                        add(&mut *ingest, &format!("{writer}/{file}"), 0, &rows);
                    }
                })
            })
            .collect();
        let mut ingest = open();
        let mut batches = Vec::new();
        while writers.iter().any(|writer| !writer.is_finished()) {
            batches.extend(ingest.close(RoundNumber(1), most(33)).unwrap());
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        while let Some(batch) = ingest.close(RoundNumber(1), most(33)).unwrap() {
            batches.push(batch);
        }
        let mut found: Vec<_> = batches
            .iter()
            .flat_map(|batch| lines(&mut *ingest, batch))
            .collect();
        assert_eq!(
            found.len() as u64,
            batches.iter().map(|batch| u64::from(batch.count)).sum::<u64>()
        );
        found.sort();
        let mut expected: Vec<_> = (0..WRITERS * FILES * ROWS)
            .map(|number| line(1, number))
            .collect();
        expected.sort();
        assert_eq!(found, expected);
    });
}

#[test]
fn malformed_lines_are_skipped_and_counted_and_long_ones_use_no_memory() {
    over_both(|open| {
        let mut ingest = open();
        let mut file = b"not json\n\n".to_vec();
        file.extend_from_slice(&[0xff, 0xfe, b'\n']);
        file.extend(vec![b'x'; 10 << 20]);
        file.extend_from_slice(b"\n{\"round\":1}");
        let report = import(&mut *ingest, "bad.ndjson", Cursor::new(&file), 0).unwrap();
        assert_eq!((report.added, report.rejected), (0, 4));
        let message: Vec<_> = report
            .first_rejected
            .iter()
            .map(|line| (line.line, line.field, line.reason.as_str()))
            .collect();
        assert_eq!(message[0], (1, "line", "is not a JSON object"));
        assert_eq!((message[1].0, message[1].1), (3, "line"));
        assert!(message[1].2.contains("UTF-8"), "{message:?}");
        assert_eq!(
            message[2],
            (4, "line", "is 10485760 bytes long; the maximum is 65536")
        );
        assert_eq!((message[3].0, message[3].1), (5, "task"));
        // The same file again is known.
        assert_eq!(
            import(&mut *ingest, "bad.ndjson", Cursor::new(&file), 0)
                .unwrap()
                .added,
            0
        );
    });
}

#[test]
fn an_unusable_table_is_named_with_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("nowhere/ingest.sqlite");
    let error = SqliteIngest::open(&missing).unwrap_err().to_string();
    assert!(
        error.contains("nowhere/ingest.sqlite") && error.contains("directory must exist"),
        "{error}"
    );
    let nonsense = directory.path().join("nonsense");
    std::fs::write(&nonsense, vec![7; 10_000]).unwrap();
    let error = SqliteIngest::open(&nonsense).unwrap_err().to_string();
    assert!(error.contains("is not a database of stations"), "{error}");
    let error_of = |place: &str| open(place).map(drop).unwrap_err().to_string();
    let error = error_of("postgres://u:secret@127.0.0.1:1/none");
    let named = match cfg!(feature = "postgres") {
        true => "none on 127.0.0.1",
        false => "cargo feature `postgres`",
    };
    assert!(error.contains(named) && !error.contains("secret"), "{error}");
    let error = error_of("postgres://%%%");
    assert!(error.contains("ingest database"), "{error}");
}

/// Another process's lock causes an error that names it, and the import has no effect.
#[test]
fn a_database_locked_by_another_process_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ingest.sqlite");
    let mut ingest = SqliteIngest::open(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mark = FileMark {
        digest: [1; 32],
        name: "a",
        received_at: 0,
    };
    let error = ingest.add_file(&mark, &mut || Ok(None)).unwrap_err().to_string();
    assert!(
        error.contains("in use by another process") && error.contains("ingest.sqlite"),
        "{error}"
    );
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(ingest.add_file(&mark, &mut || Ok(None)).unwrap(), Some(0));
}

fn signed(round: u64, number: u8) -> SignedRow {
    SignedRow {
        digest: B256::repeat_byte(number),
        round: RoundNumber(round),
        station: Address::repeat_byte(7),
        task: TaskIndex(number.into()),
        line: line(round, number.into()),
    }
}

/// Another measurement in the same place.
fn second(of: &SignedRow, digest: u8) -> SignedRow {
    SignedRow {
        digest: B256::repeat_byte(digest),
        line: line(of.round.0, digest.into()),
        ..of.clone()
    }
}

const NO_LIMIT: DailyLimit = DailyLimit {
    day: 20_000,
    bytes: u64::MAX,
};

#[test]
fn a_single_measurement_is_stored_once_and_found() {
    over_both(|open| {
        let mut ingest = open();
        let known = |received_at| Taken::Known { received_at };
        assert_eq!(ingest.append(&[], 99, NO_LIMIT).unwrap(), []);
        let group = [signed(1, 1), signed(2, 2), signed(1, 1)];
        assert_eq!(
            ingest.append(&group, 100, NO_LIMIT).unwrap(),
            [Taken::New, Taken::New, known(100)]
        );
        // From a file in between, without a digest.
        add(&mut *ingest, "a", 101, &[(1, 50), (1, 51)]);
        // By another process that knows nothing of the first.
        let group = [signed(2, 2), signed(1, 3)];
        assert_eq!(
            open().append(&group, 102, NO_LIMIT).unwrap(),
            [known(100), Taken::New]
        );

        let found = ingest.find(B256::repeat_byte(3)).unwrap().unwrap();
        assert_eq!(
            (found.round, found.received_at, found.batch),
            (RoundNumber(1), 102, None)
        );
        assert_eq!(ingest.find(B256::repeat_byte(9)).unwrap(), None);
        let first = ingest.close(RoundNumber(1), most(2)).unwrap().unwrap();
        let second = ingest.close(RoundNumber(1), most(9)).unwrap().unwrap();
        let place = |ingest: &mut dyn Ingest, number| {
            let found = ingest.find(B256::repeat_byte(number)).unwrap().unwrap();
            let batch = found.batch.unwrap();
            (batch, ingest.line_of(&batch, found.id).unwrap())
        };
        assert_eq!(place(&mut *ingest, 1), (first, 1));
        assert_eq!(place(&mut *ingest, 3), (second, 2));
        let expected = [line(1, 1), line(1, 50), line(1, 51), line(1, 3)];
        let batched = [lines(&mut *ingest, &first), lines(&mut *ingest, &second)].concat();
        assert_eq!(batched, expected);
        assert_eq!(ingest.find(B256::repeat_byte(2)).unwrap().unwrap().batch, None);
    });
}

#[test]
fn the_first_measurement_of_a_station_task_and_round_counts() {
    over_both(|open| {
        let mut ingest = open();
        // Measurements from files are not considered.
        add(&mut *ingest, "a", 99, &[(1, 1), (1, 1)]);
        let first = signed(1, 1);
        let group = [first.clone(), second(&first, 2), first.clone(), second(&first, 3)];
        let known = Taken::Known { received_at: 100 };
        assert_eq!(
            ingest.append(&group, 100, NO_LIMIT).unwrap(),
            [Taken::New, Taken::Duplicate, known, Taken::Duplicate]
        );
        // The same for another process; other places are free.
        let other_station = SignedRow {
            station: Address::repeat_byte(8),
            ..second(&first, 4)
        };
        let other_round = SignedRow {
            round: RoundNumber(2),
            ..second(&first, 5)
        };
        let group = [second(&first, 2), other_station, first.clone(), other_round];
        assert_eq!(
            open().append(&group, 101, NO_LIMIT).unwrap(),
            [Taken::Duplicate, Taken::New, known, Taken::New]
        );
        assert_eq!(ingest.find(B256::repeat_byte(2)).unwrap(), None);
        assert_eq!(ingest.unbatched().unwrap()[0].count, 4);
    });
}

#[test]
fn concurrent_appends_to_one_place_have_one_winner() {
    over_both(|open| {
        const PROCESSES: u8 = 4;
        const PLACES: u8 = 50;
        let start = Arc::new(Barrier::new(PROCESSES.into()));
        let threads: Vec<_> = (0..PROCESSES)
            .map(|process| {
                let (open, start) = (Arc::clone(&open), Arc::clone(&start));
                thread::spawn(move || {
                    let mut ingest = open();
                    start.wait();
                    let mut new = 0;
                    for place in 0..PLACES {
                        let row = second(&signed(1, place), place + process * PLACES);
                        match ingest.append(&[row], 1, NO_LIMIT).unwrap()[..] {
                            [Taken::New] => new += 1,
                            [Taken::Duplicate] => {}
                            ref taken => panic!("{taken:?}"),
                        }
                    }
                    new
                })
            })
            .collect();
        let new: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(new, u32::from(PLACES));
        assert_eq!(open().unbatched().unwrap()[0].count, u64::from(PLACES));
    });
}

/// Tables that have digests but no places: existing rows stay, and are not considered.
#[test]
fn a_table_without_places_is_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ingest.sqlite");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(
        "CREATE TABLE ingest_measurement (id INTEGER PRIMARY KEY AUTOINCREMENT, round INTEGER NOT NULL,
            received_at INTEGER NOT NULL, line TEXT NOT NULL, digest BLOB) STRICT;
         INSERT INTO ingest_measurement (round, received_at, line, digest)
         VALUES (1, 5, 'old', zeroblob(32)), (1, 6, 'older', x'01');",
    )
    .unwrap();
    let (path, mut tables) = (path.as_path(), Vec::<Box<dyn Ingest>>::new());
    tables.push(Box::new(SqliteIngest::open(path).unwrap()));
    #[cfg(feature = "postgres")]
    let server = postgres();
    #[cfg(feature = "postgres")]
    if let Some(server) = &server {
        let mut old = postgres::Client::connect(&server.url(), postgres::NoTls).unwrap();
        old.batch_execute(
            "CREATE TABLE ingest_measurement (id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
                round BIGINT NOT NULL, received_at BIGINT NOT NULL, line TEXT NOT NULL, digest BYTEA);
             INSERT INTO ingest_measurement (round, received_at, line, digest)
             VALUES (1, 5, 'old', decode(repeat('00', 32), 'hex')), (1, 6, 'older', decode('01', 'hex'));",
        )
        .unwrap();
        tables.push(open(&server.url()).unwrap());
    }
    for mut ingest in tables {
        let first = signed(1, 1);
        let group = [signed(1, 0), first.clone(), second(&first, 2)];
        let known = Taken::Known { received_at: 5 };
        assert_eq!(
            ingest.append(&group, 7, NO_LIMIT).unwrap(),
            [known, Taken::New, Taken::Duplicate]
        );
        assert_eq!(ingest.unbatched().unwrap()[0].count, 3);
    }
}

#[test]
fn beyond_the_daily_limit_only_known_measurements_are_answered() {
    over_both(|open| {
        let mut ingest = open();
        let each = signed(1, 1).line.len() as u64;
        let limit = DailyLimit {
            day: 20_000,
            bytes: 2 * each,
        };
        let group = [signed(1, 1), signed(1, 2), signed(1, 3)];
        let taken = ingest.append(&group, 100, limit).unwrap();
        assert_eq!(taken, [Taken::New, Taken::New, Taken::OverLimit]);
        assert_eq!(ingest.find(B256::repeat_byte(3)).unwrap(), None);
        // The same after a restart, and for another process.
        let known = Taken::Known { received_at: 100 };
        let group = [signed(1, 3), signed(1, 2)];
        assert_eq!(
            open().append(&group, 101, limit).unwrap(),
            [Taken::OverLimit, known]
        );
        assert_eq!(
            ingest.append(&group, 101, limit).unwrap(),
            [Taken::OverLimit, known]
        );
        let tomorrow = DailyLimit { day: 20_001, ..limit };
        assert_eq!(ingest.append(&group, 102, tomorrow).unwrap(), [Taken::New, known]);
    });
}

#[test]
fn concurrent_appends_of_one_measurement_store_it_once() {
    over_both(|open| {
        const PROCESSES: usize = 4;
        let start = Arc::new(Barrier::new(PROCESSES));
        let threads: Vec<_> = (0..PROCESSES)
            .map(|_| {
                let (open, start) = (Arc::clone(&open), Arc::clone(&start));
                thread::spawn(move || {
                    let mut ingest = open();
                    start.wait();
                    let mut new = 0;
                    for number in 0..50 {
                        let taken = ingest
                            .append(&[signed(1, number)], number.into(), NO_LIMIT)
                            .unwrap();
                        match taken[..] {
                            [Taken::New] => new += 1,
                            [Taken::Known { received_at }] => assert_eq!(received_at, u64::from(number)),
                            _ => panic!("{taken:?}"),
                        }
                    }
                    new
                })
            })
            .collect();
        let new: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(new, 50);
        assert_eq!(open().unbatched().unwrap()[0].count, 50);
    });
}

#[test]
fn a_file_without_digests_is_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ingest.sqlite");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(
        "CREATE TABLE ingest_measurement (id INTEGER PRIMARY KEY AUTOINCREMENT, round INTEGER NOT NULL,
            received_at INTEGER NOT NULL, line TEXT NOT NULL) STRICT;
         INSERT INTO ingest_measurement (round, received_at, line) VALUES (1, 5, 'old'), (1, 6, 'older');",
    )
    .unwrap();
    let mut ingest = SqliteIngest::open(&path).unwrap();
    assert_eq!(ingest.append(&[signed(1, 1)], 7, NO_LIMIT).unwrap(), [Taken::New]);
    let batch = ingest.close(RoundNumber(1), most(9)).unwrap().unwrap();
    assert_eq!(
        lines(&mut ingest, &batch),
        ["old".into(), "older".into(), line(1, 1)]
    );
}

#[cfg(feature = "postgres")]
#[test]
fn a_postgresql_table_without_digests_is_migrated() {
    let Some(server) = postgres() else { return };
    let mut old = postgres::Client::connect(&server.url(), postgres::NoTls).unwrap();
    old.batch_execute(
        "CREATE TABLE ingest_measurement (id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY, round BIGINT NOT NULL,
            received_at BIGINT NOT NULL, line TEXT NOT NULL);
         INSERT INTO ingest_measurement (round, received_at, line) VALUES (1, 5, 'old');",
    )
    .unwrap();
    let mut ingest = open(&server.url()).unwrap();
    assert_eq!(ingest.append(&[signed(1, 1)], 7, NO_LIMIT).unwrap(), [Taken::New]);
    let batch = ingest.close(RoundNumber(1), most(9)).unwrap().unwrap();
    assert_eq!(lines(&mut *ingest, &batch), ["old".into(), line(1, 1)]);
}
