//! A settlement of a million operators: its tree, proofs, a batch, and the size of the call data.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints its results and panics on failure"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, keccak256};
use assize_payout::{Allocations, Batch, DenyList, GasShare, Limits, Plan, Terms};
use assize_protocol::{AttoFil, merkle};

const OPERATORS: u64 = 1_000_000;

fn main() {
    let cumulative: BTreeMap<Address, AttoFil> = (0..OPERATORS)
        .map(|n| {
            (
                Address::from_word(keccak256(n.to_be_bytes())),
                AttoFil::new(u128::from(n) + 1),
            )
        })
        .collect();
    let (built, book) = timed(|| Allocations::new(cumulative.clone()));
    println!("tree of {OPERATORS} operators: {:.2} s", built.as_secs_f64());

    let some: Vec<Address> = cumulative.keys().step_by(997).copied().collect();
    let (proving, proofs) = timed(|| {
        some.iter()
            .map(|operator| book.claim(*operator).unwrap())
            .collect::<Vec<_>>()
    });
    for claim in &proofs {
        assert!((19..=20).contains(&claim.proof.len()));
        assert!(merkle::verify(
            book.root(),
            merkle::reward_leaf(claim.operator, claim.cumulative),
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
    let limits = Limits {
        payouts: 300,
        calldata: 60_000,
    };
    let (cutting, batches) = timed(|| Batch::cut(&plan.payouts, &book, limits));
    println!(
        "{} batches with their proofs: {:.2} s",
        batches.len(),
        cutting.as_secs_f64()
    );
    let claims: usize = batches.iter().map(|batch| batch.claim.proof.len()).sum();
    println!("siblings a batch: {:.1}", claims as f64 / batches.len() as f64);
    black_box(batches);
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let result = black_box(work());
    (begun.elapsed(), result)
}

fn micros(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}
