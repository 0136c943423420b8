//! A line is a measurement or is rejected with a reason; a written measurement parses back.
#![no_main]

use assize_measurement::ndjson::parse_any_round;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    if let Ok(measurement) = parse_any_round(line) {
        assert_eq!(parse_any_round(measurement.to_line().as_bytes()), Ok(measurement));
    }
});
