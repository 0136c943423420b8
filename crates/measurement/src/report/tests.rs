use assize_protocol::TaskNumber;
use proptest::prelude::*;

use super::*;
use crate::Signature;

/// A line with every key.
const FULL: &str = r#"{"round":7,"station":0,"version":"2.0.0","salt":"0x000102030405060708090a0b0c0d0e0f","measurements":[{"k":0,"indexer":"OK","peer":"12D3KooW","address":"/dns/sp.example/tcp/443/https","protocol":"http","status":200,"head":200,"start":1764550000000,"firstByte":120,"end":450,"bytes":1024,"checksum":"1220ab"},{"k":255,"indexer":"OK","timeout":true,"tooLarge":true}]}"#;

fn fault(line: &str) -> String {
    Report::read(line.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_line_with_every_key_is_read_and_written() {
    let report = Report::read(FULL.as_bytes()).unwrap();
    assert_eq!(report.to_line(), FULL);
    let first = &report.measurements[0];
    assert!(first.retrieval_result().is_ok() && first.check_validity().is_ok());
    assert_eq!(report.measurements[1].retrieval_result().to_string(), "TIMEOUT");
    assert_eq!((report.tasks().count(), report.tasks().end()), (2, 256));
    let seal = report.seal(FULL.as_bytes(), Address::repeat_byte(1));
    assert_eq!(
        (seal.report, seal.tasks),
        (digest(FULL.as_bytes()), report.tasks())
    );
}

#[test]
fn every_other_spelling_is_void_and_the_fault_has_its_place() {
    for (found, replaced, expected) in [
        (
            "{\"round\":7",
            "{\"round\":07",
            "byte 10 of the line: expected a round number up to 2^53 - 1",
        ),
        (
            "{\"round\":7",
            "{\"round\":9007199254740992",
            "expected a round number",
        ),
        (
            "{\"round\":7",
            "{ \"round\":7",
            "byte 1 of the line: expected {\"round\":",
        ),
        ("{\"round\":7", "{\"round\":-7", "expected a round number"),
        ("{\"round\":7", "{\"round\":7.0", "expected ,\"station\":"),
        (
            "\"station\":0",
            "\"station\":4294967296",
            "expected a station's index below 2^32",
        ),
        (
            "\"station\":0",
            "\"station\":null",
            "expected a station's index below 2^32",
        ),
        ("2.0.0", "", "expected 1 to 256 printable ASCII"),
        ("2.0.0", "2.0\\u002e0", "expected 1 to 256 printable ASCII"),
        ("2.0.0", "2.0.ö", "expected 1 to 256 printable ASCII"),
        ("0a0b", "0A0b", "expected 16 bytes as lower-case"),
        ("0e0f", "0e", "expected 16 bytes as lower-case"),
        (
            "\"k\":255",
            "\"k\":256",
            "expected a task's number below 256, above the one before",
        ),
        (
            "\"k\":255",
            "\"k\":0",
            "expected a task's number below 256, above the one before",
        ),
        (
            ",\"timeout\":true",
            ",\"timeout\":false",
            "expected } or one of the keys that come later",
        ),
        (
            "\"indexer\":\"OK\",\"peer\":\"12D3KooW\"",
            "\"peer\":\"12D3KooW\",\"indexer\":\"OK\"",
            "expected } or one of",
        ),
        (
            "\"status\":200,",
            "\"status\":200,\"status\":200,",
            "expected } or one of",
        ),
        ("\"bytes\":1024", "\"bytes\":1e3", "expected } or one of"),
        ("]}", "]}\r", "expected the end of the line"),
        ("]}", "]}\n", "expected the end of the line"),
        ("]}", "]", "expected ]}"),
    ] {
        let line = FULL.replace(found, replaced);
        assert_ne!(line, FULL);
        assert!(fault(&line).contains(expected), "{replaced}: {}", fault(&line));
    }
    assert!(fault("").contains("byte 1"));
    let none = FULL.replace(&FULL[FULL.find("[{").unwrap() + 1..FULL.len() - 2], "");
    assert!(fault(&none).contains("expected {\"k\":"));
    let text = |length: usize| FULL.replace("2.0.0", &"x".repeat(length));
    assert!(Report::read(text(256).as_bytes()).is_ok());
    assert!(fault(&text(257)).contains("1 to 256"));
    // Not even an endless line is read further.
    assert!(fault(&"x".repeat(49_153)).contains("byte 49153"));
}

#[test]
fn a_value_that_contradicts_another_voids_its_measurement_alone() {
    let late = FULL.replace("\"firstByte\":120", "\"firstByte\":451");
    let report = Report::read(late.as_bytes()).unwrap();
    assert_eq!(
        report.measurements[0].check_validity().unwrap_err().field(),
        "end_at"
    );
    assert!(report.measurements[1].check_validity().is_ok());
}

fn text() -> impl Strategy<Value = String> {
    "[ !#-\\[\\]-~]{1,20}"
}

prop_compose! {
    fn any_measured()(
        texts in proptest::array::uniform5(proptest::option::of(text())),
        numbers in proptest::array::uniform6(proptest::option::of(0_u64..1 << 53)),
        flags: (bool, bool),
        step in 1_u32..20,
    ) -> (u32, [Option<String>; 5], [Option<u64>; 6], (bool, bool)) {
        (step, texts, numbers, flags)
    }
}

type Drawn = (u32, [Option<String>; 5], [Option<u64>; 6], (bool, bool));

fn report<'a>(round: u64, station: u32, version: &'a str, salt: [u8; 16], drawn: &'a [Drawn]) -> Report<'a> {
    let mut k = 0;
    let measurements = drawn.iter().map(|(step, texts, numbers, (timeout, too_large))| {
        k += step;
        let [indexer, peer, address, protocol, checksum] = texts.each_ref().map(Option::as_deref);
        let [status, head, start, first_byte, end, bytes] = *numbers;
        Measured {
            k: TaskNumber(k - 1),
            indexer,
            peer,
            address,
            protocol,
            status,
            head,
            start,
            first_byte,
            end,
            bytes,
            checksum,
            timeout: *timeout,
            too_large: *too_large,
        }
    });
    Report {
        round: RoundNumber(round),
        station: StationIndex(station),
        version,
        salt: salt.into(),
        measurements: measurements.collect(),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_nothing_else(
        round in 0_u64..1 << 53,
        station: u32,
        version in text(),
        salt: [u8; 16],
        drawn in proptest::collection::vec(any_measured(), 1..8),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..4),
    ) {
        let report = report(round, station, &version, salt, &drawn);
        let line = report.to_line();
        prop_assert_eq!(Report::read(line.as_bytes()), Ok(report.clone()));
        let mut other = line.clone().into_bytes();
        for (at, byte, kind) in changes {
            let at = at.index(other.len());
            match kind {
                0 => other[at] = byte,
                1 => other.insert(at, byte),
                _ => drop(other.remove(at)),
            }
        }
        if let Ok(read) = Report::read(&other) {
            prop_assert_eq!(read.to_line().into_bytes(), other.clone());
            prop_assert_eq!(read == report, other == line.as_bytes());
        }
    }

    #[test]
    fn seals_are_read_as_they_are_written(
        station: u32,
        tasks in proptest::collection::vec(0_u32..256, 1..9),
        report: [u8; 32],
        signature: [u8; 32],
        at: prop::sample::Index,
        byte: u8,
    ) {
        let mut bytes = [7; 65];
        bytes[..32].copy_from_slice(&signature);
        let seal = SealLine {
            station: StationIndex(station),
            tasks: tasks.into_iter().map(TaskNumber).collect(),
            report: report.into(),
            signature: Signature(bytes),
        };
        let mut line = seal.to_line().into_bytes();
        prop_assert_eq!(SealLine::read(&line), Ok(seal));
        let at = at.index(line.len());
        let before = line[at];
        line[at] = byte;
        if let Ok(read) = SealLine::read(&line) {
            prop_assert_eq!(read == seal, byte == before);
            prop_assert_eq!(read.to_line().into_bytes(), line);
        }
    }
}
