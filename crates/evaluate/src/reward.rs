//! Shares of a round's budget.

use assize_protocol::AttoFil;

/// The shares of a round's budget (docs/protocol.md §10.4). `distributed + remainder` is the budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reward {
    /// Reward of each measurement: `floor(budget / E)`, or 0 without measurements.
    pub each: AttoFil,
    /// Sum of the rewards.
    pub distributed: AttoFil,
    /// Amount that stays in the pool.
    pub remainder: AttoFil,
}

impl Reward {
    /// Shares `budget` among `measurements`.
    #[must_use]
    pub fn share(budget: AttoFil, measurements: u64) -> Self {
        let each = budget.div_floor(measurements).unwrap_or_default();
        // Rounded down, the rewards are at most the budget, so they fit.
        let distributed = each.checked_mul(measurements).unwrap_or_default();
        Self {
            each,
            distributed,
            remainder: budget.saturating_sub(distributed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sparks_budget_among_three() {
        let [each, distributed, remainder] =
            [152_207_001_522_070_015, 456_621_004_566_210_045, 0].map(AttoFil::new);
        let expected = Reward {
            each,
            distributed,
            remainder,
        };
        assert_eq!(Reward::share(distributed, 3), expected);
        for (budget, measurements) in [(7, 0), (2, 3)] {
            let remainder = AttoFil::new(budget);
            let expected = Reward {
                remainder,
                ..Reward::default()
            };
            assert_eq!(Reward::share(remainder, measurements), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_created(budget: u128, measurements: u64) {
            let budget = AttoFil::new(budget);
            let Reward { each, distributed, remainder } = Reward::share(budget, measurements);
            prop_assert_eq!(distributed.checked_add(remainder), Some(budget));
            prop_assert_eq!(each.checked_mul(measurements), Some(distributed));
            prop_assert!(measurements == 0 || remainder < AttoFil::new(measurements.into()));
        }
    }
}
