//! The bytes of the reports that stations commit themselves, from the chain's events (docs/protocol.md §9.6).

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256};
use alloy_sol_types::SolEvent;
use assize_facts::{OwnReport, Round};
use sha2::{Digest, Sha256};

use super::{Abi, Rounds};
use crate::{Blocks, ChainError, Log, Result};

/// The pieces of a report: their offsets and their bytes.
type Pieces = Vec<(U256, Vec<u8>)>;

impl Rounds {
    /// The bytes of reports that stations committed to a round themselves, in the order of `own`. The SHA-256 of each is that of
    /// `own`.
    ///
    /// All of them are in the answer to one question for the round's events, unless a node limits the number of blocks or the
    /// length of an answer.
    ///
    /// # Errors
    /// [`ChainError::OwnReport`] for the first of which the node does not have all.
    pub async fn reports_of(
        &self,
        blocks: &mut Blocks<'_>,
        round: &Round,
        own: &[OwnReport],
    ) -> Result<Vec<Vec<u8>>> {
        if own.is_empty() {
            return Ok(Vec::new());
        }
        let station = match own {
            [one] => Some(B256::from(U256::from(one.station.0))),
            _ => None,
        };
        let topics = [
            Some(Abi::OwnPiece::SIGNATURE_HASH),
            Some(B256::from(U256::from(round.number.0))),
            station,
        ];
        let first = blocks.before(round.opened_at).await?;
        let last = blocks.through(round.times.commits_until).await?;
        let logs = self.client().logs(self.address(), &topics, first, last).await?;
        let mut by_station = by_station(logs);
        own.iter()
            .map(|own| {
                let pieces = by_station.remove(&own.station.0).unwrap_or_default();
                whole(round, own, pieces)
            })
            .collect()
    }
}

/// The pieces of each station's report.
fn by_station(logs: Vec<Log>) -> BTreeMap<u32, Pieces> {
    let mut by_station = BTreeMap::<u32, Pieces>::new();
    for log in logs {
        if let Ok(event) = Abi::OwnPiece::decode_raw_log(log.topics, &log.data) {
            let pieces = by_station.entry(event.station).or_default();
            pieces.push((event.at, event.piece.into()));
        }
    }
    by_station
}

/// The report that the pieces make, in their order, as far as each continues the one before.
fn whole(round: &Round, own: &OwnReport, mut pieces: Pieces) -> Result<Vec<u8>> {
    let count = pieces.len();
    pieces.sort_by_key(|(at, _)| *at);
    let mut report = Vec::new();
    for (at, piece) in pieces {
        if at == U256::from(report.len()) {
            report.extend_from_slice(&piece);
        }
    }
    if Sha256::digest(&report)[..] == own.report[..] {
        return Ok(report);
    }
    Err(ChainError::OwnReport {
        round: round.number,
        station: own.station,
        reason: match count {
            0 => "it has no event of it".into(),
            pieces => format!(
                "its {pieces} events have {} bytes with another SHA-256",
                report.len()
            ),
        },
    })
}
