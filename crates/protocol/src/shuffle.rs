//! Ethereum's swap-or-not shuffle.
//!
//! A bijection of `0..count` that can be evaluated at one index, in either direction, without the others. It is
//! `compute_shuffled_index` of the Ethereum consensus specification, unchanged (`docs/protocol.md` §4).

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::{ListIndex, OutOfRange, Place, ShuffleSeed};

/// Rounds of swapping in the protocol, as on Ethereum mainnet.
pub const SHUFFLE_ROUND_COUNT: u8 = 90;

/// Indices that share one hash: a digest has 256 bits, one per index.
const BUCKET: u64 = 256;
/// Pairs swapped at a time; a word of the digest has their bits.
const LANES: usize = 32;

/// The shuffle of `0..count` under one seed.
///
/// Properties, for every place `p` below the count:
/// - `forward(p)` is `compute_shuffled_index(p, count, seed)`, an index below the count;
/// - `inverse(forward(p)) = p`, so no two places have the same entry;
/// - `mapping()[p] = forward(p)`: the list form is the index form.
///
/// ```
/// use assize_protocol::{B256, Place, Shuffle, ShuffleSeed};
///
/// let shuffle = Shuffle::new(ShuffleSeed(B256::ZERO), 10);
/// let entry = shuffle.forward(Place(3))?;
/// assert_eq!(shuffle.inverse(entry)?, Place(3));
/// assert_eq!(shuffle.mapping()[3], entry);
/// # Ok::<(), assize_protocol::OutOfRange>(())
/// ```
#[derive(Clone, Debug)]
pub struct Shuffle {
    seed: ShuffleSeed,
    count: u32,
    /// The pivot of each round, kept because that halves the hashing of a single index.
    pivots: Vec<u32>,
}

impl Shuffle {
    /// The protocol's shuffle, with [`SHUFFLE_ROUND_COUNT`] rounds. A count of 0 is allowed.
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

    /// Number of indices.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The entry that the shuffle puts at a place: `compute_shuffled_index(place, count, seed)`.
    ///
    /// # Errors
    /// [`OutOfRange`] if the place is not below the count.
    pub fn forward(&self, place: Place) -> Result<ListIndex, OutOfRange> {
        OutOfRange::check("place", place.0, self.count)?;
        let swap = |index, (round, pivot)| self.swap_or_not(index, round, pivot);
        Ok(ListIndex(self.rounds().fold(place.0, swap)))
    }

    /// The place at which the shuffle puts an entry: the inverse of [`Self::forward`].
    ///
    /// # Errors
    /// [`OutOfRange`] if the index is not below the count.
    pub fn inverse(&self, index: ListIndex) -> Result<Place, OutOfRange> {
        OutOfRange::check("index", index.0, self.count)?;
        let swap = |index, (round, pivot)| self.swap_or_not(index, round, pivot);
        Ok(Place(self.rounds().rev().fold(index.0, swap)))
    }

    /// The whole shuffle: element `p` is `forward(p)`. Much faster than place by place, since 256 places share a
    /// hash; takes four bytes per place.
    #[must_use]
    pub fn mapping(&self) -> Vec<ListIndex> {
        // Each round is a swap of pairs, its own inverse. Applied to positions of a list from the last round to the
        // first, the swaps leave at position i what index i becomes from the first round to the last.
        let mut list: Vec<ListIndex> = (0..self.count).map(ListIndex).collect();
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
    fn swap_mirrored(&self, round: u8, part: &mut [ListIndex], offset: u64) {
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
fn swap_where(bits: u32, left: &mut [ListIndex], right: &mut [ListIndex]) {
    match (left.first_chunk_mut::<LANES>(), right.first_chunk_mut::<LANES>()) {
        // A fixed length lets the compiler do it with vector instructions.
        (Some(left), Some(right)) => swap_lanes(bits, left, right),
        _ => swap_lanes(bits, left, right),
    }
}

#[inline(always)]
fn swap_lanes(bits: u32, left: &mut [ListIndex], right: &mut [ListIndex]) {
    for (lane, (left, right)) in left.iter_mut().rev().zip(right).enumerate() {
        // All ones where the bit is 1: no branch to mispredict.
        let mask = (bits >> lane & 1).wrapping_neg();
        let difference = (left.0 ^ right.0) & mask;
        left.0 ^= difference;
        right.0 ^= difference;
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
