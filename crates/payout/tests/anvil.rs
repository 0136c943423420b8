//! Payouts against a real anvil with the real contracts: every operator is paid once, whatever happens in between.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use alloy_primitives::hex;
use assize_chain::{Address, ChainClient, Draft, Payment, Rewards};
use assize_facts::{Proposal, Settlement, Status};
use assize_keys::Signer;
use assize_outbox::{Boundary, Outbox, OutboxError, Policy};
use assize_payout::{
    Allocations, BatchPolicy, DenyList, Documents, GasShare, History, HoldReason, PayoutDaemon, PayoutError,
    PayoutPolicy, PayoutReport, Planner, Scheduler, claim_one,
};
use assize_protocol::{AttoFil, Codec, FileCid, PayoutAddress, RoundNumber};
use assize_service::Daemon;
use assize_store::LocalStore;
use assize_testkit::anvil::CHAIN_ID;
use assize_testkit::fault::{Estimates, FaultNode, Faults};
use assize_testkit::settled;
use assize_testkit::world::WorldPlan;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(30);
const FLOOR: AttoFil = AttoFil::new(1_000);
/// One attoFIL less.
const TOO_LITTLE: AttoFil = AttoFil::new(999);
/// Creation code of a contract that always reverts: runtime `5f5ffd`.
const REFUSES_MONEY: [u8; 11] = hex!("625f5ffd5f526003601df3");

struct World {
    base: assize_testkit::world::World,
    /// The sender of payouts.
    payer: Signer,
    refuser: Address,
    /// Further operators, each of which is granted the least amount that is paid.
    more: Vec<Address>,
}

impl std::ops::Deref for World {
    type Target = assize_testkit::world::World;

    fn deref(&self) -> &Self::Target {
        &self.base
    }
}

impl World {
    /// A chain on which round 1 is over, nothing is settled and the pool is filled.
    async fn new() -> Self {
        Self::granting_more(&[]).await
    }

    async fn granting_more(more: &[Address]) -> Self {
        let base = assize_testkit::world::World::start_with(WorldPlan {
            budget: AttoFil::new(1_000_000),
            ..WorldPlan::default()
        })
        .await
        .unwrap();
        let payer = base.evaluator(0).unwrap();
        let refuser = Draft::create("refusing contract", REFUSES_MONEY.to_vec());
        let refuser = base.send(&refuser).await.unwrap().contract_address.unwrap();
        let deposit = base.rewards.deposit(AttoFil::new(1_000_000));
        base.send(&deposit).await.unwrap();
        base.open_round().await.unwrap();
        Self {
            base,
            payer,
            refuser,
            more: more.to_vec(),
        }
    }

    /// Six operators that are paid, one that rejects, one with too small an amount.
    fn allocations(&self) -> Allocations {
        let mut cumulative: BTreeMap<_, _> = (1..=6_u8).map(|n| (operator(n), granted(n))).collect();
        cumulative.insert(self.refuser, AttoFil::new(50_000));
        cumulative.insert(operator(7), TOO_LITTLE);
        cumulative.extend(self.more.iter().map(|operator| (*operator, FLOOR)));
        Allocations::new(settled::allocations(&cumulative, &[]))
    }

    /// Posts the settlement; it is in its challenge window.
    async fn post(&self) -> Settlement {
        let proposal = Proposal {
            parent: None,
            first_round: RoundNumber(1),
            last_round: RoundNumber(1),
            root: self.allocations().root(),
            operators: self.allocations().count(),
            cumulative_total: AttoFil::new(210_000 + 50_000 + 999 + 1_000 * self.more.len() as u128),
            drops: 0,
            cid: some_cid(),
        };
        self.post_proposal(&proposal, false).await.unwrap()
    }

    async fn settle(&self) -> Settlement {
        let pending = self.post().await;
        self.anvil.mine_at(pending.active_at).unwrap();
        self.rewards.newest_active().await.unwrap().unwrap()
    }

    fn client(&self) -> &ChainClient {
        self.rewards.client()
    }

    fn outbox(&self, state: &Path) -> Outbox {
        Outbox::open(state, self.client().clone(), self.payer.clone(), Policy::local()).unwrap()
    }

    fn scheduler(&self, state: &Path) -> Scheduler {
        self.scheduler_with(state, |_| ())
    }

    fn scheduler_with(&self, state: &Path, change: impl FnOnce(&mut Planner)) -> Scheduler {
        let mut planner = Planner {
            rewards: self.rewards.clone(),
            policy: PayoutPolicy {
                floor: FLOOR,
                floor_gone_after_days: 0,
                // Gas has anvil's price; the amounts here are small.
                max_gas_share: GasShare::ALL,
                batch: BatchPolicy {
                    payouts: 3,
                    ..BatchPolicy::default()
                },
                ..PayoutPolicy::default()
            },
            denied: DenyList::default(),
        };
        change(&mut planner);
        let history = History::open(&state.with_extension("history"), "this world").unwrap();
        Scheduler::new(planner, history, self.outbox(state))
    }

    /// A scheduler that pays all in one batch, by a node that estimates in this way.
    async fn scheduler_at(&self, node: &FaultNode, state: &Path) -> Scheduler {
        let url = node.url().parse().unwrap();
        let client = ChainClient::connect_to(&url, CHAIN_ID).await.unwrap();
        let planner = Planner {
            rewards: Rewards::new(client.clone(), self.rewards.address()),
            policy: PayoutPolicy {
                floor: FLOOR,
                floor_gone_after_days: 0,
                max_gas_share: GasShare::ALL,
                ..PayoutPolicy::default()
            },
            denied: DenyList::default(),
        };
        let outbox = Outbox::open(state, client, self.payer.clone(), Policy::local()).unwrap();
        Scheduler::new(planner, History::in_memory().unwrap(), outbox)
    }

    async fn pay(
        &self,
        scheduler: &mut Scheduler,
        settlement: &Settlement,
    ) -> Result<PayoutReport, PayoutError> {
        scheduler.run_once(settlement, &self.allocations()).await
    }

    fn name_payout_address(&self, operator: Address, recipient: Address) {
        let draft = self.rewards.set_payout_address(&PayoutAddress::Evm(recipient));
        let rpc = |method, params| self.anvil.rpc(method, params).unwrap();
        rpc("anvil_impersonateAccount", json!([operator]));
        self.anvil.set_balance(operator, AttoFil::from_fil(1)).unwrap();
        let call = json!({"from": operator, "to": self.rewards.address(), "data": draft.input});
        rpc("eth_sendTransaction", json!([call]));
    }

    /// Every operator has exactly what the settlement grants.
    async fn expect_paid_once(&self, case: &str) {
        for n in 1..=6_u8 {
            assert_eq!(
                self.client().balance(operator(n)).await.unwrap(),
                granted(n),
                "{case}, operator {n}"
            );
            assert_eq!(
                self.rewards.claimed(operator(n)).await.unwrap(),
                granted(n),
                "{case}, operator {n}"
            );
        }
        for unpaid in [self.refuser, operator(7)] {
            assert_eq!(
                self.client().balance(unpaid).await.unwrap(),
                AttoFil::ZERO,
                "{case}"
            );
            assert_eq!(
                self.rewards.claimed(unpaid).await.unwrap(),
                AttoFil::ZERO,
                "{case}"
            );
        }
        assert_eq!(
            self.rewards.total_claimed().await.unwrap(),
            AttoFil::new(210_000),
            "{case}"
        );
        assert_eq!(
            self.rewards.balance().await.unwrap(),
            AttoFil::new(1_000_000 - 210_000),
            "{case}"
        );
    }
}

/// What the first six operators have earned.
fn granted(n: u8) -> AttoFil {
    AttoFil::new(10_000 * u128::from(n))
}

fn operator(n: u8) -> Address {
    Address::repeat_byte(0xa0 + n)
}

fn some_cid() -> FileCid {
    FileCid {
        codec: Codec::Raw,
        digest: [5; 32],
    }
}

fn operators(payments: &[Payment]) -> Vec<Address> {
    let mut operators: Vec<_> = payments.iter().map(|payment| payment.operator).collect();
    operators.sort_unstable();
    operators
}

#[tokio::test]
async fn every_operator_is_paid_once_and_a_rejection_affects_no_other() {
    let world = World::new().await;
    let settlement = world.settle().await;
    let directory = tempfile::tempdir().unwrap();
    let mut scheduler = world.scheduler(&directory.path().join("state.sqlite"));

    let report = world.pay(&mut scheduler, &settlement).await.unwrap();
    assert_eq!(operators(&report.paid), (1..=6).map(operator).collect::<Vec<_>>());
    assert!(
        report
            .paid
            .iter()
            .any(|paid| paid.operator == operator(3) && paid.amount == AttoFil::new(30_000))
    );
    assert_eq!(operators(&report.refused), [world.refuser]);
    let [held] = report.held.as_slice() else {
        panic!("{:?}", report.held);
    };
    assert_eq!((held.payout.operator, held.payout.due), (operator(7), TOO_LITTLE));
    assert_eq!(held.why, HoldReason::BelowFloor { floor: FLOOR });
    // Seven claims, three to a batch.
    assert_eq!(report.batches.len(), 3);
    world.expect_paid_once("first run").await;

    // A day must pass before it is retried, so that it cannot waste gas forever.
    let again = world.pay(&mut scheduler, &settlement).await.unwrap();
    assert_eq!(
        (again.batches.len(), again.paid.len(), again.refused.len()),
        (0, 0, 0)
    );
    let mut refusing = again
        .held
        .iter()
        .filter(|held| matches!(held.why, HoldReason::RejectingAddress { refusals: 1, .. }));
    assert_eq!(
        refusing.next().map(|held| held.payout.operator),
        Some(world.refuser)
    );
    world.expect_paid_once("second run").await;

    // The rejected amount is still the operator's: once it has set another address, it is paid at once.
    world.name_payout_address(world.refuser, operator(8));
    let last = world.pay(&mut scheduler, &settlement).await.unwrap();
    assert_eq!(
        (operators(&last.paid), last.refused.len()),
        (vec![world.refuser], 0)
    );
    assert_eq!(
        world.client().balance(operator(8)).await.unwrap(),
        AttoFil::new(50_000)
    );
}

#[tokio::test]
async fn the_daemon_sleeps_no_longer_than_until_a_settlement_can_be_active() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let scheduler = world.scheduler(&directory.path().join("state.sqlite"));
    let store = LocalStore::open(directory.path().join("store")).unwrap();
    let documents = Documents::new(Box::new(store));
    let mut daemon = PayoutDaemon::new(scheduler, world.rounds.clone(), documents);
    let usual = Duration::from_secs(5);
    // Nothing is posted: what is posted now is active after the window of a minute.
    daemon.pay().await.unwrap();
    assert_eq!(daemon.pause(usual), Duration::from_secs(60));
    let pending = world.post().await;
    world.anvil.mine_at(pending.active_at - 20).unwrap();
    daemon.pay().await.unwrap();
    assert_eq!(daemon.pause(usual), Duration::from_secs(20));
}

/// A node as Filecoin has them.
fn node(world: &World, estimates: Estimates) -> FaultNode {
    let faults = Faults {
        estimates,
        nonce_gap_rule: true,
        replacement_rule: true,
        size_rule: true,
        ..Faults::none()
    };
    FaultNode::start(world.anvil.url(), faults).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_enough_gas_whatever_the_node_estimates() {
    for estimates in [Estimates::Lotus, Estimates::Forest] {
        let world = World::new().await;
        let settlement = world.settle().await;
        let directory = tempfile::tempdir().unwrap();
        let node = node(&world, estimates);
        let mut scheduler = world
            .scheduler_at(&node, &directory.path().join("state.sqlite"))
            .await;
        let report = world.pay(&mut scheduler, &settlement).await.unwrap();
        assert_eq!(
            (report.batches.len(), &report.reverted[..]),
            (1, &[][..]),
            "{estimates:?}"
        );
        assert_eq!(operators(&report.paid), (1..=6).map(operator).collect::<Vec<_>>());
        assert_eq!(operators(&report.refused), [world.refuser]);
        drop(node);
        world.expect_paid_once(&format!("{estimates:?}")).await;
    }
}

/// What `Gas` takes a place between two operators that are paid to cost.
#[tokio::test]
async fn a_bare_leaf_costs_about_a_fiftieth_of_a_claim() {
    let more: Vec<Address> = (20..60).map(operator).collect();
    let world = World::granting_more(&more).await;
    let settlement = world.settle().await;
    let book = world.allocations();
    let estimate = async |draft: Draft| {
        world
            .client()
            .node_estimate(&draft, world.payer.address())
            .await
            .unwrap()
    };
    let batch = async |last: Address| {
        let batch = book.batch_claim([more[0], last]).unwrap();
        estimate(world.rewards.claim_many(settlement.id, &batch)).await
    };
    let leaf = (batch(more[39]).await - batch(more[1]).await) / 38;
    let claim = estimate(world.rewards.claim(settlement.id, &book.claim(more[0]).unwrap())).await;
    assert!((40..70).contains(&(claim / leaf)), "{leaf} of {claim}");
}

/// Code of a wallet that uses no gas during estimation, at a price of zero, and all gas during payment.
const BURNS_GAS: &str = "0x3a600557005b600556";

/// They take more than the batch was given, but with more gas it pays all others.
#[tokio::test(flavor = "multi_thread")]
async fn operators_that_break_a_batch_are_found_out_with_more_gas() {
    for estimates in [Estimates::Lotus, Estimates::Forest] {
        let world = World::new().await;
        let settlement = world.settle().await;
        let directory = tempfile::tempdir().unwrap();
        let node = node(&world, estimates);
        let mut scheduler = world
            .scheduler_at(&node, &directory.path().join("state.sqlite"))
            .await;
        let burners = [1, 2, 3, 4].map(operator);
        for burner in burners {
            world.anvil.set_code(burner, BURNS_GAS).unwrap();
        }
        let report = world.pay(&mut scheduler, &settlement).await.unwrap();
        // Only the one that paid is among the batches.
        assert_eq!(report.batches.len(), 1, "{estimates:?}: {report:?}");
        assert!(report.reverted.len() <= 1, "{estimates:?}: {report:?}");
        assert_eq!(operators(&report.paid), [5, 6].map(operator));
        let mut refused = burners.to_vec();
        refused.push(world.refuser);
        refused.sort_unstable();
        assert_eq!(operators(&report.refused), refused);
        let again = world.pay(&mut scheduler, &settlement).await.unwrap();
        assert_eq!(again.batches.len(), 0);
        assert_eq!(again.held.len(), burners.len() + 2);
    }
}

/// They take more than anybody foresees.
#[tokio::test]
async fn operators_that_break_every_batch_are_isolated_and_all_others_are_paid() {
    let burners: Vec<Address> = (20..60).map(operator).collect();
    let world = World::granting_more(&burners).await;
    let settlement = world.settle().await;
    let directory = tempfile::tempdir().unwrap();
    let all = |planner: &mut Planner| planner.policy.batch.payouts = 300;
    let mut scheduler = world.scheduler_with(&directory.path().join("state.sqlite"), all);
    for burner in &burners {
        world.anvil.set_code(*burner, BURNS_GAS).unwrap();
    }
    let report = world.pay(&mut scheduler, &settlement).await.unwrap();
    assert_eq!(report.reverted.len(), 2, "{report:?}");
    assert_eq!(operators(&report.paid), (1..=6).map(operator).collect::<Vec<_>>());
    let mut refused = burners.clone();
    refused.push(world.refuser);
    refused.sort_unstable();
    assert_eq!(operators(&report.refused), refused);
    let again = world.pay(&mut scheduler, &settlement).await.unwrap();
    assert_eq!(again.batches.len(), 0);
}

#[tokio::test]
async fn rejected_payments_do_not_use_up_the_daily_limit() {
    let world = World::new().await;
    let settlement = world.settle().await;
    let directory = tempfile::tempdir().unwrap();
    let capped = |planner: &mut Planner| planner.policy.daily_fil = AttoFil::new(60_000);
    let mut scheduler = world.scheduler_with(&directory.path().join("state.sqlite"), capped);
    let mut paid = Vec::new();
    for _ in 0..3 {
        let report = world.pay(&mut scheduler, &settlement).await.unwrap();
        paid.extend(operators(&report.paid));
    }
    let total = world.rewards.total_claimed().await.unwrap();
    assert!(
        AttoFil::new(40_000) <= total && total <= AttoFil::new(60_000),
        "{total}: {paid:?}"
    );
}

#[tokio::test]
async fn a_deny_list_applies_to_enqueued_batches() {
    let world = World::new().await;
    let settlement = world.settle().await;
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state.sqlite");
    // Dies after signing the first batch; the others are in the queue.
    run_and_die(&world, &state, &settlement, 0).await;
    let deny_all = |planner: &mut Planner| {
        planner.denied = (1..=6).map(|n| (operator(n), "sanctioned".to_owned())).collect();
    };
    let mut scheduler = world.scheduler_with(&state, deny_all);
    let report = world.pay(&mut scheduler, &settlement).await.unwrap();
    // What is signed may be mined at any time, whatever the list says.
    assert!(report.batches.len() <= 2, "{report:?}");
    assert!(report.paid.len() <= 3, "{report:?}");
    let denied = report
        .held
        .iter()
        .filter(|held| matches!(held.why, HoldReason::Denied { .. }));
    assert_eq!(denied.count() + report.paid.len(), 6);
}

#[tokio::test]
async fn claims_from_other_wallets_are_detected() {
    let world = World::new().await;
    let settlement = world.settle().await;
    // Two operators claim themselves, one of them through a stranger.
    for n in [2, 5] {
        let paid = claim_one(
            &world.rewards,
            &settlement,
            &world.allocations(),
            operator(n),
            world.owner(),
            PATIENCE,
        )
        .await
        .unwrap();
        assert_eq!(paid.amount, granted(n));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut scheduler = world.scheduler(&directory.path().join("state.sqlite"));
    let report = world.pay(&mut scheduler, &settlement).await.unwrap();
    assert_eq!(operators(&report.paid), [1, 3, 4, 6].map(operator));
    world.expect_paid_once("after two claims by hand").await;
}

/// Runs until boundary number `kill_at`, counted from 0, and dies there; returns the boundaries passed.
async fn run_and_die(world: &World, state: &Path, settlement: &Settlement, kill_at: usize) -> Vec<Boundary> {
    let mut scheduler = world.scheduler(state);
    let (sender, passed) = std::sync::mpsc::channel();
    let mut count = 0;
    scheduler.outbox().watch(move |boundary| {
        sender.send(boundary).unwrap();
        count += 1;
        count <= kill_at
    });
    match world.pay(&mut scheduler, settlement).await {
        Ok(_) | Err(PayoutError::Outbox(OutboxError::Stopped(_))) => {}
        Err(other) => panic!("boundary {kill_at}: {other}"),
    }
    drop(scheduler);
    passed.iter().collect()
}

#[tokio::test]
async fn every_operator_is_paid_once_despite_kills_at_every_boundary() {
    let world = World::new().await;
    let settlement = world.settle().await;
    let directory = tempfile::tempdir().unwrap();
    let snapshot = world.anvil.rpc("evm_snapshot", json!([])).unwrap();
    let everything = run_and_die(
        &world,
        &directory.path().join("whole.sqlite"),
        &settlement,
        usize::MAX,
    )
    .await;
    world.expect_paid_once("not killed").await;
    world.anvil.rpc("evm_revert", json!([snapshot])).unwrap();
    for boundary in [Boundary::Stored, Boundary::Sent, Boundary::Seen, Boundary::Saved] {
        assert!(everything.contains(&boundary), "{boundary:?} is never passed");
    }

    for (kill_at, boundary) in everything.iter().enumerate() {
        let snapshot = world.anvil.rpc("evm_snapshot", json!([])).unwrap();
        let state = directory.path().join(format!("{kill_at}.sqlite"));
        for kill_at in [kill_at, 0, usize::MAX] {
            run_and_die(&world, &state, &settlement, kill_at).await;
        }
        world
            .expect_paid_once(&format!("killed at boundary {kill_at}, {boundary:?}"))
            .await;
        world.anvil.rpc("evm_revert", json!([snapshot])).unwrap();
    }
}

#[tokio::test]
async fn claims_that_cannot_succeed_say_why_and_send_nothing() {
    let world = World::new().await;
    let pending = world.post().await;
    let sent = async || world.client().mined_nonce(world.payer.address()).await.unwrap();
    let claim = async |settlement: &Settlement, allocations: &Allocations, operator: Address| {
        claim_one(
            &world.rewards,
            settlement,
            allocations,
            operator,
            &world.payer,
            PATIENCE,
        )
        .await
    };
    let allocations = world.allocations();

    let error = claim(&pending, &allocations, operator(1)).await.unwrap_err();
    assert!(
        matches!(
            error,
            PayoutError::NotActive {
                status: Status::Pending,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains(&pending.active_at.to_string()),
        "{error}"
    );

    world.anvil.mine_at(pending.active_at).unwrap();
    let settlement = world.rewards.newest_active().await.unwrap().unwrap();
    let one = BTreeMap::from([(operator(1), AttoFil::new(1_000_000))]);
    let foreign = Allocations::new(settled::allocations(&one, &[]));
    let error = claim(&settlement, &foreign, operator(1)).await.unwrap_err();
    assert!(matches!(error, PayoutError::WrongAllocations { .. }), "{error}");
    let error = claim(&settlement, &allocations, operator(9)).await.unwrap_err();
    assert!(matches!(error, PayoutError::UnknownOperator { .. }), "{error}");
    let error = claim(&settlement, &allocations, world.refuser).await.unwrap_err();
    let PayoutError::RecipientRefused {
        recipient, amount, ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (recipient, *amount),
        (&PayoutAddress::Evm(world.refuser), AttoFil::new(50_000))
    );
    assert_eq!(sent().await, 0);

    // Below the scheduler's floor an operator can still claim by hand, but only once.
    assert_eq!(
        claim(&settlement, &allocations, operator(7))
            .await
            .unwrap()
            .amount,
        TOO_LITTLE
    );
    let error = claim(&settlement, &allocations, operator(7)).await.unwrap_err();
    assert!(matches!(error, PayoutError::NothingDue { .. }), "{error}");
    assert_eq!(sent().await, 1);
}
