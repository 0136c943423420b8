//! Spark's real operator balances, most of which were never paid, paid exactly on a real anvil.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed test panics, and its figures are wanted"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use alloy_primitives::keccak256;
use assize_chain::Address;
use assize_facts::Proposal;
use assize_keys::Signer;
use assize_measurement::unixfs::file_cid;
use assize_outbox::{Outbox, Policy};
use assize_payout::{
    Allocations, DenyList, GasShare, History, HoldReason, PayoutPolicy, PayoutReport, Planner, Scheduler,
    claim_one,
};
use assize_protocol::AttoFil;
use assize_testkit::fixtures;
use assize_testkit::settled::allocations;
use assize_testkit::world::{World, WorldPlan};

/// The threshold that only 106 of 15 390 operators ever reached.
const SPARKS_FLOOR: AttoFil = AttoFil::new(100_000_000_000_000_000);

#[tokio::test(flavor = "multi_thread")]
async fn sparks_balances_are_paid_to_the_attofil() {
    let balances = fixtures::spark_balances().unwrap();
    let total = AttoFil::checked_sum(balances.values().copied()).unwrap();
    assert_eq!(total, AttoFil::new(160_637_318_630_739_297_515));
    let owed: BTreeMap<_, _> = balances.iter().filter(|(_, amount)| !amount.is_zero()).collect();

    let begun = Instant::now();
    let world = World::start_with(WorldPlan {
        budget: total,
        ..WorldPlan::default()
    })
    .await
    .unwrap();
    world.open_round().await.unwrap();
    let document = world.document(&balances).await.unwrap();
    let settlement = world.post(&document, true).await.unwrap();
    let allocations = Allocations::new(document.allocations.clone());
    let settled = begun.elapsed();

    let mut before = BTreeMap::new();
    for operator in owed.keys() {
        before.insert(
            **operator,
            world.rewards.client().balance(**operator).await.unwrap(),
        );
    }
    let payer = Signer::from_bytes(&world.anvil.dev_key(3)).unwrap();
    let planner = |policy: PayoutPolicy| Planner {
        rewards: world.rewards.clone(),
        policy,
        denied: DenyList::default(),
    };
    let pay = async |planner: Planner, state: &std::path::Path| -> PayoutReport {
        let client = world.rewards.client().clone();
        let outbox = Outbox::open(state, client, payer.clone(), Policy::local()).unwrap();
        let mut scheduler = Scheduler::new(planner, History::in_memory().unwrap(), outbox);
        scheduler.run_once(&settlement, &allocations).await.unwrap()
    };
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("queue.sqlite");

    // With Spark's floor, almost no operator is paid.
    let stubborn = PayoutPolicy {
        floor: SPARKS_FLOOR,
        floor_gone_after_days: 0,
        ..PayoutPolicy::default()
    };
    let first = pay(planner(stubborn), &state).await;
    assert_eq!(
        first.paid.len(),
        balances
            .values()
            .filter(|amount| **amount >= SPARKS_FLOOR)
            .count()
    );
    assert!(first.held.iter().all(|held| matches!(
        held.why,
        HoldReason::BelowFloor { .. } | HoldReason::GasTooExpensive
    )));

    // With a floor that has fallen to zero, every operator is paid.
    let paying = Instant::now();
    let generous = PayoutPolicy {
        floor: AttoFil::ZERO,
        max_gas_share: GasShare::ALL,
        ..PayoutPolicy::default()
    };
    let planner = planner(generous);
    let history = History::in_memory().unwrap();
    let plan = planner
        .plan(
            &settlement,
            &allocations,
            &history,
            payer.address(),
            settlement.active_at,
        )
        .await
        .unwrap();
    let calldata: usize = plan
        .batches
        .iter()
        .map(|batch| batch.call.draft(&world.rewards, settlement.id).input.len())
        .sum();
    let rest = pay(planner, &state).await;
    let seconds = paying.elapsed();
    assert_eq!(first.paid.len() + rest.paid.len(), owed.len());
    assert_eq!((rest.refused.len(), rest.held.len()), (0, 0));
    for (operator, amount) in &owed {
        let now = world.rewards.client().balance(**operator).await.unwrap();
        assert_eq!(now.checked_sub(before[*operator]), Some(**amount), "{operator}");
    }
    assert_eq!(world.rewards.total_claimed().await.unwrap(), total);
    assert_eq!(world.rewards.balance().await.unwrap(), AttoFil::ZERO);

    let gas: u64 = rest.batches.iter().map(|batch| batch.gas_used).sum();
    eprintln!(
        "distribution: {} operators in {} batches, {} gas and {} bytes of call data each; settled in {:.1} s, paid in {:.1} s",
        rest.paid.len(),
        rest.batches.len(),
        gas / rest.paid.len() as u64,
        calldata / rest.paid.len(),
        settled.as_secs_f64(),
        seconds.as_secs_f64()
    );
}

/// A tree of depth 20, of which one operator is paid on chain.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_a_million_operators_claims() {
    const OPERATORS: u32 = 1_000_000;
    let operator = |n: u32| Address::from_word(keccak256(n.to_be_bytes()));
    let cumulative: BTreeMap<_, _> = (0..OPERATORS)
        .map(|n| (operator(n), AttoFil::new(u128::from(n) + 1)))
        .collect();
    let total = AttoFil::checked_sum(cumulative.values().copied()).unwrap();
    let allocations = Allocations::new(allocations(&cumulative, &[]));
    let lucky = operator(777_777);
    assert_eq!(allocations.claim(lucky).unwrap().proof.len(), 20);

    let world = World::start_with(WorldPlan {
        budget: total,
        ..WorldPlan::default()
    })
    .await
    .unwrap();
    let round = world.open_round().await.unwrap();
    let proposal = Proposal {
        parent: None,
        first_round: round,
        last_round: round,
        root: allocations.root(),
        operators: allocations.count(),
        cumulative_total: total,
        drops: 0,
        cid: file_cid(b"a document of a million"),
    };
    let settlement = world.post_proposal(&proposal, true).await.unwrap();
    let patience = Duration::from_secs(30);
    let paid = claim_one(
        &world.rewards,
        &settlement,
        &allocations,
        lucky,
        world.owner(),
        patience,
    )
    .await
    .unwrap();
    assert_eq!(paid.amount, AttoFil::new(777_778));
    assert_eq!(
        world.rewards.client().balance(lucky).await.unwrap(),
        AttoFil::new(777_778)
    );
    eprintln!(
        "distribution: {} gas for a claim of depth 20",
        paid.receipt.gas_used
    );
}
