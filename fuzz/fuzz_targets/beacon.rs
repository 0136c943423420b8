//! Parses beacons and files of beacons; no input is genuine by accident.
#![no_main]

use assize_drand::{Beacon, RecordedBeacons, Chain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| {
    if let Ok(beacon) = Beacon::from_json(json) {
        let _ = Chain::quicknet().verify(&beacon);
        let _ = Chain::default_chain().verify(&beacon);
    }
    let _ = RecordedBeacons::from_json(json);
});
