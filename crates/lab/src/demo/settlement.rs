//! The settlement: evaluated, signed, posted and paid.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use assize_chain::{Proposal, SettlementId};
use assize_outbox::{Outbox, Policy};
use assize_payout::{
    Allocations, BatchPolicy, DenyList, History, HoldReason, PayoutPolicy, Planner, Scheduler, claim_one,
};
use assize_protocol::{AttoFil, FileCid, RoundNumber};
use assize_stats::add_rounds;
use assize_store::Store;
use assize_testkit::network::Network;
use assize_verify::{EvaluatedRange, Evidence, Reading, read_next_settlement};
use eyre::{OptionExt, ensure};

use super::Beacons;
use super::environment::{Environment, Progress};
use super::report::{Claimed, Money};
use super::roles::Roles;
use assize_cli::connect::PATIENCE;

/// Minimum payout.
const FLOOR: AttoFil = AttoFil::new(6_000_000_000_000_000);
/// Payouts in a batch; small, so that there are several batches.
const BATCH: usize = 40;

/// The posted settlement.
pub(super) struct Settled {
    pub id: SettlementId,
    pub cid: FileCid,
    pub proposal: Proposal,
    pub signatures: usize,
    pub active_at: u64,
}

/// Three evaluators recompute all rounds; the settlement is posted with two signatures, and its challenge window passes.
pub(super) async fn settle(
    environment: &mut Environment,
    roles: &Roles,
    beacons: &Beacons,
    rounds: &[RoundNumber],
    progress: &mut Progress,
) -> eyre::Result<(EvaluatedRange, Settled)> {
    let last = *rounds.last().ok_or_eyre("no rounds")?;
    let over = environment.network.rounds.round(last).await?.times.dedupe_from;
    environment.anvil.mine_at(over + 1)?;

    let mut evaluated: Option<EvaluatedRange> = None;
    let mut signatures = BTreeMap::new();
    for evaluator in &roles.evaluators {
        let chain = &environment.network;
        let (Reading { facts: chain, own }, range) =
            read_next_settlement(&chain.rounds, &chain.rewards, Some(last)).await?;
        let range = range.ok_or_eyre("nothing to settle")?;
        let evidence = Evidence {
            chain: &chain,
            own: &own,
            store: &environment.store,
            elsewhere: &|_, _| None,
            beacons,
            progress: &|_| {},
        };
        // The report tells what became of every measurement.
        let own = evidence.evaluate_range_in_full(range.first, range.last, range.parent)?;
        let document = own.document.to_bytes();
        add_rounds(
            &environment.files.path("rates.json"),
            &environment.store,
            &chain,
            &own.rounds,
        )?;
        if let Some(first) = &evaluated {
            ensure!(
                first.document.to_bytes() == document,
                "two evaluators computed different settlements"
            );
        }
        let proposal = own.document.proposal();
        let message = environment.network.rewards.message_of(FIRST, &proposal).await?;
        signatures.insert(evaluator.address(), message.sign(evaluator).await?);
        evaluated = Some(own);
    }
    let evaluated = evaluated.ok_or_eyre("no evaluators")?;
    progress.done(format!(
        "{} evaluators recomputed all rounds and signed the same settlement",
        signatures.len()
    ));

    let document = evaluated.document.to_bytes();
    environment.files.write("settlement.json", &document)?;
    let cid = environment.store.put(&document)?;
    let proposal = evaluated.document.proposal();
    signatures.pop_last();
    let post = environment.network.rewards.post(FIRST, &proposal, &signatures);
    environment
        .transact("post a settlement", &roles.scheduler, &post)
        .await?;
    let id = environment
        .network
        .rewards
        .head()
        .await?
        .ok_or_eyre("the posted settlement is not on the chain")?;
    let active_at = environment.network.rewards.settlement(id).await?.active_at;
    environment.anvil.mine_at(active_at)?;
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

/// The number of the demo's only settlement.
const FIRST: SettlementId = SettlementId(1);

/// One operator claims its own rewards; the scheduler pays the others.
pub(super) async fn pay(
    environment: &mut Environment,
    roles: &Roles,
    network: &Network,
    evaluated: &EvaluatedRange,
    settled: &Settled,
    progress: &mut Progress,
) -> eyre::Result<Money> {
    let rewards = environment.network.rewards.clone();
    let settlement = rewards.settlement(settled.id).await?;
    let allocations = Allocations::new(evaluated.document.allocations.clone());
    let operator = roles.operator.address();
    let by_hand = claim_one(
        &rewards,
        &settlement,
        &allocations,
        operator,
        &roles.operator,
        PATIENCE,
    )
    .await?;
    environment.record_gas("claim by hand", by_hand.receipt.gas_used);
    progress.done(format!(
        "operator {operator} claimed {} FIL",
        by_hand.amount.short()
    ));

    let outbox = Outbox::open(
        &environment.files.path("scheduler.sqlite"),
        environment.network.client.clone(),
        roles.scheduler.clone(),
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
        .filter(|held| matches!(held.why, HoldReason::BelowFloor { .. }));
    let below_floor = below_floor.count();
    for batch in &paid.batches {
        environment.record_gas("pay a batch of operators", batch.gas_used);
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
        "no payment was due to the contract that rejects payments; try another --seed"
    );

    let deposited = rewards.total_deposited().await?;
    let claimed = rewards.total_claimed().await?;
    let left = rewards.balance().await?;
    ensure!(
        deposited.checked_sub(claimed) == Some(left),
        "deposited {deposited} differs from paid {claimed} + left {left}"
    );
    Ok(Money {
        deposited,
        granted: settled.proposal.cumulative_total,
        paid: claimed,
        left,
        floor: FLOOR,
        operators_paid: paid.paid.len(),
        operators_below_floor: below_floor,
        claimed_by_hand: Claimed {
            operator,
            amount: by_hand.amount,
        },
        refused: paid
            .refused
            .iter()
            .map(|refused| Claimed {
                operator: refused.operator,
                amount: refused.amount,
            })
            .collect(),
    })
}
