//! Recomputing rounds from public inputs.

use assize_chain::{ListCommitment, Round, SettlementId};
use assize_drand::{BeaconSource, Verified};
use assize_evaluate::{
    CommittedBatch, Draw, ListFacts, Parent, RoundEvaluation, RoundEvaluator, RoundFacts, RoundInput,
    SettlementDocument, settle,
};
use assize_measurement::{Domain, ndjson};
use assize_protocol::{
    B256, BeaconRound, DedupeSeed, FileCid, List, ListError, Randomness, Roster, RoundNumber, Seed, TaskList,
};
use assize_store::Source;
use rayon::prelude::*;

use crate::facts::ChainRound;
use crate::{ChainFacts, Mismatch, VerifyError};

type Result<T> = std::result::Result<T, VerifyError>;

/// Something that a recomputation has done; for progress bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read a batch of a round, and judged nothing yet.
    Batch(RoundNumber),
    /// Recomputed a round.
    Round(RoundNumber),
}

/// What there is to recompute from: the chain's facts, a store, and beacons. None of them is believed: files are
/// checked against the CIDs and roots on chain, beacons against drand's key, the chain's seeds against the beacons.
///
/// Evaluators and verifiers go the same way: [`Self::evaluate_range`] makes the document that evaluators sign, and
/// [`Self::verify_settlement`] makes it again and compares. All of it blocks, for as long as relays and disks need;
/// within an async runtime, run it on a thread of its own.
pub struct Evidence<'a, B> {
    /// What the contracts say.
    pub chain: &'a ChainFacts,
    /// Where the files are.
    pub store: &'a dyn Source,
    /// Where the beacons are; of the drand chain that the contracts' beacon checks.
    pub beacons: &'a Verified<B>,
    /// Told of every step; batches come in any order.
    pub progress: &'a (dyn Fn(Step) + Sync),
}

/// A recomputed range of rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluatedRange {
    /// What evaluators sign.
    pub document: SettlementDocument,
    /// Every measurement of every round, for those who want to know more than the document says.
    pub rounds: Vec<(RoundFacts, RoundEvaluation)>,
}

impl<B: BeaconSource> Evidence<'_, B> {
    /// Recomputes one round.
    ///
    /// # Errors
    /// [`VerifyError`]: what is missing, damaged or not as the round froze it. [`VerifyError::Mismatch`] if the chain's
    /// own facts do not follow from each other.
    pub fn evaluate_round(&self, number: RoundNumber) -> Result<(RoundFacts, RoundEvaluation)> {
        let ChainRound { round, commitments } =
            self.chain
                .rounds
                .get(&number)
                .ok_or_else(|| VerifyError::NotRead {
                    what: format!("round {number}"),
                })?;
        if self.chain.now <= round.commits_until {
            return Err(VerifyError::WindowOpen {
                round: number,
                until: round.commits_until,
                now: self.chain.now,
            });
        }
        self.check_timetable(round).map_err(VerifyError::Mismatch)?;
        let draw = self.draw(round)?;
        let facts = RoundFacts {
            round: number,
            parameters: round.parameters,
            roster: list_facts(&round.roster),
            tasks: list_facts(&round.tasks),
            beacon_round: round.beacon_round,
            dedupe_beacon_round: round.dedupe_beacon_round,
            draw,
        };
        let Some(draw) = draw else {
            let path = || format!("chain.rounds[{number}].commitments");
            Mismatch::check(path, 0, commitments.len()).map_err(VerifyError::Mismatch)?;
            return Ok((facts, RoundEvaluation::unrevealed(&round.parameters)));
        };

        let roster = self.roster(round)?;
        let tasks = self.task_list(round)?;
        let store = self.store;
        let input = RoundInput {
            round: number,
            domain: Domain {
                chain_id: self.chain.contracts.chain_id,
                rounds: self.chain.contracts.rounds,
            },
            parameters: round.parameters,
            seed: draw.seed,
            dedupe_seed: DedupeSeed::derive(draw.dedupe_randomness),
            roster: &roster,
            tasks: &tasks,
        };
        let mut evaluator = RoundEvaluator::new(input);
        // As many batches in memory as there are threads to read them.
        for (window, commitments) in commitments.chunks(rayon::current_num_threads()).enumerate() {
            let batches: Vec<ndjson::Batch> = commitments
                .par_iter()
                .enumerate()
                .map(|(index, commitment)| {
                    let index = window * rayon::current_num_threads() + index;
                    let bytes = file(store, &commitment.cid, || {
                        format!("batch {index} of round {number}")
                    })?;
                    let batch = ndjson::parse_batch(number, &bytes);
                    (self.progress)(Step::Batch(number));
                    Ok(batch)
                })
                .collect::<Result<_>>()?;
            for (commitment, batch) in commitments.iter().zip(&batches) {
                evaluator.add(&CommittedBatch {
                    cid: commitment.cid,
                    declared: commitment.count,
                    batch,
                });
            }
        }
        let evaluation = evaluator.finish();
        (self.progress)(Step::Round(number));
        tracing::info!(
            round = number.0,
            measurements = evaluation.outcomes.len(),
            "recomputed"
        );
        Ok((facts, evaluation))
    }

    /// Recomputes a range of rounds and settles it on top of `parent`.
    ///
    /// # Errors
    /// As [`Self::evaluate_round`] and [`Self::settlement_document`], and [`VerifyError::Settle`] if the range does not
    /// continue the parent.
    pub fn evaluate_range(
        &self,
        first: RoundNumber,
        last: RoundNumber,
        parent: Option<SettlementId>,
    ) -> Result<EvaluatedRange> {
        let parent = parent
            .map(|id| Ok::<_, VerifyError>((id, self.settlement_document(id)?)))
            .transpose()?;
        let rounds = (first.0..=last.0)
            .map(|number| self.evaluate_round(RoundNumber(number)))
            .collect::<Result<Vec<_>>>()?;
        let parent = parent.as_ref().map(|(id, document)| Parent {
            settlement: id.0,
            document,
        });
        let document = settle(self.chain.contracts, parent, &rounds)?;
        Ok(EvaluatedRange { document, rounds })
    }

    /// The document of a settlement, consistent in itself and with what the chain says of the settlement. Its rounds
    /// are not recomputed.
    ///
    /// # Errors
    /// [`VerifyError::Store`], [`VerifyError::Document`], [`VerifyError::WrongParent`].
    pub fn settlement_document(&self, id: SettlementId) -> Result<SettlementDocument> {
        let proposal = self.settlement(id)?.proposal;
        let cid = proposal.cid;
        let bytes = self.document_file(id, &cid)?;
        let document = SettlementDocument::parse(&bytes).map_err(|source| VerifyError::Document {
            settlement: id,
            cid,
            source,
        })?;
        let total = document.cumulative_total.to_string();
        let stated = [
            ("root", document.root.to_string(), proposal.root.to_string()),
            ("cumulativeTotal", total, proposal.cumulative_total.to_string()),
            (
                "lastRound",
                document.last_round.to_string(),
                proposal.last_round.to_string(),
            ),
        ];
        for (field, document, chain) in stated {
            if document != chain {
                return Err(VerifyError::WrongParent {
                    settlement: id,
                    cid,
                    field,
                    document,
                    chain,
                });
            }
        }
        Ok(document)
    }

    pub(crate) fn settlement(&self, id: SettlementId) -> Result<&assize_chain::Settlement> {
        let settlement = self.chain.settlements.get(&id);
        settlement.ok_or_else(|| VerifyError::NotRead {
            what: format!("settlement {id}"),
        })
    }

    pub(crate) fn document_file(&self, id: SettlementId, cid: &FileCid) -> Result<Vec<u8>> {
        file(self.store, cid, || format!("the document of settlement {id}"))
    }

    /// Whether the round froze what it had to before its beacons were published (DESIGN §2.1). Contracts see to that;
    /// this is for the case that they are not what they are said to be.
    fn check_timetable(&self, round: &Round) -> std::result::Result<(), Mismatch> {
        let path = |field: &'static str| move || format!("chain.rounds[{}].{field}", round.number);
        let closes_at = round
            .opened_at
            .saturating_add(round.parameters.round_duration.into());
        Mismatch::check(path("closesAt"), closes_at, round.closes_at)?;
        let commits_until = closes_at.saturating_add(round.parameters.commit_grace.into());
        Mismatch::check(path("commitsUntil"), commits_until, round.commits_until)?;
        let schedule = self.beacons.chain().schedule();
        let frozen = round
            .opened_at
            .saturating_add(round.parameters.beacon_delay.into());
        let beacons = [
            ("beaconRound", round.beacon_round, frozen),
            ("dedupeBeaconRound", round.dedupe_beacon_round, closes_at),
        ];
        for (field, beacon_round, moment) in beacons {
            if schedule
                .time_of(beacon_round)
                .is_none_or(|published| published <= moment)
            {
                return Err(Mismatch {
                    path: path(field)(),
                    ours: format!(
                        "{} or later, published after Unix time {moment}",
                        schedule.round_after(moment)
                    ),
                    theirs: beacon_round.to_string(),
                });
            }
        }
        Ok(())
    }

    /// What the beacons drew; `None` if the seed was not revealed.
    fn draw(&self, round: &Round) -> Result<Option<Draw>> {
        let Some(revealed) = round.seed else {
            return Ok(None);
        };
        let randomness = self.randomness(round.number, round.beacon_round)?;
        let contracts = &self.chain.contracts;
        let seed = Seed::derive(contracts.chain_id, contracts.rounds, round.number, randomness);
        Mismatch::check(|| format!("chain.rounds[{}].seed", round.number), seed, revealed)
            .map_err(VerifyError::Mismatch)?;
        let dedupe_randomness = self.randomness(round.number, round.dedupe_beacon_round)?;
        Ok(Some(Draw {
            randomness,
            seed,
            dedupe_randomness,
        }))
    }

    fn randomness(&self, round: RoundNumber, beacon_round: BeaconRound) -> Result<Randomness> {
        let randomness = self.beacons.randomness(beacon_round);
        randomness.map_err(|source| VerifyError::Beacon {
            round,
            beacon_round,
            source,
        })
    }

    pub(crate) fn roster(&self, round: &Round) -> Result<Roster> {
        let roster = self.list(List::Roster, round.number, &round.roster, Roster::parse)?;
        check_list(
            List::Roster,
            round.number,
            &round.roster,
            roster.count(),
            roster.root(),
        )?;
        Ok(roster)
    }

    fn task_list(&self, round: &Round) -> Result<TaskList> {
        let tasks = self.list(List::Tasks, round.number, &round.tasks, TaskList::parse)?;
        check_list(
            List::Tasks,
            round.number,
            &round.tasks,
            tasks.count(),
            tasks.root(),
        )?;
        Ok(tasks)
    }

    fn list<T>(
        &self,
        what: List,
        round: RoundNumber,
        list: &ListCommitment,
        parse: impl FnOnce(&[u8]) -> std::result::Result<T, ListError>,
    ) -> Result<T> {
        let file = file(self.store, &list.cid, || format!("the {what} of round {round}"))?;
        parse(&file).map_err(|source| VerifyError::List {
            round,
            cid: list.cid,
            source,
        })
    }
}

pub(crate) fn file(store: &dyn Source, cid: &FileCid, what: impl FnOnce() -> String) -> Result<Vec<u8>> {
    store.get(cid).map_err(|source| VerifyError::Store {
        what: what(),
        source: Box::new(source),
    })
}

fn list_facts(list: &ListCommitment) -> ListFacts {
    let ListCommitment { root, count, cid } = *list;
    ListFacts { root, count, cid }
}

/// Whether a file is the list that the round froze.
fn check_list(list: List, round: RoundNumber, frozen: &ListCommitment, count: u32, root: B256) -> Result<()> {
    let differs = |what, file: String, chain: String| VerifyError::WrongList {
        list,
        round,
        cid: frozen.cid,
        what,
        file,
        chain,
    };
    if count != frozen.count {
        return Err(differs("count", count.to_string(), frozen.count.to_string()));
    }
    if root != frozen.root {
        return Err(differs("root", root.to_string(), frozen.root.to_string()));
    }
    Ok(())
}
