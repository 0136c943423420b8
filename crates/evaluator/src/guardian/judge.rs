//! Judges one pending settlement.

use assize_chain::{Rewards, Rounds};
use assize_drand::{BeaconSource, Verified};
use assize_evaluate::SettlementDocument;
use assize_facts::{FileKey, SettlementId};
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
    /// A beacon cannot be read at the moment.
    NoBeacon {
        /// Which beacon, and why.
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
        Ok(Conclusion::Mismatch(mismatch)) => Ok(Judgement::Wrong {
            reason: mismatch.to_string(),
        }),
        Err(error) if error.is_unreadable() => Ok(Judgement::Unreadable {
            what: error.to_string(),
        }),
        Err(error) if error.is_beacon() => Ok(Judgement::NoBeacon {
            what: error.to_string(),
        }),
        Err(error) if error.is_retryable() => Err(error),
        // A malformed document, or one that does not continue its parent.
        Err(error) => Ok(Judgement::Wrong {
            reason: error.to_string(),
        }),
    }
}
