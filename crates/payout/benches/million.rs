//! A settlement of a million operators: its tree, proofs, a batch, and the size of the call data.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints its results and panics on failure"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, keccak256};
use assize_chain::GasRules;
use assize_payout::{Allocations, Batch, DenyList, Gas, GasShare, Limits, Margin, Plan, Terms};
use assize_protocol::{Allocation, AttoFil, claim_leaf, positional};

const OPERATORS: u64 = 1_000_000;

fn main() {
    let mut leaves: Vec<Allocation> = (0..OPERATORS).map(allocation).collect();
    leaves.sort_unstable_by_key(|leaf| leaf.operator);
    let (built, book) = timed(|| Allocations::new(leaves.clone()));
    println!("tree of {OPERATORS} operators: {:.2} s", built.as_secs_f64());

    let some: Vec<Address> = book.operators().step_by(997).collect();
    let (proving, proofs) = timed(|| {
        some.iter()
            .map(|operator| book.claim(*operator).unwrap())
            .collect::<Vec<_>>()
    });
    for claim in &proofs {
        let (share, place) = (&claim.share, claim.index);
        let leaf = claim_leaf(share.operator, share.cumulative, share.rest);
        assert!(positional::verify(
            book.root(),
            book.count(),
            leaf,
            place,
            &claim.proof
        ));
    }
    println!(
        "a proof of {} hashes: {:.1} µs",
        proofs[0].proof.len(),
        micros(proving, some.len())
    );

    let (denied, waiting) = <(DenyList, BTreeMap<Address, u64>)>::default();
    let terms = Terms {
        now: 0,
        floor: AttoFil::ZERO,
        floor_zero_after: None,
        max_gas_share: GasShare::ALL,
        gas_cost: AttoFil::ZERO,
        budget: AttoFil::MAX,
        denied: &denied,
        waiting: &waiting,
        doubts: &BTreeMap::new(),
    };
    let (planning, plan) = timed(|| Plan::new(&book, &BTreeMap::new(), AttoFil::MAX, &terms));
    println!("a plan for all of them: {:.2} s", planning.as_secs_f64());
    // What the grown network of contracts/gas/filecoin.json takes.
    let gas = Gas {
        one: 66_900_000,
        each: 6_700_000,
        payment: 30_000_000,
        rules: GasRules::Filecoin,
    };
    for step in [1, 10, 100] {
        let some: Vec<_> = plan.payouts.iter().step_by(step).copied().collect();
        let (cutting, batches) = timed(|| Batch::cut(&some, &book, &gas, Limits::default(), Margin::Usual));
        println!(
            "one of {step} paid, {} transactions with their proofs: {:.2} s",
            batches.len(),
            cutting.as_secs_f64()
        );
    }
}

fn allocation(n: u64) -> Allocation {
    let cumulative = AttoFil::new(u128::from(n) + 1);
    Allocation {
        operator: Address::from_word(keccak256(n.to_be_bytes())),
        cumulative,
        running: cumulative,
        grown: cumulative,
        reports: 0,
        sheet: B256::ZERO,
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let result = black_box(work());
    (begun.elapsed(), result)
}

fn micros(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}
