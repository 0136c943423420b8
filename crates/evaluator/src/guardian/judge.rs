//! Judges one pending settlement.

use assize_chain::{Rewards, Rounds};
use assize_drand::{BeaconSource, Verified};
use assize_evaluate::SettlementDocument;
use assize_facts::{FileKey, Mismatch, SettlementId};
use assize_store::Source;
use assize_verify::{Conclusion, Evidence, Reading, VerifiedSettlement, VerifyError, read_settlement};

/// What recomputing a settlement showed. Its parent must be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Every value follows from the public inputs.
    Right {
        /// What it grants, to answer the Court.
        document: Box<SettlementDocument>,
        /// Files that were dropped and can be read.
        readable: Vec<FileKey>,
    },
    /// It differs, and where first.
    Wrong {
        /// The difference, or what is wrong with its document.
        reason: String,
    },
    /// A file that counts, or its document, is served by nobody.
    Unreadable {
        /// Which file, and why.
        what: String,
    },
    /// A beacon cannot be read.
    NoBeacon {
        /// Which beacon, and why.
        what: String,
    },
    /// The fault is this guardian's, or its node's: nothing follows for the settlement.
    NotJudged {
        /// Why.
        what: String,
    },
}

/// Recomputes a settlement on top of its parent. Blocks for as long as disks, gateways and relays need.
///
/// # Errors
/// [`VerifyError`]: the chain is unavailable at the moment.
pub(crate) async fn judge<B: BeaconSource + Sync>(
    rounds: &Rounds,
    rewards: &Rewards,
    store: &dyn Source,
    beacons: &Verified<B>,
    settlement: SettlementId,
) -> Result<Judgement, VerifyError> {
    let Reading { facts, own } = read_settlement(rounds, rewards, settlement).await?;
    let evidence = Evidence {
        chain: &facts,
        own: &own,
        store,
        elsewhere: &|_, _| None,
        beacons,
        progress: &|_| {},
    };
    match tokio::task::block_in_place(|| evidence.verify_settlement(settlement)) {
        Ok(Conclusion::Match(verified)) => {
            let VerifiedSettlement {
                settlement, document, ..
            } = verified;
            let (first, last) = (settlement.proposal.first_round, settlement.proposal.last_round);
            Ok(Judgement::Right {
                document: Box::new(document),
                readable: tokio::task::block_in_place(|| evidence.readable_drops(first, last))?,
            })
        }
        Ok(Conclusion::Mismatch(mismatch)) => Ok(of_mismatch(&mismatch)),
        Err(error) => of_error(error),
    }
}

/// What a difference means. If values on chain do not follow from each other, the node is behind, or its answers are of different
/// blocks.
fn of_mismatch(mismatch: &Mismatch) -> Judgement {
    match mismatch.is_within_chain() {
        true => Judgement::NotJudged {
            what: format!("the node contradicts itself: {mismatch}"),
        },
        false => Judgement::Wrong {
            reason: mismatch.to_string(),
        },
    }
}

/// What it means that a settlement could not be recomputed.
fn of_error(error: VerifyError) -> Result<Judgement, VerifyError> {
    let what = error.to_string();
    match error {
        VerifyError::Document { .. } | VerifyError::WrongParent { .. } => {
            Ok(Judgement::Wrong { reason: what })
        }
        error if error.is_unreadable() && error.reached().local => Ok(Judgement::NotJudged { what }),
        error if error.is_unreadable() => Ok(Judgement::Unreadable { what }),
        error if error.is_beacon() => Ok(Judgement::NoBeacon { what }),
        error if error.is_retryable() => Err(error),
        _ => Ok(Judgement::NotJudged { what }),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use assize_drand::BeaconError;
    use assize_facts::RoundFault;
    use assize_measurement::unixfs::file_cid;
    use assize_protocol::{BeaconRound, RoundNumber};
    use assize_store::StoreError;

    use super::*;

    fn mismatch(path: &str) -> Mismatch {
        Mismatch {
            path: path.into(),
            ours: "1 or more".into(),
            theirs: "0".into(),
        }
    }

    #[test]
    fn only_a_difference_of_the_settlement_is_wrong() {
        for path in ["rounds[0].rewarded", "document", "chain.settlements[3].root"] {
            assert!(
                matches!(of_mismatch(&mismatch(path)), Judgement::Wrong { .. }),
                "{path}"
            );
        }
        // A node that is behind has fewer drops than the settlement.
        for path in [
            "chain.drops",
            "chain.rounds[4].times.closesAt",
            "chain.rounds[4].seed",
        ] {
            assert!(
                matches!(of_mismatch(&mismatch(path)), Judgement::NotJudged { .. }),
                "{path}"
            );
        }
    }

    #[test]
    fn what_this_guardian_lacks_is_not_judged() {
        let cid = file_cid(b"a file");
        let lacks = |source: StoreError| VerifyError::Store {
            what: "batch 0 of round 1".into(),
            source: Box::new(source),
        };
        let disk = lacks(StoreError::Io {
            action: "read",
            path: PathBuf::from("/store"),
            source: io::Error::other("no space left on device"),
        });
        assert!(matches!(of_error(disk), Ok(Judgement::NotJudged { .. })));
        let not_read = VerifyError::NotRead {
            what: "round 3".into(),
        };
        assert!(matches!(of_error(not_read), Ok(Judgement::NotJudged { .. })));
        let absent = lacks(StoreError::NotFound {
            cid,
            place: "the store".into(),
        });
        assert!(matches!(of_error(absent), Ok(Judgement::Unreadable { .. })));
    }

    #[test]
    fn a_beacon_that_is_not_recorded_is_missing_and_not_wrong() {
        let beacon = VerifyError::Round(RoundFault::Beacon {
            round: RoundNumber(1),
            beacon_round: BeaconRound(9),
            source: BeaconError::RoundZero,
        });
        assert!(matches!(of_error(beacon), Ok(Judgement::NoBeacon { .. })));
    }
}
