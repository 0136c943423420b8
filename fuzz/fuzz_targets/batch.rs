//! Every line of a batch is a measurement, a rejected line, or blank; written measurements parse back.
#![no_main]

use assize_measurement::ndjson::{parse_batch, to_ndjson};
use assize_protocol::RoundNumber;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let batch = parse_batch(RoundNumber(7), file);
    let again = to_ndjson(batch.rows.iter().map(|row| &row.measurement));
    let read = parse_batch(RoundNumber(7), &again);
    assert!(read.rejected.is_empty());
    assert!(read.rows.iter().map(|row| &row.measurement).eq(batch.rows.iter().map(|row| &row.measurement)));
});
