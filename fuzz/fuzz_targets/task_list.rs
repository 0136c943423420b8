//! A task list that is read is written as the same bytes.
#![no_main]

use assize_protocol::TaskList;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if let Ok(tasks) = TaskList::parse(file) {
        assert_eq!(tasks.to_ndjson(), file);
    }
});
