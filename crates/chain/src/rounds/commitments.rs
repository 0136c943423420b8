//! What is committed to rounds: lists of seals and batches by publishers, seals and reports by stations themselves
//! (docs/protocol.md §9).

use alloy_primitives::{Address, B256, Bytes};
use assize_facts::{BatchCommitment, FileKey, FileKind, OwnReport};
use assize_measurement::Seal;
use assize_protocol::{FileCid, RosterEntry, RoundNumber, StationIndex};

use super::{Abi, IRounds, NAME, Rounds, stored_cid};
use crate::at::pages;
use crate::{Draft, Result};

/// A seal that a station committed itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnSeal {
    /// The station's index in the roster.
    pub station: StationIndex,
    /// The EIP-712 hash of the seal.
    pub digest: B256,
}

/// A seal with everything that the contract checks it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedSeal {
    /// The seal.
    pub seal: Seal,
    /// The station's signature: 65 bytes, r ‖ s ‖ v.
    pub signature: [u8; 65],
    /// The station in the roster.
    pub entry: RosterEntry,
    /// From the station's leaf to the round's roster root.
    pub roster_proof: Vec<B256>,
}

impl Rounds {
    /// What publishers committed to a round, in commit order: lists of seals or batches (`kind`).
    pub async fn commitments(&self, round: RoundNumber, kind: FileKind) -> Result<Vec<BatchCommitment>> {
        let (number, which) = (round.0, u8::from(kind));
        let count = self
            .0
            .call(&Abi::commitmentCountCall {
                round: number,
                kind: which,
            })
            .await?;
        let mut all = Vec::new();
        for (start, limit) in pages(count) {
            let call = Abi::commitmentsCall {
                round: number,
                kind: which,
                start,
                limit,
            };
            for stored in self.0.call(&call).await? {
                let index = all.len();
                all.push(BatchCommitment {
                    publisher: stored.publisher,
                    root: stored.root,
                    count: stored.count,
                    cid: stored_cid(NAME, &stored.cid, || {
                        format!("commitment {index} of round {round}")
                    })?,
                    committed_at: stored.committedAt,
                });
            }
        }
        Ok(all)
    }

    /// Whether a publisher committed this root to a round.
    pub async fn is_committed(
        &self,
        publisher: Address,
        round: RoundNumber,
        kind: FileKind,
        root: B256,
    ) -> Result<bool> {
        let call = Abi::isCommittedCall {
            publisher,
            round: round.0,
            kind: kind.into(),
            root,
        };
        self.0.call(&call).await
    }

    /// When evaluators may object to a file that they could not get, Unix seconds.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] with `NoSuchFile`.
    pub async fn objections_from(&self, file: FileKey) -> Result<u64> {
        let call = Abi::objectionsFromCall {
            round: file.round.0,
            kind: file.kind.into(),
            index: file.index,
        };
        self.0.call(&call).await
    }

    /// The seals that stations committed themselves, in commit order.
    pub async fn own_seals(&self, round: RoundNumber) -> Result<Vec<OwnSeal>> {
        let own = self.own(round, FileKind::Seals).await?;
        Ok(own
            .into_iter()
            .map(|own| OwnSeal {
                station: StationIndex(own.station),
                digest: own.digest,
            })
            .collect())
    }

    /// The reports that stations committed themselves, in commit order.
    pub async fn own_reports(&self, round: RoundNumber) -> Result<Vec<OwnReport>> {
        let own = self.own(round, FileKind::Lines).await?;
        Ok(own
            .into_iter()
            .map(|own| OwnReport {
                station: StationIndex(own.station),
                report: own.digest,
            })
            .collect())
    }

    async fn own(&self, round: RoundNumber, kind: FileKind) -> Result<Vec<IRounds::Own>> {
        let (round, kind) = (round.0, u8::from(kind));
        let count = self.0.call(&Abi::ownCountCall { round, kind }).await?;
        let mut all = Vec::new();
        for (start, limit) in pages(count) {
            let call = Abi::ownCall {
                round,
                kind,
                start,
                limit,
            };
            all.extend(self.0.call(&call).await?);
        }
        Ok(all)
    }

    /// The digest that a station signs for a seal, computed by the contract.
    pub async fn digest_of(&self, seal: &Seal) -> Result<B256> {
        let signed = encode(seal);
        self.0.call(&Abi::digestOfCall { signed }).await
    }

    /// Commits a list of seals: its lines' root, their number, and where they are to be found. Publishers only.
    #[must_use]
    pub fn seal(&self, round: RoundNumber, cid: &FileCid, root: B256, count: u32) -> Draft {
        self.0.draft(&Abi::sealCall {
            round: round.0,
            cid: cid.to_bytes().into(),
            root,
            count,
        })
    }

    /// Commits a batch: its lines' root, their number, and where they are to be found. Publishers only.
    #[must_use]
    pub fn commit(&self, round: RoundNumber, cid: &FileCid, root: B256, count: u32) -> Draft {
        self.0.draft(&Abi::commitCall {
            round: round.0,
            cid: cid.to_bytes().into(),
            root,
            count,
        })
    }

    /// Commits a station's own seal. Anyone may call it: the signature decides.
    #[must_use]
    pub fn seal_own(&self, signed: &SignedSeal) -> Draft {
        self.0.draft(&Abi::sealOwnCall {
            signed: encode(&signed.seal),
            signature: Bytes::copy_from_slice(&signed.signature),
            entry: station(&signed.entry),
            rosterProof: signed.roster_proof.clone(),
        })
    }

    /// Commits a station's own report, whose bytes the contract emits. Anyone may call it: the signature decides.
    #[must_use]
    pub fn commit_own(&self, signed: &SignedSeal, report: &[u8]) -> Draft {
        self.0.draft(&Abi::commitOwnCall {
            signed: encode(&signed.seal),
            signature: Bytes::copy_from_slice(&signed.signature),
            entry: station(&signed.entry),
            rosterProof: signed.roster_proof.clone(),
            report: Bytes::copy_from_slice(report),
        })
    }
}

fn encode(seal: &Seal) -> IRounds::Seal {
    IRounds::Seal {
        round: seal.round.0,
        station: seal.station.0,
        operator: seal.operator,
        tasks: seal.tasks.word(),
        report: seal.report,
    }
}

fn station(entry: &RosterEntry) -> IRounds::Station {
    IRounds::Station {
        station: entry.station,
        operator: entry.operator,
        subnet: entry.subnet,
    }
}
