//! A parsed document is written as the same bytes, and its allocations are found by whoever needs no more.
#![no_main]

use assize_evaluate::SettlementDocument;
use assize_protocol::allocations_in;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| {
    let allocations = allocations_in(json);
    if let Ok(document) = SettlementDocument::parse(json) {
        assert_eq!(document.to_bytes(), json);
        assert_eq!(allocations.ok(), Some(document.allocations));
    }
    let _ = SettlementDocument::decode(json);
});
