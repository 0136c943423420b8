//! A parsed document is written as the same bytes.
#![no_main]

use assize_evaluate::SettlementDocument;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| {
    if let Ok(document) = SettlementDocument::parse(json) {
        assert_eq!(document.to_bytes(), json);
    }
    let _ = SettlementDocument::decode(json);
});
