//! Ethereum's swap-or-not shuffle.
//!
//! A bijection of `0..count` that can be evaluated at one index, in either direction, without the others. It is
//! `compute_shuffled_index` of the Ethereum consensus specification, unchanged (DESIGN §2.3).

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::{OutOfRange, ShuffleSeed};

/// Rounds of swapping in the protocol, as on Ethereum mainnet.
pub const SHUFFLE_ROUND_COUNT: u8 = 90;

/// Indices that share one hash: a digest has 256 bits, one per index.
const BUCKET: u64 = 256;
/// Pairs swapped at a time; a word of the digest has their bits.
const LANES: usize = 32;

/// The shuffle of `0..count` under one seed.
///
/// `shuffle.forward(i)` is `compute_shuffled_index(i, count, seed)`, `inverse` undoes it, and `mapping()[i]` equals
/// `forward(i)` for every `i`.
///
/// ```
/// use assize_protocol::{B256, Shuffle, ShuffleSeed};
///
/// let shuffle = Shuffle::new(ShuffleSeed(B256::ZERO), 10);
/// let there = shuffle.forward(3)?;
/// assert_eq!(shuffle.inverse(there)?, 3);
/// assert_eq!(shuffle.mapping()[3], there);
/// # Ok::<(), assize_protocol::OutOfRange>(())
/// ```
#[derive(Clone, Debug)]
pub struct Shuffle {
    seed: ShuffleSeed,
    count: u32,
    /// Of each round; kept because it halves the hashing of a single index.
    pivots: Vec<u32>,
}

impl Shuffle {
    /// The protocol's shuffle, with [`SHUFFLE_ROUND_COUNT`] rounds. A count of 0 is allowed: nothing to shuffle.
    #[must_use]
    pub fn new(seed: ShuffleSeed, count: u32) -> Self {
        Self::with_rounds(seed, count, SHUFFLE_ROUND_COUNT)
    }

    /// A shuffle with another number of rounds; Ethereum's "minimal" test vectors have 10.
    #[must_use]
    pub fn with_rounds(seed: ShuffleSeed, count: u32, rounds: u8) -> Self {
        let pivots = if count == 0 {
            Vec::new()
        } else {
            (0..rounds).map(|round| pivot(seed, round, count)).collect()
        };
        Self { seed, count, pivots }
    }

    /// How many indices are shuffled.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Where `index` goes.
    ///
    /// # Errors
    /// [`OutOfRange`] if `index` is not below the count.
    pub fn forward(&self, index: u32) -> Result<u32, OutOfRange> {
        OutOfRange::check("index", index, self.count)?;
        Ok(self.rounds().fold(index, |index, (round, pivot)| {
            self.swap_or_not(index, round, pivot)
        }))
    }

    /// Where `index` comes from: the inverse of [`Self::forward`].
    ///
    /// # Errors
    /// [`OutOfRange`] if `index` is not below the count.
    pub fn inverse(&self, index: u32) -> Result<u32, OutOfRange> {
        OutOfRange::check("index", index, self.count)?;
        Ok(self.rounds().rev().fold(index, |index, (round, pivot)| {
            self.swap_or_not(index, round, pivot)
        }))
    }

    /// The whole shuffle: element `i` is `forward(i)`. Much faster than index by index, since 256 indices share a
    /// hash; takes four bytes per index.
    #[must_use]
    pub fn mapping(&self) -> Vec<u32> {
        // Each round is a swap of pairs, its own inverse. Applied to positions of a list from the last round to the
        // first, the swaps leave at position i what index i becomes from the first round to the last.
        let mut list: Vec<u32> = (0..self.count).collect();
        for (round, pivot) in self.rounds().rev() {
            // Index i is paired with (pivot − i) mod count: the list falls into two parts, each mirrored in itself.
            let (low, high) = list.split_at_mut(pivot as usize + 1);
            self.swap_mirrored(round, low, 0);
            self.swap_mirrored(round, high, u64::from(pivot) + 1);
        }
        list
    }

    fn rounds(&self) -> impl DoubleEndedIterator<Item = (u8, u32)> {
        (0..=u8::MAX).zip(self.pivots.iter().copied())
    }

    /// One round on one index.
    fn swap_or_not(&self, index: u32, round: u8, pivot: u32) -> u32 {
        let flip = mirror(index, pivot, self.count);
        let position = index.max(flip);
        let digest = source(self.seed, round, u64::from(position) / BUCKET);
        let byte = digest[(position % 256 / 8) as usize];
        if byte >> (position % 8) & 1 == 1 {
            flip
        } else {
            index
        }
    }

    /// One round on a part of the list that is mirrored in itself and begins at position `offset`. The bit of a pair
    /// is that of its higher position.
    fn swap_mirrored(&self, round: u8, part: &mut [u32], offset: u64) {
        let half = part.len() / 2;
        let middle = part.len() - half;
        let (left, mut right) = part.split_at_mut(middle);
        let mut left = &mut left[..half];
        let mut position = offset + middle as u64;
        while !right.is_empty() {
            let digest = source(self.seed, round, position / BUCKET);
            let words = digest.as_chunks().0.iter().copied().map(u32::from_le_bytes);
            for word in words.skip((position % BUCKET) as usize / LANES) {
                let skipped = position as usize % LANES;
                let lanes = right.len().min(LANES - skipped);
                let (outer, inner) = left.split_at_mut(left.len() - lanes);
                let (facing, rest) = right.split_at_mut(lanes);
                swap_where(word >> skipped, inner, facing);
                (left, right) = (outer, rest);
                position += lanes as u64;
            }
        }
    }
}

/// Partner of `index` in a round: `(pivot − index) mod count`.
fn mirror(index: u32, pivot: u32, count: u32) -> u32 {
    if index <= pivot {
        pivot - index
    } else {
        count - (index - pivot)
    }
}

/// Swaps `left` read backwards with `right`, wherever the bit of the place in `right` is 1.
fn swap_where(bits: u32, left: &mut [u32], right: &mut [u32]) {
    match (left.first_chunk_mut::<LANES>(), right.first_chunk_mut::<LANES>()) {
        // A fixed length lets the compiler do it with vector instructions.
        (Some(left), Some(right)) => swap_lanes(bits, left, right),
        _ => swap_lanes(bits, left, right),
    }
}

#[inline(always)]
fn swap_lanes(bits: u32, left: &mut [u32], right: &mut [u32]) {
    for (lane, (left, right)) in left.iter_mut().rev().zip(right).enumerate() {
        // All ones where the bit is 1: no branch to mispredict.
        let mask = (bits >> lane & 1).wrapping_neg();
        let difference = (*left ^ *right) & mask;
        *left ^= difference;
        *right ^= difference;
    }
}

/// `H(seed ‖ round:u8)`, its first 8 bytes as a little-endian number, modulo `count`.
fn pivot(seed: ShuffleSeed, round: u8, count: u32) -> u32 {
    let digest = Sha256::new()
        .chain_update(seed.0)
        .chain_update([round])
        .finalize();
    let first = digest
        .iter()
        .take(8)
        .rev()
        .fold(0, |number, &byte| number << 8 | u64::from(byte));
    (first % u64::from(count)) as u32
}

/// `H(seed ‖ round:u8 ‖ bucket:u32 little-endian)`: the bits of 256 positions.
fn source(seed: ShuffleSeed, round: u8, bucket: u64) -> [u8; 32] {
    // Positions are below 2³², so buckets are below 2²⁴.
    let bucket = (bucket as u32).to_le_bytes();
    Sha256::new()
        .chain_update(seed.0)
        .chain_update([round])
        .chain_update(bucket)
        .finalize()
        .into()
}
