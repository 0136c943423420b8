//! A CAR that unpacks contains the file of its root.
#![no_main]

use assize_measurement::car::{Sections, unpack};
use assize_measurement::unixfs::file_cid;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packed: &[u8]| {
    if let Some(sections) = Sections::open(packed) {
        let root = sections.root();
        sections.for_each(drop);
        if let Ok(content) = unpack(&root, packed) {
            assert_eq!(file_cid(&content), root);
        }
    }
});
