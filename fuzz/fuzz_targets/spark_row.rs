//! Both parsers of Spark's rows agree on every line; every parsed row has a result and a validity.
#![no_main]

use assize_spark::{Parser, Rules};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let fast = Parser::Fast.parse(line);
    assert_eq!(fast, Parser::Reference.parse(line));
    if let Ok(row) = fast {
        let _ = row.retrieval_result().to_string();
        // Whatever is valid under the later rules is valid under the earlier ones.
        if row.check_validity(Rules::December2025).is_ok() {
            assert!(row.check_validity(Rules::February2025).is_ok());
        }
    }
});
