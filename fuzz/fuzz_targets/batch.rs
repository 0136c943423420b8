//! Every line of a batch is a measurement or a rejected line; written measurements parse back; the lines are the batch of their
//! root, and of no other.
#![no_main]

use assize_measurement::ndjson::{parse_batch, read_batch, to_ndjson};
use assize_protocol::{LinesRoot, RoundNumber};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let round = RoundNumber(7);
    let batch = parse_batch(round, file);
    let lines = LinesRoot::of(file);
    assert_eq!(batch.line_count(), lines.count() as usize);
    assert!(read_batch(round, lines.root(), lines.count() + 1, file).is_err());
    let read = read_batch(round, lines.root(), lines.count(), file);
    assert!(read.is_ok_and(|read| read == batch));
    let again = to_ndjson(batch.rows.iter().map(|row| &row.measurement));
    let read = parse_batch(round, &again);
    assert!(read.rejected.is_empty());
    assert!(read.rows.iter().map(|row| &row.measurement).eq(batch.rows.iter().map(|row| &row.measurement)));
});
