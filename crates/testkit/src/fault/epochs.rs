//! Blocks and epochs. On Filecoin, a block's number is its epoch, and some epochs have no block.

/// Interval of null rounds, in epochs.
const PERIOD: u64 = 4;

/// The epoch of a block.
#[must_use]
pub const fn epoch_of(block: u64) -> u64 {
    block + block / (PERIOD - 1)
}

/// The block of an epoch; for a null round, the block before it.
#[must_use]
pub const fn block_of(epoch: u64) -> u64 {
    match is_null_round(epoch) {
        true => block_of(epoch - 1),
        false => epoch - epoch / PERIOD,
    }
}

/// Whether an epoch has no block.
#[must_use]
pub const fn is_null_round(epoch: u64) -> bool {
    epoch % PERIOD == PERIOD - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_block_has_its_own_epoch(block in 0..u64::MAX / 2) {
            let epoch = epoch_of(block);
            prop_assert!(!is_null_round(epoch));
            prop_assert_eq!(block_of(epoch), block);
            let next = epoch_of(block + 1);
            prop_assert!(next == epoch + 1 || (next == epoch + 2 && is_null_round(epoch + 1)));
            if is_null_round(epoch + 1) {
                prop_assert_eq!(block_of(epoch + 1), block);
            }
        }
    }
}
