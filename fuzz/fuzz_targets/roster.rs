//! A written roster parses back.
#![no_main]

use assize_protocol::Roster;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if let Ok(roster) = Roster::parse(file) {
        assert_eq!(Roster::parse(&roster.to_ndjson()), Ok(roster));
    }
});
