//! Fraud that the contract can verify.

use std::collections::BTreeMap;

use assize_chain::{Misplaced, Proven};
use assize_drand::BeaconSource;
use assize_evaluate::Accepted;
use assize_evaluate::parts::{self, Rewarded};
use assize_facts::{ChainRound, Mismatch, SettlementId};
use assize_protocol::{Assignment, CommitteeIndex, Seat, StationIndex, merkle};

use crate::{Evidence, VerifyError};

/// A rewarded measurement that was not drawn, with everything that the contract needs to verify it (docs/protocol.md §11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fraud {
    /// The station is not in the committee of the task: for `challengeMembership`.
    Misplaced(Misplaced),
    /// The round has no such station, committee or task, or the settlement no such round: for `challengeExistence`.
    Impossible(Proven),
}

impl Fraud {
    /// The fraudulent measurement.
    #[must_use]
    pub fn measurement(&self) -> &Proven {
        match self {
            Self::Misplaced(misplaced) => &misplaced.measurement,
            Self::Impossible(proven) => proven,
        }
    }
}

impl<B: BeaconSource> Evidence<'_, B> {
    /// The first rewarded measurement of a settlement that was not drawn; `None` if all were drawn. Only
    /// [`Self::verify_settlement`] checks that they exist and agree with the majority.
    ///
    /// # Errors
    /// [`VerifyError`]: what is missing or damaged; [`VerifyError::Mismatch`] if the document does not contain the
    /// measurements of the settlement's `acceptedRoot`, so that nothing can be proved about them.
    pub fn find_fraud(&self, id: SettlementId) -> Result<Option<Fraud>, VerifyError> {
        let proposal = self.settlement(id)?.proposal;
        let bytes = self.document_file(id, &proposal.cid)?;
        let rewarded = parts::accepted(&bytes).map_err(|source| VerifyError::Document {
            settlement: id,
            cid: proposal.cid,
            source,
        })?;
        let tree = merkle::Tree::new(rewarded.iter().map(Rewarded::leaf).collect());
        Mismatch::check(|| "acceptedRoot".into(), tree.root(), proposal.accepted_root)
            .map_err(VerifyError::Mismatch)?;

        let mut draws = BTreeMap::new();
        for entry in &rewarded {
            let covered = (proposal.first_round..=proposal.last_round).contains(&entry.round);
            let chain_round = self.chain.rounds.get(&entry.round).filter(|_| covered);
            let draw = draws
                .entry(entry.round)
                .or_insert_with(|| chain_round.and_then(RoundDraw::of));
            let real = entry.possible().and_then(|accepted| {
                let place = draw.as_mut()?.committee_and_seat(&accepted)?;
                Some((accepted, place))
            });
            if real.is_some_and(|(accepted, (committee, _))| committee == accepted.committee) {
                continue;
            }
            let measurement = Proven {
                round: entry.round,
                station: entry.station,
                committee: entry.committee,
                k: entry.k,
                // The tree consists of these leaves.
                proof: tree.proof(entry.leaf()).unwrap_or_default(),
            };
            let (Some((accepted, (_, seat))), Some(chain_round)) = (real, chain_round) else {
                return Ok(Some(Fraud::Impossible(measurement)));
            };
            let roster = self.roster(&chain_round.round)?;
            // A station with a seat is in the roster.
            let Some(&entry) = roster.get(accepted.station) else {
                return Ok(Some(Fraud::Impossible(measurement)));
            };
            let leaf = merkle::roster_leaf(accepted.station, entry.station, entry.operator, entry.subnet);
            return Ok(Some(Fraud::Misplaced(Misplaced {
                measurement,
                entry,
                roster_proof: roster.tree().proof(leaf).unwrap_or_default(),
                seat,
            })));
        }
        Ok(None)
    }
}

/// The draw of a revealed round; each station's seat is derived once.
struct RoundDraw {
    assignment: Assignment,
    seats: BTreeMap<StationIndex, Option<Place>>,
}

type Place = (CommitteeIndex, Seat);

impl RoundDraw {
    fn of(chain: &ChainRound) -> Option<Self> {
        let round = &chain.round;
        Some(Self {
            assignment: round.assignment(round.seed?),
            seats: BTreeMap::new(),
        })
    }

    /// The station's committee and seat; `None` if the station, committee or task does not exist.
    fn committee_and_seat(&mut self, accepted: &Accepted) -> Option<Place> {
        let assignment = &self.assignment;
        assignment.task(accepted.committee, accepted.k).ok()?;
        *self
            .seats
            .entry(accepted.station)
            .or_insert_with(|| assignment.seat_of(accepted.station).ok())
    }
}
