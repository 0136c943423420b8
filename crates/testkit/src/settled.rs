//! Settlements of arbitrary allocations on the chain of a [`World`].

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use assize_evaluate::{
    Accepted, DOCUMENT_VERSION, Parent, ParentReference, Reward, RoundEvaluation, RoundFacts,
    SettlementDocument, SuccessRates, settle,
};
use assize_facts::{Contracts, Draw};
use assize_facts::{Proposal, Settlement, SettlementId};
use assize_protocol::{AttoFil, BeaconRound, CommitteeIndex, RoundNumber, StationIndex, TaskNumber};
use serde_json::{Value, json};

use crate::world::{World, WorldError};

impl World {
    /// A document with exactly these cumulative amounts, for the rounds from the parent's last to the
    /// newest. Without a parent, all of it is the reward of one measurement of the newest round: then the amounts must
    /// sum up to the round's budget, and there may be only one round.
    ///
    /// # Errors
    /// [`WorldError::Document`] if the amounts do not form a document; chain errors.
    pub async fn document(
        &self,
        parent: Option<(&Settlement, &SettlementDocument)>,
        amounts: &BTreeMap<Address, AttoFil>,
    ) -> Result<SettlementDocument, WorldError> {
        let first = parent.map_or(1, |(settlement, _)| settlement.proposal.last_round.0 + 1);
        let last = self.rounds.latest_round().await?.map_or(0, |round| round.0);
        let mut rounds = Vec::new();
        for number in (first..=last).map(RoundNumber) {
            let rewarded = parent.is_none() && number.0 == last;
            rounds.push(self.evaluated(number, rewarded).await?);
        }
        let parent = parent.map(|(settlement, document)| Parent {
            settlement: settlement.id.0,
            document,
        });
        let nonsense = |reason: String| WorldError::Document { reason };
        let mut document =
            settle(self.contracts(), parent, &rounds).map_err(|error| nonsense(error.to_string()))?;
        document.allocations = amounts
            .iter()
            .filter(|(_, amount)| !amount.is_zero())
            .map(|(k, v)| (*k, *v))
            .collect();
        document.cumulative_total = AttoFil::saturating_sum(document.allocations.values().copied());
        document.root = document.reward_tree().root();
        let document = if document.accepted.is_empty() {
            document
        } else {
            with_one_measurement(&document).map_err(|error| nonsense(error.to_string()))?
        };
        SettlementDocument::parse(&document.to_bytes()).map_err(|error| nonsense(error.to_string()))
    }

    /// The frozen inputs of a round, and an evaluation that rewards one measurement or none.
    async fn evaluated(
        &self,
        number: RoundNumber,
        rewarded: bool,
    ) -> Result<(RoundFacts, RoundEvaluation), WorldError> {
        let round = self.rounds.round(number).await?;
        let randomness = |round: BeaconRound| self.beacon(round).randomness();
        let drawn = randomness(round.beacon_round);
        let draw = Draw {
            randomness: drawn,
            seed: self.contracts().seed(number, drawn),
            dedupe_randomness: randomness(round.dedupe_beacon_round),
        };
        let facts = RoundFacts::new(&round, Some(draw));
        let accepted = Accepted {
            round: number,
            station: StationIndex(0),
            committee: CommitteeIndex(0),
            k: TaskNumber(0),
        };
        let accepted: Vec<Accepted> = rewarded.then_some(accepted).into_iter().collect();
        let evaluation = RoundEvaluation {
            committees: 1,
            tasks_per_committee: 1,
            reward: Reward::share(round.parameters.budget, accepted.len() as u64),
            accepted,
            ..RoundEvaluation::default()
        };
        Ok((facts, evaluation))
    }

    /// Opens a round and posts a settlement with these cumulative amounts; deposits what it needs. Its document
    /// contains no rounds: recomputing it fails, but claims do not need them. It grows by at most a round's budget.
    ///
    /// # Errors
    /// Chain errors.
    pub async fn settle(
        &self,
        amounts: &BTreeMap<Address, AttoFil>,
    ) -> Result<(SettlementId, Vec<u8>), WorldError> {
        let last_round = self.open_round().await?;
        let parent = match self.rewards.head().await? {
            Some(id) => Some(self.rewards.settlement(id).await?),
            None => None,
        };
        let mut document = SettlementDocument {
            version: DOCUMENT_VERSION,
            contracts: self.contracts(),
            parent: parent.map(|parent| ParentReference {
                settlement: parent.id.0,
                cid: parent.proposal.cid,
            }),
            first_round: RoundNumber(parent.map_or(1, |parent| parent.proposal.last_round.0 + 1)),
            last_round,
            rounds: Vec::new(),
            rates: SuccessRates::default(),
            allocations: amounts.clone(),
            cumulative_total: AttoFil::saturating_sum(amounts.values().copied()),
            root: B256::ZERO,
            accepted: Vec::new(),
            accepted_root: B256::ZERO,
        };
        document.root = document.reward_tree().root();
        let settlement = self.post(&document, false).await?;
        Ok((settlement.id, document.to_bytes()))
    }

    fn contracts(&self) -> Contracts {
        Contracts {
            chain_id: self.deployment.chain_id,
            rounds: self.deployment.rounds,
            rewards: self.deployment.rewards,
        }
    }

    /// As [`World::post_proposal`], for a document.
    ///
    /// # Errors
    /// Chain errors.
    pub async fn post(&self, document: &SettlementDocument, active: bool) -> Result<Settlement, WorldError> {
        self.post_proposal(&document.proposal(), active).await
    }

    /// Deposits the necessary amount, posts a settlement with the evaluator's signature and, if `active`, lets its
    /// challenge window pass.
    ///
    /// # Errors
    /// Chain errors.
    pub async fn post_proposal(&self, proposal: &Proposal, active: bool) -> Result<Settlement, WorldError> {
        self.finish(proposal.last_round).await?;
        let deposited = self.rewards.total_deposited().await?;
        let missing = proposal.cumulative_total.saturating_sub(deposited);
        if !missing.is_zero() {
            self.send(&self.rewards.deposit(missing)).await?;
        }
        let id = SettlementId(self.rewards.settlement_count().await? + 1);
        let message = self.rewards.message_of(id, proposal).await?;
        let signature = message.sign(self.owner()).await?;
        let signatures = BTreeMap::from([(self.owner().address(), signature)]);
        self.send(&self.rewards.post(id, proposal, &signatures)).await?;
        if active {
            let active_at = self.rewards.settlement(id).await?.active_at;
            self.anvil.mine_at(active_at)?;
        }
        Ok(self.rewards.settlement(id).await?)
    }
}

/// The document with one judged and rewarded measurement of a provider.
fn with_one_measurement(document: &SettlementDocument) -> Result<SettlementDocument, serde_json::Error> {
    let mut value: Value = serde_json::to_value(document)?;
    let last = document.rounds.len() - 1;
    let round = &mut value["rounds"][last];
    round["labels"]["OK"] = json!(1);
    round["verdicts"]["MAJORITY_RESULT"] = json!(1);
    let cid = round["roster"]["cid"].clone();
    round["commitments"] = json!([{"cid": cid, "declared": 1, "lines": 1, "invalid": 0}]);
    let verdicts = round["verdicts"].clone();
    value["rates"]["providers"] =
        json!([{"id": "f01000", "total": 1, "successful": 1, "successfulHttp": 1, "verdicts": verdicts}]);
    serde_json::from_value(value)
}
