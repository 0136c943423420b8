//! Writes lines of reports, most of them damaged, and what this reader makes of each, for `scripts/reports.mjs` to read again:
//!
//! ```text
//! cargo run -p assize-measurement --example mutated_reports -- FILE SEED [LINES]
//! ```
//!
//! A line of the file is a JSON object: `line`, the bytes in hex, and `value`, null if they are no report. The same SEED gives the
//! same lines.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::{env, str};

use assize_measurement::report::{Measured, Report};
use assize_protocol::{B128, RoundNumber, StationIndex, TaskNumber};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const USAGE: &str = "usage: mutated_reports FILE SEED [LINES]";
const LINES: u64 = 10_000;
/// Of so many lines one is not damaged.
const GENUINE: u64 = 8;
/// What damage inserts, beside random bytes: pieces that are nearly right.
const PIECES: [&str; 26] = [
    "0",
    "00",
    "-",
    "+",
    ".0",
    "e1",
    "9007199254740991",
    "9007199254740992",
    "4294967295",
    "255",
    "256",
    "null",
    "true",
    "false",
    "\"",
    "\\",
    "\\u0041",
    "\u{e9}",
    " ",
    "\t",
    "\r",
    "\n",
    "\u{feff}",
    ",",
    "{}",
    "0xAB",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let file = arguments.next().ok_or(USAGE)?;
    let seed = arguments.next().ok_or(USAGE)?;
    let lines = arguments.next().map_or(Ok(LINES), |lines| lines.parse())?;
    let mut file = BufWriter::new(File::create(file)?);
    for number in 0..lines {
        let mut random = Random::new(&format!("{seed}/{number}"));
        let mut line = genuine(&mut random).into_bytes();
        if !random.one_of(GENUINE) {
            for _ in 0..=random.below(2) {
                damage(&mut line, &mut random);
            }
        }
        let value = Report::read(&line).map_or(Value::Null, |report| value_of(&report));
        writeln!(
            file,
            "{}",
            json!({"line": alloy_primitives::hex::encode(&line), "value": value})
        )?;
    }
    Ok(file.flush()?)
}

fn genuine(random: &mut Random) -> String {
    let texts = [
        "OK",
        "http",
        "12D3KooWPeer",
        "/dns/sp.example/tcp/443/https",
        "~ !#[]",
        "x",
    ];
    let mut k = 0;
    let mut measurements = Vec::new();
    for _ in 0..=random.below(3) {
        k += 1 + random.below(40);
        let mut text = || (!random.one_of(3)).then(|| texts[random.below(texts.len() as u64) as usize]);
        let [indexer, peer, address, protocol, checksum] = [text(), text(), text(), text(), text()];
        let mut number = || (!random.one_of(3)).then(|| random.number());
        let [status, head, start, first_byte, end, bytes] =
            [number(), number(), number(), number(), number(), number()];
        measurements.push(Measured {
            k: TaskNumber(u32::try_from(k - 1).unwrap_or(u32::MAX)),
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
            timeout: random.one_of(4),
            too_large: random.one_of(4),
        });
    }
    let report = Report {
        round: RoundNumber(random.number()),
        station: StationIndex(u32::try_from(random.number() % (1 << 32)).unwrap_or(0)),
        version: texts[random.below(texts.len() as u64) as usize],
        salt: B128::new(random.bytes()),
        measurements,
    };
    report.to_line()
}

/// Changes, inserts, removes, repeats or swaps something.
fn damage(line: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(line.len() as u64) as usize;
    let end = (at + 1 + random.below(30) as usize).min(line.len());
    match random.below(7) {
        0 => line[at] = (random.below(256)) as u8,
        1 => drop(line.remove(at)),
        2 => drop(line.drain(at..end)),
        3 => {
            let part = line[at..end].to_vec();
            drop(line.splice(at..at, part));
        }
        4 => line.swap(at, end - 1),
        _ => {
            let piece = PIECES[random.below(PIECES.len() as u64) as usize];
            drop(line.splice(at..at, piece.bytes()));
        }
    }
    if line.is_empty() {
        line.push(b'{');
    }
}

fn value_of(report: &Report<'_>) -> Value {
    let measurements = report.measurements.iter().map(|measured| {
        json!([
            measured.k,
            measured.indexer,
            measured.peer,
            measured.address,
            measured.protocol,
            measured.status,
            measured.head,
            measured.start,
            measured.first_byte,
            measured.end,
            measured.bytes,
            measured.checksum,
            measured.timeout,
            measured.too_large,
        ])
    });
    let measurements: Vec<_> = measurements.collect();
    json!([
        report.round,
        report.station,
        report.version,
        report.salt,
        measurements
    ])
}

/// Numbers from SHA-256 in counter mode.
struct Random {
    seed: String,
    counter: u64,
}

impl Random {
    fn new(seed: &str) -> Self {
        Self {
            seed: seed.to_owned(),
            counter: 0,
        }
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.counter += 1;
        let hash = Sha256::digest(format!("{}/{}", self.seed, self.counter));
        let mut bytes = [0; N];
        bytes.copy_from_slice(&hash[..N]);
        bytes
    }

    fn below(&mut self, limit: u64) -> u64 {
        u64::from_be_bytes(self.bytes()) % limit
    }

    fn one_of(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// Of any length, up to 2^53 − 1.
    fn number(&mut self) -> u64 {
        let bits = self.below(54);
        u64::from_be_bytes(self.bytes()) % (1 << bits).max(1)
    }
}
