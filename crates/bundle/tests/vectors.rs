//! The bundles of `docs/vectors/v2`, which another implementation made from `docs/protocol.md` (§6, §12.1).
#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails the test")]

use assize_bundle::Bundle;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    version: u32,
    cases: Vec<Case>,
}

/// A valid bundle, and invalid ones derived from it.
#[derive(Deserialize)]
struct Case {
    root: String,
    files: Vec<File>,
    car: Vec<Piece>,
    invalid: Vec<Invalid>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct File {
    name: String,
    cid: String,
    size: usize,
}

#[derive(Deserialize)]
struct Invalid {
    family: String,
    reason: String,
    car: Vec<Piece>,
}

/// A part of a CAR.
#[derive(Deserialize)]
#[serde(untagged)]
enum Piece {
    /// Bytes, perhaps repeated.
    New { hex: String, times: Option<usize> },
    /// Bytes of the valid bundle.
    Same { at: usize, length: usize },
}

fn bytes(pieces: &[Piece], valid: &[u8]) -> Vec<u8> {
    let mut car = Vec::new();
    for piece in pieces {
        match piece {
            Piece::New { hex, times } => car.extend(decoded(hex).repeat(times.unwrap_or(1))),
            Piece::Same { at, length } => car.extend_from_slice(&valid[*at..at + length]),
        }
    }
    car
}

fn decoded(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
        .collect()
}

#[test]
fn valid_bundles_are_read_and_all_others_are_refused() {
    let vectors = include_str!("../../../docs/vectors/v2/bundles.json");
    let Vectors { version, cases } = serde_json::from_str(vectors).unwrap();
    assert_eq!((version, cases.len()), (2, 5));
    for case in cases {
        let car = bytes(&case.car, &[]);
        let bundle = Bundle::from_car(&car).unwrap();
        assert_eq!(bundle.root().to_string(), case.root);
        let files = bundle.files().iter().map(|file| File {
            name: file.name.clone(),
            cid: file.cid.to_string(),
            size: file.content.len(),
        });
        assert_eq!(files.collect::<Vec<_>>(), case.files);
        assert!(bundle.to_car().1 == car, "{}", case.root);
        let taken: Vec<_> = case
            .invalid
            .iter()
            .filter(|invalid| Bundle::from_car(&bytes(&invalid.car, &car)).is_ok())
            .map(|Invalid { family, reason, .. }| format!("{family}: {reason}"))
            .collect();
        assert!(taken.is_empty(), "{}: {taken:#?}", case.root);
    }
}
