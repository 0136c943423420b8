//! Two evaluators grant everything to a thief, and try again after the veto.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use assize_chain::{Draft, SettlementId, Status};
use assize_cli::connect::PATIENCE;
use assize_evaluate::SettlementDocument;
use assize_protocol::{Allocation, RoundNumber};
use assize_store::Store;
use assize_verify::evaluate_next;
use eyre::{OptionExt, bail, ensure};

use crate::up::environment::Environment;
use crate::up::network::Processes;
use crate::up::screen::State;

const ROUND: RoundNumber = RoundNumber(1);
const THIEF: Address = Address::repeat_byte(0x7f);

#[derive(Default)]
pub(in crate::up) struct Theft {
    stage: Stage,
    /// What the chain says of the second try.
    refusal: String,
}

#[derive(Default)]
enum Stage {
    #[default]
    Waiting,
    /// The honest programs are held, so that the thieves are first.
    Held,
    Posted(SettlementId, Box<Draft>),
    Over(SettlementId),
}

impl Theft {
    pub(super) async fn step(
        &mut self,
        environment: &Environment,
        processes: &mut Processes,
        state: &State,
    ) -> eyre::Result<()> {
        let rewards = &environment.network.rewards;
        match &self.stage {
            Stage::Waiting => {
                if state
                    .round
                    .as_ref()
                    .is_some_and(|round| state.now >= round.closes_at)
                {
                    processes
                        .evaluators
                        .iter()
                        .try_for_each(|evaluator| evaluator.pause())?;
                    self.stage = Stage::Held;
                }
            }
            Stage::Held => {
                let over = environment.network.rounds.round(ROUND).await?.times.dedupe_from;
                if state.now > over {
                    let posted = post(environment).await;
                    processes
                        .evaluators
                        .iter()
                        .try_for_each(|evaluator| evaluator.resume())?;
                    let (id, draft) = posted?;
                    self.stage = Stage::Posted(id, Box::new(draft));
                }
            }
            Stage::Posted(id, draft) => {
                let (id, status) = (*id, rewards.settlement(*id).await?.status);
                ensure!(
                    status != Status::Active,
                    "the theft became active: settlement {id}"
                );
                if status == Status::Void {
                    let anybody = environment.keys.signer("depositor", 0)?;
                    let again = environment
                        .network
                        .client
                        .transact(&anybody, draft, PATIENCE)
                        .await;
                    match again {
                        Ok(_) => bail!("the vetoed settlement was posted again"),
                        Err(error) => self.refusal = error.to_string(),
                    }
                    self.stage = Stage::Over(id);
                }
            }
            Stage::Over(_) => {}
        }
        Ok(())
    }

    /// The theft is void, its signatures are worth nothing, and the thief has nothing.
    pub(super) async fn outcome(&self, environment: &Environment) -> eyre::Result<String> {
        let Stage::Over(id) = self.stage else {
            bail!("the theft was not vetoed in time");
        };
        let stolen = environment.network.rewards.claimed(THIEF).await?;
        ensure!(stolen.is_zero(), "the thief has {stolen} FIL");
        Ok(format!(
            "settlement {id} was vetoed by the guardian; posting it again: {}",
            self.refusal
        ))
    }
}

/// Posts a settlement of the first round that grants all to the thief, with two evaluators' genuine signatures.
async fn post(environment: &Environment) -> eyre::Result<(SettlementId, Draft)> {
    let network = &environment.network;
    let (rounds, rewards) = (&network.rounds, &network.rewards);
    let store = environment.store()?;
    let (_, honest) = evaluate_next(
        rounds,
        rewards,
        &store,
        &|_, _| None,
        &environment.beacons,
        Some(ROUND),
    )
    .await?;
    let mut document: SettlementDocument = honest.document;
    let total = document.cumulative_total;
    let sheet = document
        .allocations
        .first()
        .ok_or_eyre("nobody has earned anything")?
        .sheet;
    document.allocations = vec![Allocation {
        operator: THIEF,
        cumulative: total,
        running: total,
        grown: total,
        reports: 1,
        sheet,
    }];
    document.root = document.rewards_tree().root();
    store.put(&document.to_bytes())?;
    let number = SettlementId(rewards.settlement_count().await? + 1);
    let proposal = document.proposal();
    let message = rewards.message_of(number, &proposal).await?;
    let mut signatures = BTreeMap::new();
    for index in 0..2 {
        let evaluator = environment.keys.signer("evaluator", index)?;
        signatures.insert(evaluator.address(), message.sign(&evaluator).await?);
    }
    let draft = rewards.post(number, &proposal, &signatures);
    let anybody = environment.keys.signer("depositor", 0)?;
    network.client.transact(&anybody, &draft, PATIENCE).await?;
    Ok((number, draft))
}
