//! Payments in the real machine: who can be paid, what a payment that moves nothing counts for, and what hostile recipients do.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolError;
use assize_fvm::chain::{BLOCK_GAS, Call, filecoin, masked};
use assize_fvm::network::abi::rewards::Rewards;
use assize_fvm::network::{ANYONE, Network, OWNER, call, events, explain};
use fvm_shared::ActorID;
use fvm_shared::address::Address as FilecoinAddress;

const MILLIFIL: u128 = 1_000_000_000_000_000;
/// Stores the time and logs: what an ordinary contract wallet does when it is paid.
const WALLET: &[u8] = &[0x42, 0x5f, 0x55, 0x5f, 0x5f, 0xa0, 0x00];

fn operator(number: u8) -> Address {
    Address::repeat_byte(0xa0 + number)
}

/// Creation code that returns this runtime code.
fn creation(runtime: &[u8]) -> Vec<u8> {
    let length = u8::try_from(runtime.len()).unwrap();
    let copy = [0x60, length, 0x60, 0x09, 0x5f, 0x39, 0x60, length, 0x5f, 0xf3];
    // PUSH1 length, PUSH1 offset of the runtime code, PUSH0, CODECOPY, PUSH1 length, PUSH0, RETURN
    let mut code = copy.to_vec();
    code[3] = u8::try_from(code.len()).unwrap();
    [&code, runtime].concat()
}

/// The bytes of an f0 address.
fn id_bytes(mut id: ActorID) -> Bytes {
    let mut bytes = vec![0];
    loop {
        let low = (id & 0x7f) as u8;
        id >>= 7;
        bytes.push(if id == 0 { low } else { low | 0x80 });
        if id == 0 {
            return bytes.into();
        }
    }
}

#[test]
fn a_payment_counts_only_if_the_money_moved() {
    let mut network = Network::new().unwrap();
    let rewards = network.rewards;
    // FEVM maps a call of an id without an actor to success.
    let nobody = masked(9_999_999);
    let settled = network
        .settle(&[(nobody, MILLIFIL), (operator(1), 2 * MILLIFIL)])
        .unwrap();
    let before = network.pool().unwrap();

    let alone = network
        .chain
        .send(
            ANYONE,
            rewards,
            &settled.claim(settled.place_of(nobody).unwrap()).unwrap(),
        )
        .unwrap();
    assert!(!alone.is_ok());
    assert_eq!(network.claimed(nobody).unwrap(), 0);

    let both = settled.claim_many(&[0, 1]).unwrap();
    let receipt = network.send(ANYONE, rewards, &both).unwrap();
    let skipped = events::<Rewards::ClaimSkipped>(&receipt);
    assert_eq!(skipped.len(), 1);
    assert_eq!(
        (skipped[0].operator, skipped[0].amount),
        (nobody, U256::from(MILLIFIL))
    );
    assert_eq!(network.claimed(nobody).unwrap(), 0);
    assert_eq!(network.claimed(operator(1)).unwrap(), 2 * MILLIFIL);
    assert_eq!(before - network.pool().unwrap(), 2 * MILLIFIL);
    let total = network.view(rewards, &Rewards::totalClaimedCall {}).unwrap();
    assert_eq!(total, U256::from(2 * MILLIFIL));
}

#[test]
fn actors_of_every_kind_are_paid_by_their_ids() {
    let mut network = Network::new().unwrap();
    let rewards = network.rewards;
    let kinds = ["storageminer", "paymentchannel", "multisig", "init"];
    let mut expected = Vec::new();
    let mut grants = Vec::new();
    for (number, kind) in (1u8..).zip(kinds) {
        let address = FilecoinAddress::new_actor(kind.as_bytes());
        let id = network.chain.actor(address, kind).unwrap();
        network.chain.evm_account(operator(number), 0).unwrap();
        // The masked form would reach only actors that handle calls.
        let by_mask = call(&Rewards::setPayoutAddressCall {
            recipient: masked(id),
        });
        assert!(
            !network
                .chain
                .send(operator(number), rewards, &by_mask)
                .unwrap()
                .is_ok()
        );
        let recipient = id_bytes(id);
        let natively = call(&Rewards::setNativePayoutAddressCall { recipient });
        network.send(operator(number), rewards, &natively).unwrap();
        grants.push((operator(number), u128::from(number) * MILLIFIL));
        expected.push((FilecoinAddress::new_id(id), u128::from(number) * MILLIFIL));
    }
    let settled = network.settle(&grants).unwrap();
    network.send(ANYONE, rewards, &settled.claim(0).unwrap()).unwrap();
    let others = settled.claim_many(&[1, 2, 3]).unwrap();
    network.send(ANYONE, rewards, &others).unwrap();
    for (address, amount) in expected {
        assert_eq!(network.chain.balance(address).unwrap(), amount, "{address}");
    }

    // An id that nobody has can be set; its payment is refused, and nothing is booked.
    let recipient = id_bytes(9_999_999);
    let nobody = call(&Rewards::setNativePayoutAddressCall { recipient });
    network.send(operator(1), rewards, &nobody).unwrap();
    grants[0].1 = 20 * MILLIFIL;
    let settled = network.settle(&grants).unwrap();
    let claim = settled.claim(0).unwrap();
    let refused = network.chain.send(ANYONE, rewards, &claim).unwrap();
    assert!(
        refused.returned.starts_with(&Rewards::PaymentFailed::SELECTOR),
        "{}",
        explain(&refused)
    );
    assert_eq!(network.claimed(operator(1)).unwrap(), MILLIFIL);
}

#[test]
fn a_plain_transfer_is_booked_by_anyone() {
    let mut network = Network::new().unwrap();
    let rewards = network.rewards;
    let deposited = network.view(rewards, &Rewards::totalDepositedCall {}).unwrap();
    let before = network.pool().unwrap();
    assert!(
        network
            .chain
            .transfer(OWNER, rewards, 5 * MILLIFIL)
            .unwrap()
            .is_ok()
    );
    // It runs no code of the contract.
    assert_eq!(
        network.view(rewards, &Rewards::totalDepositedCall {}).unwrap(),
        deposited
    );
    assert_eq!(network.pool().unwrap() - before, 5 * MILLIFIL);

    let sync = call(&Rewards::syncCall {});
    network.send(ANYONE, rewards, &sync).unwrap();
    let now = network.view(rewards, &Rewards::totalDepositedCall {}).unwrap();
    assert_eq!(now - deposited, U256::from(5 * MILLIFIL));
    assert!(!network.chain.send(ANYONE, rewards, &sync).unwrap().is_ok());
}

/// Each takes all it can get, and none of the others' money.
#[test]
fn hostile_recipients_are_skipped_alone() {
    let hostile: [(&str, &[u8]); 7] = [
        ("reverts", &[0x5f, 0x5f, 0xfd]),
        ("is invalid", &[0xfe]),
        ("never ends", &[0x5b, 0x5f, 0x56]),
        ("returns a megabyte", &[0x62, 0x0f, 0x42, 0x40, 0x5f, 0xf3]),
        (
            "returns sixteen megabytes",
            &[0x63, 0x01, 0x00, 0x00, 0x00, 0x5f, 0xf3],
        ),
        ("reverts with a megabyte", &[0x62, 0x0f, 0x42, 0x40, 0x5f, 0xfd]),
        // STATICCALL of 0xfe…06 with epoch 2⁶²: it ends the whole message where it is called.
        (
            "asks for a future beacon",
            &[
                0x67, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x5f, 0x52, 0x5f, 0x5f, 0x60, 0x20, 0x5f, 0x73, 0xfe, 0, 0,
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x06, 0x5a, 0xfa, 0x00,
            ],
        ),
    ];
    let mut network = Network::new().unwrap();
    let rewards = network.rewards;
    for (what, runtime) in hostile {
        let (recipient, _) = network.chain.create(OWNER, creation(runtime)).unwrap();
        let (wallet, _) = network.chain.create(OWNER, creation(WALLET)).unwrap();
        let grants = [(recipient, MILLIFIL), (operator(1), MILLIFIL), (wallet, MILLIFIL)];
        let before = network.chain.snapshot();
        // Cumulative amounts of earlier settlements are not part of this one: each begins anew.
        let settled = network.settle(&grants).unwrap();
        let paid = network.pool().unwrap();
        let batch = settled.claim_many(&[0, 1, 2]).unwrap();
        let receipt = network.send(ANYONE, rewards, &batch).unwrap();
        let claims = events::<Rewards::Claimed>(&receipt).len();
        let left = paid - network.pool().unwrap();
        assert_eq!(left, u128::try_from(claims).unwrap() * MILLIFIL, "{what}");
        for honest in [operator(1), wallet] {
            assert_eq!(network.claimed(honest).unwrap(), MILLIFIL, "{what}");
            assert!(
                network.chain.balance(filecoin(honest)).unwrap() >= MILLIFIL,
                "{what}"
            );
        }
        assert!(receipt.gas < BLOCK_GAS / 50, "{what}: {}", explain(&receipt));
        network.chain.restore(before);
    }
}

/// An operator whose address is the id of a contract sends a unit back by a plain transfer: it was paid all the same. Otherwise
/// it could take the same amount again and again.
#[test]
fn what_comes_back_by_a_plain_transfer_was_paid() {
    // CALL of 0x…7777 with all but a unit; SELFDESTRUCT to the caller, which in Filecoin is a plain transfer.
    let returns_a_unit = [
        0x5f, 0x5f, 0x5f, 0x5f, 0x60, 0x01, 0x34, 0x03, 0x61, 0x77, 0x77, 0x5a, 0xf1, 0x50, 0x33, 0xff,
    ];
    let mut network = Network::new().unwrap();
    let rewards = network.rewards;
    let (thief, _) = network.chain.create(OWNER, creation(&returns_a_unit)).unwrap();
    let thief = masked(network.chain.id_of(filecoin(thief)).unwrap());
    let settled = network.settle(&[(thief, MILLIFIL)]).unwrap();
    let before = network.pool().unwrap();
    let batch = settled.claim_many(&[0]).unwrap();
    for _ in 0..3 {
        network.chain.send(ANYONE, rewards, &batch).unwrap();
    }
    assert_eq!(network.claimed(thief).unwrap(), MILLIFIL);
    assert_eq!(before - network.pool().unwrap(), MILLIFIL - 1);
}

/// Whatever limit a caller chooses: a recipient is paid, or nothing happens.
#[test]
fn no_gas_limit_starves_a_payment() {
    let mut network = Network::new().unwrap();
    let rewards = network.rewards;
    let (wallet, _) = network.chain.create(OWNER, creation(WALLET)).unwrap();
    // Never seen before: its actor is created by the payment.
    let new = operator(7);
    let settled = network
        .settle(&[(wallet, MILLIFIL), (new, MILLIFIL), (operator(1), MILLIFIL)])
        .unwrap();
    let batch = settled.claim_many(&[0, 1, 2]).unwrap();
    let whole = network.chain.simulate(ANYONE, rewards, &batch).unwrap();
    assert_eq!(events::<Rewards::Claimed>(&whole).len(), 3);
    let least = network.least_limit(ANYONE, rewards, &batch).unwrap();
    for step in 0..60 {
        let limit = whole.gas / 2 + (least + 1_000_000 - whole.gas / 2) * step / 60;
        let limited = Call {
            limit: Some(limit),
            ..batch.clone()
        };
        let receipt = network.chain.simulate(ANYONE, rewards, &limited).unwrap();
        let claims = events::<Rewards::Claimed>(&receipt).len();
        assert!(!receipt.is_ok() || claims == 3, "{limit}: {}", explain(&receipt));
    }
    // A smaller reserve would let a caller choose who is paid, so the contract does not take it.
    assert!(Network::with_payment_gas(29_999_999).is_err());
}

/// Lotus estimates 1.25 times what was used, and searches upwards only if the trace shows that gas ran out.
#[test]
fn one_recipient_passes_the_estimate_of_lotus_by_claim() {
    let mut network = Network::new().unwrap();
    let rewards = network.rewards;
    let settled = network
        .settle(&[(operator(1), MILLIFIL), (operator(2), MILLIFIL)])
        .unwrap();
    let alone = settled.claim(0).unwrap();
    let used = network.chain.simulate(ANYONE, rewards, &alone).unwrap().gas;
    let least = network.least_limit(ANYONE, rewards, &alone).unwrap();
    assert!(least <= used * 5 / 4, "{least} of {used}");
    // A batch needs a reserve for its last payment, which that estimate does not have.
    let batch = settled.claim_many(&[0, 1]).unwrap();
    let used = network.chain.simulate(ANYONE, rewards, &batch).unwrap().gas;
    let least = network.least_limit(ANYONE, rewards, &batch).unwrap();
    assert!(least > used * 5 / 4, "{least} of {used}");
}
