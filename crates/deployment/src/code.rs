//! Compares the code at an address with the source.
//!
//! Filecoin's nodes do not support creations in `eth_call`, so the constructor's result cannot be requested. Instead,
//! the deployed code is extracted from the creation code, where solc places it last. The immutables, which the
//! constructor fills in, are holes there (`PUSH32` of zeros, which the optimizer emits for nothing else); their
//! values on chain are compared with those that follow from the parameters.

use alloy_primitives::{B256, keccak256};

/// solc starts each program with `mstore(0x40, 0x80)`; without immutables, so does the constructor.
const BEGINNING: [u8; 5] = [0x60, 0x80, 0x60, 0x40, 0x52];
const PUSH1: u8 = 0x60;
const PUSH32: u8 = 0x7f;
const WORD: usize = 32;

/// Code with holes.
#[derive(Debug)]
pub(crate) struct Template<'a> {
    code: &'a [u8],
    holes: Vec<usize>,
}

/// A difference between code and source.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Deviation {
    Length { expected: usize, found: usize },
    Byte { at: usize },
}

impl<'a> Template<'a> {
    /// The deployed part of creation code.
    pub(crate) fn of(creation: &'a [u8]) -> Option<Self> {
        let start = creation
            .windows(BEGINNING.len())
            .rposition(|window| window == BEGINNING)?;
        let code = &creation[start..];
        let mut holes = Vec::new();
        let mut at = 0;
        while at < code.len() {
            let operation = code[at];
            at += 1;
            if operation == PUSH32 && code.get(at..at + WORD).is_some_and(|word| word == [0; WORD]) {
                holes.push(at);
            }
            if (PUSH1..=PUSH32).contains(&operation) {
                at += usize::from(operation - PUSH1) + 1;
            }
        }
        Some(Self { code, holes })
    }

    /// The values in the holes of deployed code, if the rest is equal.
    pub(crate) fn values_in(&self, deployed: &[u8]) -> Result<Vec<B256>, Deviation> {
        if deployed.len() != self.code.len() {
            return Err(Deviation::Length {
                expected: self.code.len(),
                found: deployed.len(),
            });
        }
        let mut emptied = deployed.to_vec();
        let mut values = Vec::with_capacity(self.holes.len());
        for &hole in &self.holes {
            values.push(B256::from_slice(&deployed[hole..hole + WORD]));
            emptied[hole..hole + WORD].fill(0);
        }
        match emptied
            .iter()
            .zip(self.code)
            .position(|(found, expected)| found != expected)
        {
            None => Ok(values),
            Some(at) => Err(Deviation::Byte { at }),
        }
    }
}

/// keccak-256 of each contract's deployed code in the embedded source, by the contract's name. Immutables are zeros, as the
/// deployment check compares the code.
#[must_use]
pub fn code_hashes() -> Vec<(&'static str, B256)> {
    use assize_chain::contracts::{court, drand_beacon, filecoin_beacon, rewards, roles, rounds};
    let creations = [
        ("Court", &court::Court::BYTECODE),
        ("Roles", &roles::Roles::BYTECODE),
        ("DrandBeacon", &drand_beacon::DrandBeacon::BYTECODE),
        ("FilecoinBeacon", &filecoin_beacon::FilecoinBeacon::BYTECODE),
        ("Rounds", &rounds::Rounds::BYTECODE),
        ("Rewards", &rewards::Rewards::BYTECODE),
    ];
    let hash = |creation: &[u8]| Some(keccak256(Template::of(creation)?.code));
    let hashes = creations
        .into_iter()
        .map(|(name, creation)| Some((name, hash(creation)?)));
    hashes.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use assize_chain::contracts::{court, drand_beacon, filecoin_beacon, rewards, roles, rounds};

    #[test]
    fn every_contract_has_a_code_hash() {
        let hashes = code_hashes();
        let names: Vec<_> = hashes.iter().map(|(name, _)| *name).collect();
        let all = [
            "Court",
            "Roles",
            "DrandBeacon",
            "FilecoinBeacon",
            "Rounds",
            "Rewards",
        ];
        assert_eq!(names, all);
    }

    #[test]
    fn holes_are_masked_and_nothing_else() {
        let mut runtime = vec![0x60, 0x80, 0x60, 0x40, 0x52, 0x7f];
        runtime.extend([0; 32]);
        // This 7f is data of a PUSH2, not a hole.
        runtime.extend([0x61, 0x7f, 0x00]);
        runtime.extend([0; 32]);
        let creation = [&[0x60, 0x80, 0x60, 0x40, 0x52, 0xfe][..], &runtime].concat();
        let template = Template::of(&creation).unwrap();

        let mut deployed = runtime.clone();
        deployed[6..38].fill(9);
        assert_eq!(template.values_in(&deployed), Ok(vec![B256::repeat_byte(9)]));
        deployed[60] = 1;
        assert_eq!(template.values_in(&deployed), Err(Deviation::Byte { at: 60 }));
        deployed.pop();
        let shorter = Deviation::Length {
            expected: 73,
            found: 72,
        };
        assert_eq!(template.values_in(&deployed), Err(shorter));
        assert!(Template::of(&[0x60, 0x80]).is_none());
    }

    #[test]
    fn each_contract_of_the_source_has_its_program_at_the_end() {
        let all = [
            &court::Court::BYTECODE,
            &roles::Roles::BYTECODE,
            &rounds::Rounds::BYTECODE,
            &rewards::Rewards::BYTECODE,
            &drand_beacon::DrandBeacon::BYTECODE,
            &filecoin_beacon::FilecoinBeacon::BYTECODE,
        ];
        for creation in all {
            let template = Template::of(creation).unwrap();
            let (constructor, runtime) = (creation.len() - template.code.len(), template.code.len());
            assert!(runtime > constructor, "{constructor} {runtime}");
            // An invalid opcode separates the two.
            assert_eq!(creation[constructor - 1], 0xfe);
            assert!(!template.holes.is_empty());
        }
    }
}
