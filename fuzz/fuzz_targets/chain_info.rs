//! Parses a relay's description of its chain.
#![no_main]

use assize_drand::Chain;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| {
    if let Ok(chain) = Chain::from_json(json) {
        let _ = chain.public_key_eip2537();
        let _ = chain.schedule().round_after(u64::MAX);
    }
});
