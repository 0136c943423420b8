//! A chain with settlements and operators in different situations, to try out claims: `tests/claim` does so in a
//! browser. Prints one line of JSON when it is ready, and runs until its input is closed.
//!
//!     cargo run -p assize-testkit --example claims -- DIRECTORY
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool of tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assize_chain::{Address, Claim};
use assize_evaluate::SettlementDocument;
use assize_facts::SettlementId;
use assize_keys::Signer;
use assize_measurement::car;
use assize_protocol::AttoFil;
use assize_testkit::world::{World, WorldPlan};
use serde_json::{Value, json};

/// A thousandth of a FIL, in attoFIL.
const MILLI: u128 = 1_000_000_000_000_000;
/// Challenge window in seconds: a day.
const WINDOW: u64 = 86_400;
/// Earnings of the operator in the screenshot by settlement, in thousandths of a FIL; the last one stays pending.
const GROWTH: [u128; 8] = [61, 118, 44, 97, 152, 133, 171, 128];
/// The settlement up to which that operator has been paid.
const PAID_BY: usize = 4;

#[tokio::main]
async fn main() {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap());
    let store = directory.join("store");
    fs::create_dir_all(&store).unwrap();
    let world = World::start_with(WorldPlan {
        challenge_window: WINDOW,
        ..WorldPlan::default()
    })
    .await
    .unwrap();
    let account = |index| Signer::from_bytes(&world.anvil.dev_key(index)).unwrap().address();
    let (earner, paid, waiting, stranger) = (account(2), account(3), account(4), account(5));
    // A contract that reverts when it receives FIL.
    let refusing = Address::repeat_byte(0xee);
    world.anvil.set_code(refusing, "0x5f5ffd").unwrap();

    let mut earned = BTreeMap::from([(paid, milli(20)), (refusing, milli(5))]);
    // Further operators, so that there are proofs.
    earned.extend((1..=40_u8).map(|index| {
        (
            Address::repeat_byte(index),
            AttoFil::new(u128::from(index) * MILLI / 40),
        )
    }));
    let mut settlements = Vec::new();
    for (index, growth) in (1..).zip(GROWTH) {
        let sum = earned.entry(earner).or_default();
        *sum = sum.checked_add(milli(growth)).unwrap();
        let last = index == GROWTH.len();
        if last {
            earned.insert(waiting, milli(30));
        }
        let (id, content) = world.settle(&earned).await.unwrap();
        keep(&store, &content);
        let settlement = world.rewards.settlement(id).await.unwrap();
        settlements.push(json!({"id": id, "cid": settlement.proposal.cid, "activeAt": settlement.active_at}));
        if !last {
            world.anvil.mine_at(settlement.active_at).unwrap();
        }
        if index == PAID_BY {
            claim(&world, id, &content, &[earner, paid]).await;
        }
    }
    // The same contracts without a settlement.
    let empty = world.deploy_again().await.unwrap();
    let write = |name: &str, value: &Value| {
        let path = directory.join(name);
        fs::write(&path, serde_json::to_vec_pretty(value).unwrap()).unwrap();
        path
    };
    println!(
        "{}",
        json!({
            "rpc": world.anvil.url(),
            "deployment": write("deployment.json", &json!(world.deployment)),
            "empty": write("empty.json", &json!(empty)),
            "store": store,
            "settlements": settlements,
            "operators": {"earner": earner, "paid": paid, "waiting": waiting, "stranger": stranger, "refusing": refusing},
            "authority": world.owner().address(),
        })
    );
    // Until the parent process closes the input.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}

/// Thousandths of a FIL.
const fn milli(count: u128) -> AttoFil {
    AttoFil::new(count * MILLI)
}

/// Stores a file as a local store does.
fn keep(store: &Path, content: &[u8]) {
    let (cid, packed) = car::pack(content);
    fs::write(store.join(format!("{cid}.car")), packed).unwrap();
}

async fn claim(world: &World, id: SettlementId, content: &[u8], operators: &[Address]) {
    let document = SettlementDocument::decode(content).unwrap();
    for operator in operators {
        let (index, allocation) = document.allocation(*operator).unwrap();
        let claim = Claim {
            index,
            share: allocation.into(),
            proof: document.rewards_tree().proof(index).unwrap(),
        };
        let draft = world.rewards.claim(id, &claim);
        let client = world.rounds.client();
        client
            .transact(world.owner(), &draft, Duration::from_secs(30))
            .await
            .unwrap();
    }
}
