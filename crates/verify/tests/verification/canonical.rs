//! Files have one spelling (docs/protocol.md §6.1), and Rust and Python agree on which it is.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use assize_bundle::Bundle;
use assize_drand::{Chain, RecordedBeacons};
use assize_evaluate::SettlementDocument;
use assize_facts::ChainFacts;
use assize_measurement::car::{self, Sections};
use assize_measurement::unixfs;
use assize_protocol::{Codec, Roster, TaskList, canonical};
use assize_testkit::vectors::{InvalidFiles, invalid_files};

/// Whether the bytes are a file of that kind, by their form alone.
fn is_valid(kind: &str, file: &[u8]) -> bool {
    match kind {
        "roster" => Roster::parse(file).is_ok(),
        "tasks" => TaskList::parse(file).is_ok(),
        // Order is a matter of form; sums and roots are not.
        "settlement" => SettlementDocument::decode(file)
            .is_ok_and(|document| canonical::check_json(file, &document).is_ok() && is_in_order(&document)),
        "facts" => canonical::read_json::<ChainFacts>(file).is_ok(),
        "beacons" => RecordedBeacons::from_canonical_json(file).is_ok(),
        "drand" => Chain::from_canonical_json(file).is_ok(),
        "manifest" => Bundle::from_car(&with_manifest(file)).is_ok(),
        other => panic!("no file is a {other}"),
    }
}

/// Lists that the text calls ascending are, and every report belongs to an operator.
fn is_in_order(document: &SettlementDocument) -> bool {
    let listed: u64 = document
        .allocations
        .iter()
        .map(|entry| u64::from(entry.reports))
        .sum();
    let sheets = document.sheets();
    (document.reports.is_empty() || document.reports.len() as u64 == listed)
        && document
            .rounds
            .is_sorted_by(|one, next| one.facts.round < next.facts.round)
        && document
            .rounds
            .iter()
            .all(|round| round.facts.dropped_lists.is_sorted_by(|one, next| one < next))
        && document
            .allocations
            .is_sorted_by(|one, next| one.operator < next.operator)
        && sheets.map(|(_, sheet)| sheet).all(|sheet| {
            sheet.is_sorted_by(|one, next| (one.round, one.station) < (next.round, next.station))
        })
}

/// The bundle of the vector's manifest, with another manifest.
fn with_manifest(manifest: &[u8]) -> Vec<u8> {
    let rosters: serde_json::Value =
        serde_json::from_str(include_str!("../../../../docs/vectors/v2/roster.json")).unwrap();
    let roster = rosters["cases"][2]["file"].as_str().unwrap();
    let files = [("facts.json", "{}"), ("rounds/1/roster.ndjson", roster)];
    let files = files.map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec()));
    let (_, packed) = Bundle::new(files).unwrap().to_car();
    let root = unixfs::block_cid(Codec::Raw, manifest);
    let mut bundle = Vec::new();
    car::put_header(&mut bundle, &root);
    car::put_block(&mut bundle, &root, manifest);
    for section in Sections::open(&packed).unwrap().skip(1) {
        let section = section.unwrap();
        car::put_block(&mut bundle, &section.cid, section.data);
    }
    bundle
}

#[test]
fn invalid_files_are_rejected() {
    let all = invalid_files().unwrap();
    assert_eq!(all.len(), 7);
    for InvalidFiles { kind, good, invalid } in all {
        assert!(is_valid(&kind, &good), "{kind}");
        let taken: Vec<_> = invalid.iter().filter(|(_, file)| is_valid(&kind, file)).collect();
        let reasons: Vec<_> = taken.iter().map(|(reason, _)| reason).collect();
        assert!(
            taken.is_empty(),
            "{kind}, {} of {}: {reasons:#?}",
            taken.len(),
            invalid.len()
        );
    }
}

/// Numbers that are the same in every run (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

const TOKENS: [&[u8]; 44] = [
    b"",
    b"0",
    b"1",
    b"9",
    b"a",
    b"f",
    b"A",
    b"F",
    b"x",
    b"z",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b"\"",
    b"\\",
    b"\\u0061",
    b"\\/",
    b"\\n",
    b",",
    b":",
    b"{",
    b"}",
    b"[",
    b"]",
    b"-",
    b"+",
    b".0",
    b"e0",
    b"00",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3\xa9",
    b"\xe2\x80\xa8",
    b"f0",
    b"t0",
    b"0x",
    b"18446744073709551616",
];

fn mutated(good: &[u8], random: &mut Random) -> Vec<u8> {
    let mut file = good.to_vec();
    for _ in 0..=random.below(2) {
        let at = random.below(file.len() + 1);
        let end = file.len().min(at + random.below(3));
        let token = TOKENS[random.below(TOKENS.len())];
        file.splice(at..end, token.iter().copied());
    }
    file
}

#[test]
fn rust_and_python_agree_on_what_is_valid() {
    let mut random = Random(0x0a55_12e0_0000_0013);
    let mut files = Vec::new();
    for InvalidFiles { kind, good, .. } in invalid_files().unwrap() {
        // Most changes of a manifest leave a valid one, but of another bundle.
        if kind != "manifest" {
            files.extend((0..500).map(|_| (kind.clone(), mutated(&good, &mut random))));
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/verify_round_test.py");
    let mut python = Command::new("python3")
        .arg(script)
        .arg("--judge")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = files
        .iter()
        .map(|(kind, file)| format!("{kind} {}\n", hex(file)))
        .collect();
    let mut input = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let verdicts = String::from_utf8(output.stdout).unwrap();
    assert_eq!(verdicts.lines().count(), files.len());
    let mut valid = 0;
    for ((kind, file), verdict) in files.iter().zip(verdicts.lines()) {
        let ours = is_valid(kind, file);
        valid += usize::from(ours);
        assert_eq!(
            ours,
            verdict == "valid",
            "{kind}: {verdict}\n{}",
            String::from_utf8_lossy(file)
        );
    }
    assert!(
        valid > 20 && valid < files.len() / 2,
        "{valid} of {} are valid",
        files.len()
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
