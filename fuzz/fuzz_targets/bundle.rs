//! A parsed bundle packs to the same bytes.
#![no_main]

use assize_bundle::Bundle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packed: &[u8]| {
    if let Ok(bundle) = Bundle::from_car(packed) {
        assert_eq!(bundle.to_car().1, packed);
    }
});
