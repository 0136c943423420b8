//! One round, recomputed.

use assize_chain::{Commitment, ListCommitment, Round, Rounds};
use assize_drand::{BeaconSource, Verified};
use assize_evaluate::{CommittedBatch, RoundEvaluation, RoundInput, evaluate_round};
use assize_measurement::{Domain, ndjson};
use assize_protocol::{FileCid, ListError, Randomness, Roster, RoundNumber, Seed, TaskList};
use assize_store::Store;

use crate::error::{Result, VerifyError, compare};

/// All that the chain says of a round.
#[derive(Debug, Clone)]
pub struct RoundFacts {
    /// What the round's signatures and seed are bound to.
    pub domain: Domain,
    /// As stored.
    pub round: Round,
    /// In commit order.
    pub commitments: Vec<Commitment>,
}

impl RoundFacts {
    /// Reads a round from the chain.
    ///
    /// # Errors
    /// [`VerifyError::Chain`].
    pub async fn read(rounds: &Rounds, number: RoundNumber) -> Result<Self> {
        let domain = Domain { chain_id: rounds.client().chain_id(), rounds: rounds.address() };
        let round = rounds.round(number).await?;
        let commitments = rounds.commitments(number).await?;
        Ok(Self { domain, round, commitments })
    }
}

/// A round that was recomputed from its inputs and found to be as the chain says.
#[derive(Debug)]
pub struct RecomputedRound {
    /// What the chain says.
    pub facts: RoundFacts,
    /// What follows from the inputs; none if the round was never revealed.
    pub outcome: Option<Outcome>,
}

/// What follows from a revealed round's inputs.
#[derive(Debug)]
pub struct Outcome {
    /// Of the beacon that drew the committees.
    pub randomness: Randomness,
    /// Of the beacon that chose one voter per subnet.
    pub dedupe_randomness: Randomness,
    /// Labels, majorities, rates, rewards.
    pub evaluation: RoundEvaluation,
}

/// Recomputes a round: its seed from the beacon, roots from roster and task list, labels and rewards from the batches.
///
/// # Errors
/// [`VerifyError::Contradiction`] names the first thing that differs from the chain; the other errors name what is
/// missing or damaged.
pub fn recompute_round<B: BeaconSource>(
    facts: RoundFacts,
    store: &dyn Store,
    beacons: &Verified<B>,
) -> Result<RecomputedRound> {
    let number = facts.round.number;
    let Some(seed) = facts.round.seed else {
        return Ok(RecomputedRound { facts, outcome: None });
    };
    let randomness_of = |beacon_round| {
        beacons.randomness(beacon_round).map_err(|source| VerifyError::Beacon { round: number, source })
    };
    let randomness = randomness_of(facts.round.beacon_round)?;
    let derived = Seed::derive(facts.domain.chain_id, facts.domain.rounds, number, randomness);
    compare(|| format!("the seed of round {number}"), derived, seed)?;
    let dedupe_randomness = randomness_of(facts.round.dedupe_beacon_round)?;

    let roster: Roster = load_list(store, number, "roster", &facts.round.roster, Roster::parse)?;
    check_list(number, "roster", &facts.round.roster, roster.root(), roster.count())?;
    let tasks: TaskList = load_list(store, number, "task list", &facts.round.tasks, TaskList::parse)?;
    check_list(number, "task list", &facts.round.tasks, tasks.root(), tasks.count())?;

    let mut batches = Vec::with_capacity(facts.commitments.len());
    for (index, commitment) in facts.commitments.iter().enumerate() {
        let content = load(store, &commitment.cid, || format!("batch {index} of round {number}"))?;
        let batch = ndjson::parse_batch(number, &content);
        tracing::info!(round = number.0, batch = index, rows = batch.rows.len(), "batch read");
        batches.push(CommittedBatch { cid: commitment.cid, declared: commitment.count, batch });
    }
    let input = RoundInput {
        round: number,
        domain: facts.domain,
        parameters: facts.round.parameters,
        seed,
        dedupe_randomness,
        roster: &roster,
        tasks: &tasks,
    };
    let evaluation = evaluate_round(&input, &batches);
    Ok(RecomputedRound { facts, outcome: Some(Outcome { randomness, dedupe_randomness, evaluation }) })
}

/// Fetches a file, and says whose it is if it cannot be had.
pub(crate) fn load(store: &dyn Store, cid: &FileCid, what: impl FnOnce() -> String) -> Result<Vec<u8>> {
    store.get(cid).map_err(|source| VerifyError::Store { what: what(), source })
}

fn load_list<T>(
    store: &dyn Store,
    round: RoundNumber,
    name: &str,
    committed: &ListCommitment,
    parse: impl FnOnce(&[u8]) -> Result<T, ListError>,
) -> Result<T> {
    let what = || format!("the {name} of round {round}");
    let content = load(store, &committed.cid, what)?;
    parse(&content).map_err(|source| VerifyError::List { what: what(), cid: committed.cid, source })
}

fn check_list(
    round: RoundNumber,
    name: &str,
    committed: &ListCommitment,
    root: assize_protocol::B256,
    count: u32,
) -> Result<()> {
    let file = format!("the {name} of round {round} ({})", committed.cid);
    compare(|| format!("the Merkle root of {file}"), root, committed.root)?;
    compare(|| format!("the length of {file}"), count, committed.count)
}
