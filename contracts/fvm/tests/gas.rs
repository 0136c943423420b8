//! The Filecoin gas of each operation, in `contracts/gas/filecoin.json`. A run whose figures differ fails and names them;
//! `ASSIZE_WRITE_GAS=1` writes them.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed test panics, and its figures are wanted"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolError;
use assize_fvm::chain::{BLOCK_GAS, Call};
use assize_fvm::network::abi::court::Court;
use assize_fvm::network::abi::rewards::Rewards;
use assize_fvm::network::abi::rounds::Rounds;
use assize_fvm::network::{ANYONE, GUARDIAN, Network, OWNER, PUBLISHER, Settled, WINDOW, call, explain};
use serde_json::{Value, json};

const MILLIFIL: u128 = 1_000_000_000_000_000;
/// Operators of the tree from which claims are measured: its depth is 14.
const OPERATORS: u32 = 10_000;
/// Rounds of a network that has run for ten weeks.
const GROWN_ROUNDS: u64 = 5_000;
/// The most rounds of one settlement.
const MOST_ROUNDS: u64 = 512;

/// Figures by state and operation.
#[derive(Default)]
struct Table(BTreeMap<String, BTreeMap<String, Value>>);

impl Table {
    fn note(&mut self, state: &str, operation: &str, gas: u64, least: Option<u64>, bytes: usize) {
        let share = format!("{:.2}", 100.0 * gas as f64 / BLOCK_GAS as f64);
        println!("{state}: {operation}: {gas} gas, {share} % of a block");
        let figures = json!({
            "gas": gas,
            "percentOfBlock": share,
            "leastLimit": least,
            "messageBytes": bytes,
        });
        let of_state = self.0.entry(state.to_owned()).or_default();
        of_state.insert(operation.to_owned(), figures);
    }

    /// Measures a call without effect.
    fn measure(
        &mut self,
        network: &mut Network,
        state: &str,
        operation: &str,
        from: Address,
        to: Address,
        call: &Call,
    ) {
        let receipt = network.chain.simulate(from, to, call).unwrap();
        assert!(receipt.is_ok(), "{state}: {operation}: {}", explain(&receipt));
        let least = network.least_limit(from, to, call).unwrap();
        self.note(state, operation, receipt.gas, Some(least), receipt.bytes);
    }

    /// The steps of a round, each measured and then done.
    fn round(&mut self, network: &mut Network, state: &str) {
        let rounds = network.rounds;
        let opened = network.open().unwrap();
        self.note(state, "open", opened.gas, None, opened.bytes);
        let round = network.view(rounds, &Rounds::latestRoundCall {}).unwrap();
        let reveal = network.reveal(round).unwrap();
        self.measure(network, state, "reveal", ANYONE, rounds, &reveal);
        network.send(ANYONE, rounds, &reveal).unwrap();
        for (batch, operation) in [(0, "commit, the first of a round"), (1, "commit, the second")] {
            let commit = network.commit(round, batch);
            self.measure(network, state, operation, PUBLISHER, rounds, &commit);
            network.send(PUBLISHER, rounds, &commit).unwrap();
        }
        let seal = network.seal(round);
        self.measure(network, state, "seal", PUBLISHER, rounds, &seal);
        let (seal, commit) = network.own(round, 30_000).unwrap();
        self.measure(network, state, "sealOwn", ANYONE, rounds, &seal);
        self.measure(network, state, "commitOwn, 30 000 bytes", ANYONE, rounds, &commit);
        let seat = call(&Rounds::committeeOfCall {
            round,
            station: U256::from(17),
        });
        self.measure(network, state, "committeeOf (a view)", ANYONE, rounds, &seat);
        let over = network.round(round).unwrap().times.dedupeFrom;
        network.chain.go_to(over + 1);
    }

    /// Claims of a settlement of which nobody, or everybody, was paid before.
    fn claims(&mut self, network: &mut Network, state: &str, settled: &Settled) {
        let rewards = network.rewards;
        let places: Vec<_> = (0..settled.allocations.len()).collect();
        let claim = settled.claim(0).unwrap();
        self.measure(network, state, "claim, depth 14", ANYONE, rewards, &claim);
        for size in [10, 100, 200] {
            let batch = settled.claim_many(&places[..size]).unwrap();
            let operation = format!("claimMany, {size} neighbours");
            self.measure(network, state, &operation, ANYONE, rewards, &batch);
        }
    }

    /// What the Court is shown of a pending settlement. It is honest, so a challenge costs as much as one that succeeds, but for
    /// the void.
    fn court(&mut self, network: &mut Network, state: &str, settled: &Settled, before: &Settled) {
        let (court, rewards) = (network.court, network.rewards);
        let order = settled.challenge_order(rewards, 4_711).unwrap();
        self.refused(network, state, "challengeOrder", &order);
        let operator = settled.allocations[4_711].operator;
        let growth = settled.challenge_growth(rewards, before, operator).unwrap();
        self.refused(network, state, "challengeGrowth", &growth);
        let demand = settled.demand(rewards, 4_711).unwrap();
        self.measure(network, state, "demand", OWNER, court, &demand);
        network.send(OWNER, court, &demand).unwrap();
        let answer = settled.answer(rewards, 4_711).unwrap();
        self.measure(network, state, "answer", ANYONE, court, &answer);
        let silent = network.chain.snapshot();
        network.chain.go_to(network.chain.now() + 28_860);
        let lapse = call(&Court::lapseCall {
            rewards,
            settlement: settled.number,
            index: 4_711,
        });
        self.measure(network, state, "lapse", ANYONE, court, &lapse);
        network.chain.restore(silent);
        network.send(ANYONE, court, &answer).unwrap();
    }

    fn refused(&mut self, network: &mut Network, state: &str, operation: &str, challenge: &Call) {
        let receipt = network.chain.simulate(ANYONE, network.court, challenge).unwrap();
        let refused = receipt.returned.starts_with(&Court::NotFraud::SELECTOR);
        assert!(refused, "{operation}: {}", explain(&receipt));
        self.note(state, operation, receipt.gas, None, receipt.bytes);
    }
}

fn grants(factor: u128) -> Vec<(Address, u128)> {
    (0..OPERATORS)
        .map(|number| {
            let mut bytes = [0xb0; 20];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            (
                Address::from(bytes),
                factor * (1_000_000_000 + u128::from(number)),
            )
        })
        .collect()
}

#[test]
fn gas_is_as_committed() {
    let mut table = Table::default();
    let mut network = Network::new().unwrap();
    for (name, receipt) in &network.deployments {
        table.note(
            "small",
            &format!("deploy {name}"),
            receipt.gas,
            None,
            receipt.bytes,
        );
    }
    let rewards = network.rewards;
    table.round(&mut network, "small");
    let mut deposit = call(&Rewards::depositCall {});
    deposit.value = MILLIFIL;
    table.measure(&mut network, "small", "deposit", OWNER, rewards, &deposit);
    let grants_now = grants(1);
    let (post, settled) = network.post(&grants_now).unwrap();
    table.measure(&mut network, "small", "post, 1 round", ANYONE, rewards, &post);
    network.send(ANYONE, rewards, &post).unwrap();
    network.promise(&grants_now);
    let veto = call(&Rewards::vetoCall {
        settlement: settled.number,
        reason: "round 1: 9000 accepted instead of 9001".to_owned(),
    });
    table.measure(&mut network, "small", "veto", GUARDIAN, rewards, &veto);
    network.chain.go_to(network.chain.now() + WINDOW);
    table.claims(&mut network, "small", &settled);

    // Everybody is paid, and rounds go on for weeks.
    let places: Vec<_> = (0..settled.allocations.len()).collect();
    for batch in places.chunks(100) {
        let batch = settled.claim_many(batch).unwrap();
        network.send(ANYONE, rewards, &batch).unwrap();
    }
    let mut last = Vec::new();
    let mut parent = settled;
    for round in 2..=GROWN_ROUNDS {
        network.play_round().unwrap();
        if round % MOST_ROUNDS == 0 {
            last = grants(u128::from(2 + round / MOST_ROUNDS));
            let (post, settled) = network.post(&last).unwrap();
            if round == GROWN_ROUNDS / MOST_ROUNDS * MOST_ROUNDS {
                table.measure(&mut network, "grown", "post, 512 rounds", ANYONE, rewards, &post);
            }
            network.send(ANYONE, rewards, &post).unwrap();
            network.promise(&last);
            parent = settled;
        }
    }
    assert!(!last.is_empty());
    table.round(&mut network, "grown");
    table.measure(&mut network, "grown", "deposit", OWNER, rewards, &deposit);
    let more = grants(100);
    let (post, settled) = network.post(&more).unwrap();
    table.measure(
        &mut network,
        "grown",
        "post, the rounds since",
        ANYONE,
        rewards,
        &post,
    );
    network.send(ANYONE, rewards, &post).unwrap();
    table.court(&mut network, "grown", &settled, &parent);
    network.chain.go_to(network.chain.now() + WINDOW);
    table.claims(&mut network, "grown", &settled);

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gas/filecoin.json");
    let measured = serde_json::to_string_pretty(&table.0).unwrap() + "\n";
    if env::var_os("ASSIZE_WRITE_GAS").is_some() {
        fs::write(&file, measured).unwrap();
        return;
    }
    let committed: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_str(&fs::read_to_string(&file).unwrap_or_default()).unwrap_or_default();
    let mut differences = Vec::new();
    for (state, operations) in &table.0 {
        for (operation, figures) in operations {
            let before = committed.get(state).and_then(|known| known.get(operation));
            if before != Some(figures) {
                differences.push(format!("{state}: {operation}: {figures}, committed: {before:?}"));
            }
        }
    }
    assert!(
        differences.is_empty(),
        "contracts/gas/filecoin.json differs; if that is intended, run `make gas-filecoin`:\n{}",
        differences.join("\n")
    );
}
