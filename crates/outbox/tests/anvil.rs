//! The queue against a real anvil: other programs with the same key, forks, spending limits, a second process.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::path::Path;
use std::time::Duration;

use alloy_primitives::{Address, address};
use assize_chain::{ChainClient, Draft};
use assize_keys::Signer;
use assize_outbox::{
    Alert, Caps, Depth, Ended, Finality, Kind, NewIntent, Outbox, OutboxError, Policy, Tick,
};
use assize_protocol::AttoFil;
use assize_testkit::anvil::{Anvil, CHAIN_ID};
use serde_json::json;

const RECIPIENT: Address = address!("00000000000000000000000000000000000a5512");
const PATIENCE: Duration = Duration::from_secs(10);

struct World {
    anvil: Anvil,
    client: ChainClient,
    signer: Signer,
    directory: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let anvil = Anvil::start().unwrap();
        anvil.mine(20).unwrap();
        let client = ChainClient::connect_to(&anvil.url().parse().unwrap(), CHAIN_ID)
            .await
            .unwrap();
        let signer = Signer::from_bytes(&anvil.dev_key(3)).unwrap();
        Self {
            anvil,
            client,
            signer,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("queue.sqlite")
    }

    fn open(&self, policy: Policy) -> Outbox {
        self.try_open(&self.path(), policy).unwrap()
    }

    fn try_open(&self, path: &Path, policy: Policy) -> Result<Outbox, OutboxError> {
        Outbox::open(path, self.client.clone(), self.signer.clone(), policy)
    }

    async fn received(&self) -> AttoFil {
        self.client.balance(RECIPIENT).await.unwrap()
    }

    /// Another program uses the key.
    async fn send_from_outside(&self) {
        let nothing = Draft::call("nobody", Address::ZERO, Vec::new());
        self.client
            .transact(&self.signer, &nothing, PATIENCE)
            .await
            .unwrap();
    }

    fn fork(&self, depth: u64) {
        self.anvil.rpc("anvil_reorg", json!([depth, []])).unwrap();
    }
}

/// A payment of 1 attoFIL.
fn enqueue(outbox: &mut Outbox, key: &str) -> bool {
    let draft = Draft::call("the recipient", RECIPIENT, Vec::new()).with_value(AttoFil::new(1));
    let new = NewIntent {
        key,
        kind: Kind::Payout,
        draft: &draft,
    };
    outbox.enqueue(&new).unwrap()
}

/// Confirmed after two blocks, final after eight.
fn careful() -> Policy {
    Policy {
        payout: Depth::Blocks(2),
        finality: Finality::Blocks(8),
        resend_after: 1,
        reorg_after: 1,
        receipt_lag: 1,
        ..Policy::local()
    }
}

/// Ticks and mines a block after each, until a condition holds.
async fn until(world: &World, outbox: &mut Outbox, mut done: impl FnMut(&Outbox, &Tick) -> bool) {
    for _ in 0..400 {
        let tick = outbox.tick().await.unwrap();
        if done(outbox, &tick) {
            return;
        }
        world.anvil.mine(1).unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the condition never held");
}

#[tokio::test]
async fn a_calls_own_gas_limit_is_signed_once_the_node_has_tried_it() {
    let world = World::new().await;
    // Reverts with less than a million gas left.
    world
        .anvil
        .set_code(RECIPIENT, "0x620f42405a10600a57005b5f5ffd")
        .unwrap();
    let mut outbox = world.open(Policy::local());
    let mut ended = async |limit: u64| {
        let draft = Draft::call("the contract", RECIPIENT, Vec::new()).with_gas_limit(limit);
        let key = format!("with {limit}");
        let new = NewIntent {
            key: &key,
            kind: Kind::Payout,
            draft: &draft,
        };
        outbox.enqueue(&new).unwrap();
        assert_eq!(outbox.draft_of(&key).unwrap(), Some(draft));
        outbox.run_until_idle().await.unwrap();
        outbox.ended(&key).unwrap()
    };
    let Some(Ended::Done(mined)) = ended(2_000_000).await else {
        panic!("it has enough")
    };
    assert!(mined.succeeded);
    let sent = world
        .anvil
        .rpc("eth_getTransactionByHash", json!([mined.hash]))
        .unwrap();
    assert_eq!(sent["gas"], "0x1e8480");
    // The contract takes the one for too little, the node the other.
    for too_low in [900_000, 1_000] {
        let refused = ended(too_low).await;
        assert!(matches!(refused, Some(Ended::Refused { .. })), "{refused:?}");
    }
    assert_eq!(world.client.mined_nonce(world.signer.address()).await.unwrap(), 1);
}

#[tokio::test]
async fn many_intents_are_sent_in_order_and_once() {
    let world = World::new().await;
    let mut outbox = world.open(Policy::local());
    for number in 0..25 {
        assert!(enqueue(&mut outbox, &format!("payment {number}")));
    }
    assert!(!enqueue(&mut outbox, "payment 7"), "known already");
    outbox.run_until_idle().await.unwrap();
    assert_eq!(world.received().await, AttoFil::new(25));
    assert_eq!(
        world.client.mined_nonce(world.signer.address()).await.unwrap(),
        25
    );
    assert!(matches!(
        outbox.ended("payment 24").unwrap(),
        Some(Ended::Done(_))
    ));
    assert_eq!(outbox.ended("payment 25").unwrap(), None);
    let stats = outbox.stats().unwrap();
    assert_eq!((stats.mined, stats.pending, stats.queued), (25, 0, 0));
    assert!(stats.fees > AttoFil::ZERO);
}

#[tokio::test]
async fn another_program_with_the_same_key_is_noticed_and_nothing_is_lost() {
    let world = World::new().await;
    let mut outbox = world.open(careful());
    enqueue(&mut outbox, "payment");
    // Signed for nonce 0, but not sent: another program is faster.
    outbox.watch(|boundary| boundary != assize_outbox::Boundary::Stored);
    while !matches!(outbox.tick().await, Err(OutboxError::Stopped(_))) {}
    world.send_from_outside().await;
    drop(outbox);
    let mut outbox = world.open(careful());
    let mut noticed = false;
    until(&world, &mut outbox, |outbox, tick| {
        noticed |= tick.alerts.contains(&Alert::OutsideUse { nonce: 0 });
        outbox.ended("payment").unwrap().is_some()
    })
    .await;
    assert!(noticed);
    assert_eq!(outbox.stats().unwrap().foreign_nonces, 1);
    assert_eq!(world.received().await, AttoFil::new(1));
}

#[tokio::test]
async fn a_transaction_dropped_by_a_fork_is_sent_again() {
    let world = World::new().await;
    let mut outbox = world.open(careful());
    enqueue(&mut outbox, "payment");
    until(&world, &mut outbox, |outbox, _| {
        outbox.ended("payment").unwrap().is_some()
    })
    .await;
    assert!(!outbox.is_final("payment").unwrap());
    world.fork(6);
    assert_eq!(world.received().await, AttoFil::ZERO);
    let mut noticed = false;
    until(&world, &mut outbox, |outbox, tick| {
        noticed |= tick
            .alerts
            .iter()
            .any(|alert| matches!(alert, Alert::Reorganised { .. }));
        noticed && outbox.ended("payment").unwrap().is_some()
    })
    .await;
    assert_eq!(world.received().await, AttoFil::new(1));
    until(&world, &mut outbox, |outbox, _| {
        outbox.is_final("payment").unwrap()
    })
    .await;
    assert_eq!(outbox.stats().unwrap().reorganisations, 1);
}

#[tokio::test]
async fn a_gap_left_by_a_fork_is_filled() {
    let world = World::new().await;
    let mut outbox = world.open(careful());
    // Nonce 0 is another program's, nonce 1 ours.
    world.send_from_outside().await;
    enqueue(&mut outbox, "payment");
    until(&world, &mut outbox, |outbox, _| {
        outbox.ended("payment").unwrap().is_some()
    })
    .await;
    // Both are dropped, and the other program does not resend.
    world.fork(7);
    assert_eq!(world.client.mined_nonce(world.signer.address()).await.unwrap(), 0);
    until(&world, &mut outbox, |outbox, _| {
        outbox.is_final("payment").unwrap()
    })
    .await;
    assert_eq!(world.received().await, AttoFil::new(1));
    assert_eq!(world.client.mined_nonce(world.signer.address()).await.unwrap(), 2);
}

#[tokio::test]
async fn a_transaction_over_a_limit_is_parked_and_resumes_without_it() {
    let world = World::new().await;
    let capped = |caps| Policy {
        caps,
        ..Policy::local()
    };
    for (caps, words) in [
        (
            Caps {
                gas_price: 1,
                ..Caps::NONE
            },
            "gas price is above",
        ),
        (
            Caps {
                intent: AttoFil::new(1),
                ..Caps::NONE
            },
            "its fees would exceed",
        ),
        (
            Caps {
                daily: AttoFil::new(1),
                ..Caps::NONE
            },
            "today's spending would exceed",
        ),
    ] {
        let mut outbox = world.open(capped(caps));
        enqueue(&mut outbox, "payment");
        let error = outbox.run_until_idle().await.unwrap_err();
        assert!(
            matches!(error, OutboxError::Parked { .. }) && error.to_string().contains(words),
            "{error}"
        );
    }
    // An empty key is reported too.
    world
        .anvil
        .set_balance(world.signer.address(), AttoFil::new(5))
        .unwrap();
    let error = world
        .open(Policy::local())
        .run_until_idle()
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("send it FIL"), "{error}");
    world
        .anvil
        .set_balance(world.signer.address(), AttoFil::from_fil(1))
        .unwrap();
    world.open(Policy::local()).run_until_idle().await.unwrap();
    assert_eq!(world.received().await, AttoFil::new(1));
}

#[tokio::test]
async fn a_cancelled_intent_fills_its_nonce_or_is_too_late() {
    let world = World::new().await;
    let mut outbox = world.open(Policy::local());
    enqueue(&mut outbox, "never begun");
    outbox.cancel("never begun").unwrap();
    enqueue(&mut outbox, "signed");
    outbox.watch(|boundary| boundary != assize_outbox::Boundary::Stored);
    while !matches!(outbox.tick().await, Err(OutboxError::Stopped(_))) {}
    drop(outbox);
    let mut outbox = world.open(Policy::local());
    // It is sent once before it can be replaced; anvil mines it at once.
    outbox.cancel("signed").unwrap();
    outbox.run_until_idle().await.unwrap();
    assert_eq!(outbox.ended("never begun").unwrap(), Some(Ended::Cancelled));
    assert!(matches!(outbox.ended("signed").unwrap(), Some(Ended::Done(_))));
    assert_eq!(world.received().await, AttoFil::new(1));
    // An intent that had no effect may be enqueued again.
    assert!(enqueue(&mut outbox, "never begun"));
    outbox.run_until_idle().await.unwrap();
    assert_eq!(world.received().await, AttoFil::new(2));
}

#[tokio::test]
async fn an_ineffective_intent_is_retried_with_the_new_call() {
    let world = World::new().await;
    let mut outbox = world.open(Policy::local());
    enqueue(&mut outbox, "payment");
    assert_eq!(outbox.unfinished().unwrap(), ["payment"]);
    let larger = Draft::call("the recipient", RECIPIENT, Vec::new()).with_value(AttoFil::new(7));
    let new = NewIntent {
        key: "payment",
        kind: Kind::Payout,
        draft: &larger,
    };
    // While the first is pending, another call changes nothing.
    assert!(!outbox.enqueue(&new).unwrap());
    assert_eq!(
        outbox.draft_of("payment").unwrap().unwrap().value,
        AttoFil::new(1)
    );
    outbox.cancel("payment").unwrap();
    outbox.run_until_idle().await.unwrap();
    assert_eq!(outbox.unfinished().unwrap(), <[&str; 0]>::default());
    assert!(outbox.enqueue(&new).unwrap());
    outbox.run_until_idle().await.unwrap();
    assert_eq!(world.received().await, AttoFil::new(7));
    assert_eq!(outbox.draft_of("another").unwrap(), None);
}

#[tokio::test]
async fn one_process_sends_and_another_machine_waits_for_the_lease() {
    let world = World::new().await;
    let mut first = world.open(Policy::local());
    let second = world.try_open(&world.path(), Policy::local()).unwrap_err();
    assert!(matches!(second, OutboxError::Locked { .. }), "{second}");
    // A file whose lease belongs to another machine.
    let elsewhere = world.directory.path().join("elsewhere.sqlite");
    drop(world.try_open(&elsewhere, Policy::local()).unwrap());
    let file = rusqlite::Connection::open(&elsewhere).unwrap();
    file.execute(
        "UPDATE outbox_signer SET holder = 'node-7', held_until = unixepoch() + 60",
        [],
    )
    .unwrap();
    let error = world.try_open(&elsewhere, Policy::local()).unwrap_err();
    assert!(
        matches!(&error, OutboxError::Leased { holder, .. } if holder == "node-7"),
        "{error}"
    );
    file.execute("UPDATE outbox_signer SET held_until = unixepoch() - 1", [])
        .unwrap();
    world.try_open(&elsewhere, Policy::local()).unwrap();
    // A process whose lease was taken over while it slept neither writes nor sends.
    enqueue(&mut first, "payment");
    let file = rusqlite::Connection::open(world.path()).unwrap();
    file.execute("UPDATE outbox_signer SET fence = fence + 1", [])
        .unwrap();
    let error = first.run_until_idle().await.unwrap_err();
    assert!(matches!(error, OutboxError::Fenced), "{error}");
    assert_eq!(world.received().await, AttoFil::ZERO);
}

#[tokio::test]
async fn a_queue_of_another_version_or_key_is_left_alone() {
    let world = World::new().await;
    let old = world.directory.path().join("old.sqlite");
    let file = rusqlite::Connection::open(&old).unwrap();
    file.execute_batch("CREATE TABLE outbox_intent (id INTEGER)")
        .unwrap();
    let error = world.try_open(&old, Policy::local()).unwrap_err();
    assert!(
        error.to_string().contains("is not a transaction queue"),
        "{error}"
    );
    drop(world.open(Policy::local()));
    let stranger = Signer::from_bytes(&world.anvil.dev_key(4)).unwrap();
    let error = Outbox::open(&world.path(), world.client.clone(), stranger, Policy::local()).unwrap_err();
    assert!(matches!(error, OutboxError::Foreign { .. }), "{error}");
}
