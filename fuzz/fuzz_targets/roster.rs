//! A roster that is read is written as the same bytes.
#![no_main]

use assize_protocol::Roster;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if let Ok(roster) = Roster::parse(file) {
        assert_eq!(roster.to_ndjson(), file);
    }
});
