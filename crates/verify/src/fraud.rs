//! Fraud that the contract can verify.

use std::collections::BTreeMap;

use assize_chain::{Misplaced, Proven};
use assize_drand::BeaconSource;
use assize_evaluate::{Accepted, SettlementDocument};
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
    pub fn accepted(&self) -> Accepted {
        let proven = match self {
            Self::Misplaced(misplaced) => &misplaced.measurement,
            Self::Impossible(proven) => proven,
        };
        Accepted {
            round: proven.round,
            station: proven.station,
            committee: proven.committee,
            k: proven.k,
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
        let document = SettlementDocument::decode(&bytes).map_err(|source| VerifyError::Document {
            settlement: id,
            cid: proposal.cid,
            source,
        })?;
        let tree = document.accepted_tree();
        Mismatch::check(|| "acceptedRoot".into(), tree.root(), proposal.accepted_root)
            .map_err(VerifyError::Mismatch)?;

        let mut draws = BTreeMap::new();
        for &accepted in &document.accepted {
            let covered = (proposal.first_round..=proposal.last_round).contains(&accepted.round);
            let chain_round = self.chain.rounds.get(&accepted.round).filter(|_| covered);
            let draw = draws
                .entry(accepted.round)
                .or_insert_with(|| chain_round.and_then(RoundDraw::of));
            let real = draw.as_mut().and_then(|draw| draw.committee_and_seat(&accepted));
            if real.is_some_and(|(committee, _)| committee == accepted.committee) {
                continue;
            }
            let Accepted {
                round,
                station,
                committee,
                k,
            } = accepted;
            let leaf = merkle::accepted_leaf(round, station, committee, k);
            let measurement = Proven {
                round,
                station,
                committee,
                k,
                // The tree consists of these leaves.
                proof: tree.proof(leaf).unwrap_or_default(),
            };
            let (Some((_, seat)), Some(chain_round)) = (real, chain_round) else {
                return Ok(Some(Fraud::Impossible(measurement)));
            };
            let roster = self.roster(&chain_round.round)?;
            // A station with a seat is in the roster.
            let Some(&entry) = roster.get(station) else {
                return Ok(Some(Fraud::Impossible(measurement)));
            };
            let leaf = merkle::roster_leaf(station, entry.station, entry.operator, entry.subnet);
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
