//! The settlement, signed and posted, and what is paid from it.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use assize_chain::{Proposal, SettlementId};
use assize_outbox::{Outbox, Policy};
use assize_payout::{
    Allocations, BatchPolicy, DenyList, History, PayoutPolicy, Planner, Scheduler, Why, claim_one,
};
use assize_protocol::{FileCid, RoundNumber};
use assize_stats::add_rounds;
use assize_store::Store;
use assize_testkit::network::Network;
use assize_verify::{EvaluatedRange, evaluate_next};
use eyre::{OptionExt, ensure};

use super::Beacons;
use super::actors::Actors;
use super::report::{Claimed, Money};
use super::stage::{Progress, Stage};
use assize_cli::connect::PATIENCE;
use assize_cli::output::fil;

/// Least payout, attoFIL.
const FLOOR: u128 = 6_000_000_000_000_000;
/// Payouts in a batch; few, so that there are several batches.
const BATCH: usize = 40;

/// What was settled.
pub(super) struct Settled {
    pub id: SettlementId,
    pub cid: FileCid,
    pub proposal: Proposal,
    pub signatures: usize,
    pub active_at: u64,
}

/// Lets three evaluators recompute everything, posts the settlement with two signatures, and lets the window pass.
pub(super) async fn settle(
    stage: &mut Stage,
    actors: &Actors,
    beacons: &Beacons,
    rounds: &[RoundNumber],
    progress: &mut Progress,
) -> eyre::Result<(EvaluatedRange, Settled)> {
    let last = *rounds.last().ok_or_eyre("no rounds")?;
    let over = stage.network.rounds.round(last).await?.commits_until;
    stage.anvil.mine_at(over + 1)?;

    let mut evaluated: Option<EvaluatedRange> = None;
    let mut signatures = BTreeMap::new();
    for evaluator in &actors.evaluators {
        let chain = &stage.network;
        let (chain, own) =
            evaluate_next(&chain.rounds, &chain.rewards, &stage.store, beacons, Some(last)).await?;
        let document = own.document.to_bytes();
        add_rounds(&stage.files.path("rates.json"), &stage.store, &chain, &own.rounds)?;
        if let Some(first) = &evaluated {
            ensure!(
                first.document.to_bytes() == document,
                "two evaluators computed different settlements"
            );
        }
        let proposal = own.document.proposal();
        let message = stage.network.rewards.message_of(&proposal).await?;
        signatures.insert(evaluator.address(), message.sign(evaluator).await?);
        evaluated = Some(own);
    }
    let evaluated = evaluated.ok_or_eyre("no evaluators")?;
    progress.done(format!(
        "{} evaluators recomputed all rounds, and signed the same settlement",
        signatures.len()
    ));

    let document = evaluated.document.to_bytes();
    stage.files.write("settlement.json", &document)?;
    let cid = stage.store.put(&document)?;
    let proposal = evaluated.document.proposal();
    signatures.pop_last();
    let post = stage.network.rewards.post(&proposal, &signatures);
    stage
        .transact("post a settlement", &actors.scheduler, &post)
        .await?;
    let id = stage
        .network
        .rewards
        .head()
        .await?
        .ok_or_eyre("posted, but there is no settlement")?;
    let active_at = stage.network.rewards.settlement(id).await?.active_at;
    stage.anvil.mine_at(active_at)?;
    progress.done(format!(
        "settlement {id} posted with {} signatures; the challenge window has passed",
        signatures.len()
    ));
    Ok((
        evaluated,
        Settled {
            id,
            cid,
            proposal,
            signatures: signatures.len(),
            active_at,
        },
    ))
}

/// One operator claims by itself; the scheduler pays the rest.
pub(super) async fn pay(
    stage: &mut Stage,
    actors: &Actors,
    network: &Network,
    evaluated: &EvaluatedRange,
    settled: &Settled,
    progress: &mut Progress,
) -> eyre::Result<Money> {
    let rewards = stage.network.rewards.clone();
    let settlement = rewards.settlement(settled.id).await?;
    let allocations = Allocations::new(evaluated.document.allocations.clone());
    let operator = actors.operator.address();
    let by_hand = claim_one(
        &rewards,
        &settlement,
        &allocations,
        operator,
        &actors.operator,
        PATIENCE,
    )
    .await?;
    stage.record_gas("claim by hand", by_hand.receipt.gas_used);
    progress.done(format!(
        "operator {operator} claimed {} FIL by itself",
        fil(by_hand.amount)
    ));

    let outbox = Outbox::open(
        &stage.files.path("scheduler.sqlite"),
        stage.network.client.clone(),
        actors.scheduler.clone(),
        Policy::local(),
    )?;
    let policy = PayoutPolicy {
        floor: FLOOR,
        floor_gone_after_days: 0,
        batch: BatchPolicy {
            payouts: BATCH,
            ..BatchPolicy::default()
        },
        ..PayoutPolicy::default()
    };
    let planner = Planner {
        rewards: rewards.clone(),
        policy,
        denied: DenyList::default(),
    };
    let mut scheduler = Scheduler::new(planner, History::in_memory()?, outbox);
    let paid = scheduler.run_once(&settlement, &allocations).await?;
    let below_floor = paid
        .held
        .iter()
        .filter(|held| matches!(held.why, Why::BelowFloor { .. }));
    let below_floor = below_floor.count();
    for batch in &paid.batches {
        stage.record_gas("pay a batch of operators", batch.gas_used);
    }
    progress.done(format!(
        "{} operators paid in {} batches; {} rejected the payment",
        paid.paid.len(),
        paid.batches.len(),
        paid.refused.len()
    ));
    let refusing: Vec<Address> = paid.refused.iter().map(|refused| refused.operator).collect();
    ensure!(
        network
            .stations()
            .iter()
            .any(|station| refusing.contains(&station.operator)),
        "the contract that rejects payments was not among those to be paid; try another --seed"
    );

    let deposited = rewards.total_deposited().await?;
    let claimed = rewards.total_claimed().await?;
    let left = rewards.balance().await?;
    ensure!(
        deposited == claimed + left,
        "FIL in {deposited} is not FIL paid {claimed} + FIL left {left}"
    );
    Ok(Money {
        deposited: deposited.to_string(),
        granted: settled.proposal.cumulative_total.to_string(),
        paid: claimed.to_string(),
        left: left.to_string(),
        floor: FLOOR.to_string(),
        operators_paid: paid.paid.len(),
        operators_below_floor: below_floor,
        claimed_by_hand: Claimed {
            operator,
            amount: by_hand.amount.to_string(),
        },
        refused: paid
            .refused
            .iter()
            .map(|refused| Claimed {
                operator: refused.operator,
                amount: refused.amount.to_string(),
            })
            .collect(),
    })
}
