//! Settlements in the real machine: what was voided stays void, what was promised stays promised, and nobody is left out.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolError;
use assize_fvm::chain::{Call, filecoin, masked};
use assize_fvm::network::abi::court::Court;
use assize_fvm::network::abi::rewards::{IRewards, Rewards};
use assize_fvm::network::abi::rounds::Rounds;
use assize_fvm::network::{
    ANYONE, BOND, COORDINATOR, GUARDIAN, Network, OWNER, PUBLISHER, Settled, WINDOW, call, events,
};
use fvm_shared::address::Address as FilecoinAddress;

const MILLIFIL: u128 = 1_000_000_000_000_000;

fn operator(number: u8) -> Address {
    Address::repeat_byte(0xa0 + number)
}

/// A network with one active settlement, in which three operators have earned a thousandth of a FIL each.
fn promised() -> (Network, Settled) {
    let mut network = Network::new().unwrap();
    let grants = [1, 2, 3].map(|number| (operator(number), MILLIFIL));
    let settled = network.settle(&grants).unwrap();
    (network, settled)
}

/// Posts a settlement of the next round that takes from the second operator what it was promised, and gives it to the first.
fn robbery(network: &mut Network) -> Settled {
    network.play_round().unwrap();
    let grants = [
        (operator(1), 2 * MILLIFIL + 1),
        (operator(2), 0),
        (operator(3), MILLIFIL),
    ];
    let (post, settled) = network.post(&grants).unwrap();
    network.send(ANYONE, network.rewards, &post).unwrap();
    settled
}

#[test]
fn what_was_vetoed_is_not_posted_again() {
    let (mut network, _) = promised();
    let rewards = network.rewards;
    network.play_round().unwrap();
    let (post, settled) = network.post(&[(operator(1), 9 * MILLIFIL)]).unwrap();
    network.send(ANYONE, rewards, &post).unwrap();
    let veto = call(&Rewards::vetoCall {
        settlement: settled.number,
        reason: "wrong".to_owned(),
    });
    network.send(GUARDIAN, rewards, &veto).unwrap();
    assert!(network.is_void(settled.number).unwrap());
    let again = network.chain.send(ANYONE, rewards, &post).unwrap();
    assert!(again.returned.starts_with(&Rewards::WrongNumber::SELECTOR));
}

#[test]
fn a_promise_of_the_past_is_kept_by_anybody_who_shows_that_it_was_broken() {
    let (mut network, before) = promised();
    let (court, rewards) = (network.court, network.rewards);
    let robbery = robbery(&mut network);
    let honest = robbery.challenge_growth(rewards, &before, operator(3)).unwrap();
    assert!(!network.chain.send(ANYONE, court, &honest).unwrap().is_ok());
    let robbed = robbery.challenge_growth(rewards, &before, operator(2)).unwrap();
    network.send(ANYONE, court, &robbed).unwrap();
    assert!(network.is_void(robbery.number).unwrap());

    // What was promised is paid.
    network.send(ANYONE, rewards, &before.claim(1).unwrap()).unwrap();
    assert_eq!(network.claimed(operator(2)).unwrap(), MILLIFIL);
}

#[test]
fn a_tree_that_is_not_shown_is_void_and_the_bond_comes_back() {
    let (mut network, _) = promised();
    let (court, rewards) = (network.court, network.rewards);
    let withheld = robbery(&mut network);
    network
        .send(OWNER, court, &withheld.demand(rewards, 1).unwrap())
        .unwrap();
    let lapse = call(&Court::lapseCall {
        rewards,
        settlement: withheld.number,
        index: 1,
    });
    assert!(!network.chain.send(ANYONE, court, &lapse).unwrap().is_ok());
    network.chain.go_to(network.chain.now() + 28_860);
    network.send(ANYONE, court, &lapse).unwrap();
    assert!(network.is_void(withheld.number).unwrap());

    let before = network.chain.balance(filecoin(OWNER)).unwrap();
    network
        .send(ANYONE, court, &call(&Court::withdrawCall { who: OWNER }))
        .unwrap();
    assert_eq!(network.chain.balance(filecoin(OWNER)).unwrap() - before, BOND);
}

/// A wallet of Filecoin's own kind calls contracts under its masked id, and is paid there.
#[test]
fn whoever_answers_has_the_bond_also_from_a_native_wallet() {
    let (mut network, _) = promised();
    let (court, rewards) = (network.court, network.rewards);
    network.play_round().unwrap();
    let grants = [1, 2, 3].map(|number| (operator(number), 2 * MILLIFIL));
    let (post, settled) = network.post(&grants).unwrap();
    network.send(ANYONE, rewards, &post).unwrap();
    network
        .send(OWNER, court, &settled.demand(rewards, 2).unwrap())
        .unwrap();
    let wallet = FilecoinAddress::new_secp256k1(&[7; 65]).unwrap();
    let wallet = masked(network.chain.native_account(wallet, 0).unwrap());
    network
        .send(wallet, court, &settled.answer(rewards, 2).unwrap())
        .unwrap();
    network
        .send(ANYONE, court, &call(&Court::withdrawCall { who: wallet }))
        .unwrap();
    assert_eq!(network.chain.balance(filecoin(wallet)).unwrap(), BOND);
    assert!(!network.is_void(settled.number).unwrap());
}

#[test]
fn a_network_that_idled_for_six_hundred_rounds_pays_again() {
    let mut network = Network::new().unwrap();
    let rewards = network.rewards;
    for idle in [512, 88] {
        for _ in 0..idle {
            network.play_round().unwrap();
        }
        let (nothing, _) = network.post(&[]).unwrap();
        network.send(ANYONE, rewards, &nothing).unwrap();
    }
    let settled = network.settle(&[(operator(1), MILLIFIL)]).unwrap();
    network.send(ANYONE, rewards, &settled.claim(0).unwrap()).unwrap();
    assert_eq!(network.claimed(operator(1)).unwrap(), MILLIFIL);
}

#[test]
fn a_file_that_nobody_has_is_dropped_and_the_round_is_settled() {
    let mut network = Network::new().unwrap();
    let (rewards, rounds) = (network.rewards, network.rounds);
    network.open().unwrap();
    let reveal = network.reveal(1).unwrap();
    network.send(ANYONE, rounds, &reveal).unwrap();
    let commit = network.commit(1, 0);
    network.send(PUBLISHER, rounds, &commit).unwrap();
    let times = network.round(1).unwrap().times;
    let file = || {
        vec![IRewards::File {
            round: 1,
            kind: 3,
            index: 0,
        }]
    };
    let object = call(&Rewards::unreadableCall { files: file() });
    let evaluators = network.evaluators();
    network.chain.go_to(times.dedupeFrom + 1);
    assert!(
        !network
            .chain
            .send(evaluators[0], rewards, &object)
            .unwrap()
            .is_ok()
    );
    network.chain.go_to(times.objectionsFrom);
    network.send(evaluators[0], rewards, &object).unwrap();
    let (stale, _) = network.post(&[(operator(1), MILLIFIL)]).unwrap();
    network.send(evaluators[2], rewards, &object).unwrap();
    // The guardian has a quarter of the window to keep it.
    let drop = call(&Rewards::dropCall { files: file() });
    let early = network.chain.simulate(ANYONE, rewards, &drop).unwrap();
    assert!(early.returned.starts_with(&Rewards::TooEarlyToDrop::SELECTOR));
    network.chain.go_to(network.chain.now() + WINDOW / 4 + 30);
    network.send(ANYONE, rewards, &drop).unwrap();
    let dropped = network.view(rewards, &Rewards::dropCountCall {}).unwrap();
    assert_eq!(dropped, 1);
    let refused = network.chain.send(ANYONE, rewards, &stale).unwrap();
    assert!(refused.returned.starts_with(&Rewards::StaleDrops::SELECTOR));
    let settled = network.settle(&[(operator(1), MILLIFIL)]).unwrap();
    network.send(ANYONE, rewards, &settled.claim(0).unwrap()).unwrap();
}

/// An event of the machine holds 8 KiB, so a report is in several.
#[test]
fn a_station_that_was_left_out_puts_its_report_on_the_chain() {
    let mut network = Network::new().unwrap();
    let rounds = network.rounds;
    network.open().unwrap();
    let reveal = network.reveal(1).unwrap();
    network.send(ANYONE, rounds, &reveal).unwrap();
    let times = network.round(1).unwrap().times;
    network.chain.go_to(times.publishUntil + 1);
    let late = network.commit(1, 0);
    assert!(!network.chain.send(PUBLISHER, rounds, &late).unwrap().is_ok());
    for (length, fits) in [(49_153, false), (49_152, true)] {
        let (_, commit) = network.own(1, length).unwrap();
        let receipt = network.chain.simulate(ANYONE, rounds, &commit).unwrap();
        assert_eq!(receipt.is_ok(), fits, "{length}");
        let pieces = events::<Rounds::OwnPiece>(&receipt);
        let bytes: usize = pieces.iter().map(|piece| piece.piece.len()).sum();
        assert_eq!(bytes, if fits { length } else { 0 });
    }
}

#[test]
fn one_key_stops_nothing_for_long() {
    let (mut network, _) = promised();
    let rounds = network.rounds;
    // A round with a batch, whose lists can be used again.
    network.open().unwrap();
    let round = network.view(rounds, &Rounds::latestRoundCall {}).unwrap();
    let reveal = network.reveal(round).unwrap();
    network.send(ANYONE, rounds, &reveal).unwrap();
    let commit = network.commit(round, 0);
    network.send(PUBLISHER, rounds, &commit).unwrap();

    // The owner's key changes nothing before a challenge window is over.
    let forbid = Rounds::setPublisherCall {
        publisher: PUBLISHER,
        allowed: false,
    };
    network.send(OWNER, rounds, &call(&forbid)).unwrap();
    let still = Rounds::isPublisherCall { publisher: PUBLISHER };
    assert!(network.view(rounds, &still).unwrap());
    let cancel = Rounds::cancelPublisherCall { publisher: PUBLISHER };
    network.send(GUARDIAN, rounds, &call(&cancel)).unwrap();

    // The guardian stops the coordinator at once, and anyone goes on with lists that were used.
    let suspend = Rounds::suspendCoordinatorCall { listsOf: 0 };
    network.send(GUARDIAN, rounds, &call(&suspend)).unwrap();
    let closes = network.round(round).unwrap().times.closesAt;
    network.chain.go_to(closes);
    let as_before = call(&Rounds::openAsBeforeCall {});
    network.send(ANYONE, rounds, &as_before).unwrap();
    let opened = network.round(round + 1).unwrap();
    assert_eq!(
        opened.inputs.rosterRoot,
        network.round(round).unwrap().inputs.rosterRoot
    );
    let by_coordinator = Call::new(as_before.data.clone());
    assert!(
        !network
            .chain
            .send(COORDINATOR, rounds, &by_coordinator)
            .unwrap()
            .is_ok()
    );
    let total = network
        .view(network.rewards, &Rewards::totalClaimedCall {})
        .unwrap();
    assert_eq!(total, U256::ZERO);
}
