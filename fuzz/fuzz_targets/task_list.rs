//! A written task list parses back.
#![no_main]

use assize_protocol::TaskList;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if let Ok(tasks) = TaskList::parse(file) {
        assert_eq!(TaskList::parse(&tasks.to_ndjson()), Ok(tasks));
    }
});
