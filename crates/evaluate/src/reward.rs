//! Shares of a round's budget.

/// The shares of a round's budget (docs/protocol.md §10.4). `distributed + remainder` is the budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reward {
    /// Reward of each measurement in attoFIL: `floor(budget / E)`, or 0 without measurements.
    pub each: u128,
    /// Sum of the rewards in attoFIL.
    pub distributed: u128,
    /// Amount that stays in the pool, in attoFIL.
    pub remainder: u128,
}

impl Reward {
    /// Shares `budget` attoFIL among `measurements`.
    #[must_use]
    pub const fn share(budget: u128, measurements: u64) -> Self {
        let count = measurements as u128;
        let Some(each) = budget.checked_div(count) else {
            return Self {
                each: 0,
                distributed: 0,
                remainder: budget,
            };
        };
        Self {
            each,
            distributed: each * count,
            remainder: budget % count,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Reward;

    #[test]
    fn sparks_budget_among_three() {
        let reward = Reward::share(456_621_004_566_210_045, 3);
        assert_eq!((reward.each, reward.remainder), (152_207_001_522_070_015, 0));
        assert_eq!(
            Reward::share(7, 0),
            Reward {
                each: 0,
                distributed: 0,
                remainder: 7
            }
        );
        assert_eq!(
            Reward::share(2, 3),
            Reward {
                each: 0,
                distributed: 0,
                remainder: 2
            }
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_created(budget: u128, measurements: u64) {
            let Reward { each, distributed, remainder } = Reward::share(budget, measurements);
            prop_assert_eq!(distributed.checked_add(remainder), Some(budget));
            prop_assert_eq!(each.checked_mul(measurements.into()), Some(distributed));
            prop_assert!(measurements == 0 || remainder < measurements.into());
        }
    }
}
