//! However files are split, and whatever they contain, both parsers evaluate or reject every row alike.
#![no_main]

use assize_spark::{Chunks, Measurements, Parser, Round, Rules, evaluate};
use libfuzzer_sys::fuzz_target;

const ROUND: &[u8] = br#"{"randomness":"00","roundDetails":{"maxTasksPerNode":1,"retrievalTasks":[{"cid":"a","minerId":"f01"}]}}"#;

fuzz_target!(|files: (&[u8], &[u8])| {
    let round = Round::parse(ROUND).expect("a round");
    let report = |parser| {
        let chunks = Chunks::new([Ok(files.0), Ok(files.1)]);
        let measurements = Measurements::read(&round, Rules::February2025, parser, chunks).expect("memory");
        let rejected: u64 = measurements.rejected().values().sum();
        assert_eq!(measurements.total(), measurements.valid() + rejected);
        evaluate(&round, "00", &measurements, 1).report
    };
    assert_eq!(report(Parser::Fast), report(Parser::Reference));
});
