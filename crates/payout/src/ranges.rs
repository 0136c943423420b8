//! Which operators are paid together: those in a range of places, whose proof the contract takes. Pure.

use std::ops::Range;

use assize_protocol::positional::depth;

use crate::{Gas, Margin};

/// Limits of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Payouts.
    pub payouts: usize,
    /// Bytes of call data.
    pub calldata: usize,
    /// Units of gas.
    pub gas: u64,
}

impl Default for Limits {
    /// Filecoin's message pool accepts 64 KiB including overhead; a block there has 10 G gas.
    fn default() -> Self {
        Self {
            payouts: 300,
            calldata: 60_000,
            gas: 2_500_000_000,
        }
    }
}

/// Splits ascending places of a tree with `count` leaves, by their indices in the list. One alone is to be paid by `claim`; so are
/// those that are far from all others, or too few to be cheaper together.
///
/// A batch holds as many as the limits allow, unless the places between two cost more than another transaction.
pub(crate) fn cut(
    places: &[u32],
    count: u32,
    gas: &Gas,
    limits: Limits,
    margin: Margin,
) -> Vec<Range<usize>> {
    let fits = |run: &Range<usize>| {
        let (first, last) = (places[run.start], places[run.end - 1]);
        let length = (last - first) as usize + 1;
        run.len() <= limits.payouts
            && calldata(first, length, count) <= limits.calldata
            && gas.limit(run.len(), length - run.len(), margin) <= limits.gas
    };
    let mut runs = Vec::new();
    let mut start = 0;
    while start < places.len() {
        let mut run = start..start + 1;
        while let Some(next) = places.get(run.end) {
            let longer = start..run.end + 1;
            let between = (next - places[run.end - 1]) as usize - 1;
            if !gas.bridges(between) || !fits(&longer) {
                break;
            }
            run = longer;
        }
        start = run.end;
        let bare = (places[run.end - 1] - places[run.start]) as usize + 1 - run.len();
        let together = gas.cost(run.len(), bare, margin);
        match together < gas.cost_of_one().saturating_mul(run.len() as u64) {
            true => runs.push(run),
            false => runs.extend(run.map(|index| index..index + 1)),
        }
    }
    runs
}

/// Bytes of call data of `claimMany` for `length` places: the selector; settlement, start and two offsets; a list of three words each,
/// and one of siblings, with their lengths.
pub(crate) fn calldata(start: u32, length: usize, count: u32) -> usize {
    4 + 32 * (4 + 1 + 3 * length + 1 + siblings(start, length, count))
}

/// Length of a range's proof.
fn siblings(start: u32, length: usize, count: u32) -> usize {
    let (mut start, mut end) = (start as usize, start as usize + length);
    let mut siblings = 0;
    for _ in 0..depth(count) {
        siblings += start % 2 + end % 2;
        (start, end) = (start / 2, end.div_ceil(2));
    }
    siblings
}

#[cfg(test)]
mod tests {
    use assize_chain::GasRules;
    use assize_protocol::B256;
    use assize_protocol::positional::Tree;
    use proptest::prelude::*;

    use super::*;

    const ROOMY: Limits = Limits {
        payouts: 1_000,
        calldata: 1 << 20,
        gas: u64::MAX,
    };
    const EVM: Gas = Gas {
        one: 87_000,
        each: 39_000,
        payment: 60_000,
        rules: GasRules::Ethereum,
    };

    proptest! {
        #[test]
        fn everybody_is_paid_once_within_the_limits(
            places in prop::collection::btree_set(0..20_000u32, 0..400),
            close in prop::collection::btree_set(0..500u32, 0..400),
            payouts in 1..50usize,
            calldata in 1_000..60_000usize,
            most in 1..100u64,
            one in 20_000..200_000u64,
            each in 1..100_000u64,
            filecoin: bool,
            large: bool,
        ) {
            let places: Vec<u32> = places.union(&close).copied().collect();
            let rules = if filecoin { GasRules::Filecoin } else { GasRules::Ethereum };
            let margin = if large { Margin::Large } else { Margin::Usual };
            let gas = Gas { one, each, payment: 60_000, rules };
            let limits = Limits { payouts, calldata, gas: most * 50_000 };
            let runs = cut(&places, 20_000, &gas, limits, margin);
            let paid: Vec<usize> = runs.iter().cloned().flatten().collect();
            prop_assert_eq!(paid, (0..places.len()).collect::<Vec<_>>());
            for run in runs.iter().filter(|run| run.len() > 1) {
                let length = (places[run.end - 1] - places[run.start]) as usize + 1;
                let bare = length - run.len();
                prop_assert!(run.len() <= limits.payouts);
                prop_assert!(super::calldata(places[run.start], length, 20_000) <= limits.calldata);
                prop_assert!(gas.limit(run.len(), bare, margin) <= limits.gas);
                prop_assert!(gas.cost(run.len(), bare, margin) < gas.cost_of_one() * run.len() as u64);
            }
        }

        #[test]
        fn proofs_are_as_long_as_foreseen(count in 1..300u32, start: prop::sample::Index, length: prop::sample::Index) {
            let start = start.index(count as usize) as u32;
            let length = 1 + length.index((count - start) as usize);
            let tree = Tree::new(vec![B256::ZERO; count as usize]);
            let proof = tree.range_proof(start, length as u32).unwrap();
            prop_assert_eq!(siblings(start, length, count), proof.len());
        }
    }

    /// How many each transaction pays.
    fn lengths(places: &[u32], gas: &Gas) -> Vec<usize> {
        let runs = cut(places, 1_000, gas, ROOMY, Margin::Usual);
        runs.iter().map(Range::len).collect()
    }

    #[test]
    fn neighbours_are_paid_together_and_the_scattered_one_by_one() {
        let neighbours: Vec<u32> = (5..25).collect();
        assert_eq!(lengths(&neighbours, &EVM), [20]);
        assert_eq!(lengths(&[5, 8, 20], &EVM), [3]);
        assert_eq!(lengths(&[5, 105, 205, 206, 207], &EVM), [1, 1, 3]);
    }

    /// Together, they do not pay for the reserve.
    #[test]
    fn few_are_paid_one_by_one_where_unused_gas_is_charged() {
        let filecoin = Gas {
            one: 22_000_000,
            each: 5_000_000,
            payment: 30_000_000,
            rules: GasRules::Filecoin,
        };
        assert_eq!(lengths(&[0, 1, 2], &filecoin), [1, 1, 1]);
        assert_eq!(lengths(&[0, 1, 2, 3, 4, 5], &filecoin), [6]);
    }
}
