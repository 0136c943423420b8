//! How a committee decides.

use std::fmt;

use assize_measurement::{Measurement, RetrievalResult};

use crate::Verdict;

/// The value that more than half of the votes are equal to, if there is one. A tie has none.
///
/// Two passes and no memory: Boyer and Moore's vote finds the only candidate, a second look counts it.
pub fn strict_majority<V: PartialEq>(votes: impl Iterator<Item = V> + Clone) -> Option<V> {
    let mut candidate = None;
    let mut lead = 0_usize;
    for vote in votes.clone() {
        if lead == 0 {
            candidate = Some(vote);
            lead = 1;
        } else if candidate.as_ref() == Some(&vote) {
            lead += 1;
        } else {
            lead -= 1;
        }
    }
    let candidate = candidate?;
    let (mut agreeing, mut all) = (0_usize, 0_usize);
    for vote in votes {
        all += 1;
        agreeing += usize::from(vote == candidate);
    }
    (agreeing > all / 2).then_some(candidate)
}

/// What a station says of the indexer: one half of its vote (SPARK.md §2.5, step 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexerVote<'a> {
    /// Peer id of the provider.
    pub provider_id: Option<&'a str>,
    /// What the indexer said.
    pub indexer_result: Option<&'a str>,
    /// Where it sent the station.
    pub provider_address: Option<&'a str>,
    /// And over which protocol.
    pub protocol: Option<&'a str>,
}

/// What a station says of one task. Votes are equal if all of it is; times and status codes do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote<'a> {
    /// Of the indexer.
    pub indexer: IndexerVote<'a>,
    /// Of the retrieval.
    pub result: RetrievalResult,
    /// Bytes of body.
    pub byte_length: Option<i64>,
    /// Checksum of the CAR.
    pub car_checksum: Option<&'a str>,
}

impl<'a> Vote<'a> {
    /// The vote that a measurement casts.
    #[must_use]
    pub fn of(measurement: &'a Measurement) -> Self {
        Self {
            indexer: IndexerVote {
                provider_id: measurement.provider_id.as_deref(),
                indexer_result: measurement.indexer_result.as_deref(),
                provider_address: measurement.provider_address.as_deref(),
                protocol: measurement.protocol.as_deref(),
            },
            result: measurement.retrieval_result(),
            byte_length: measurement.byte_length,
            car_checksum: measurement.car_checksum.as_deref(),
        }
    }
}

/// One half of a decision; `Display` gives Spark's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding<T> {
    /// Too few voters, or too small a roster.
    CommitteeTooSmall,
    /// Nothing has more than half of the votes.
    MajorityNotFound,
    /// What more than half say.
    Majority(T),
}

impl<T> Finding<T> {
    /// What the majority says.
    pub fn majority(&self) -> Option<&T> {
        match self {
            Self::Majority(value) => Some(value),
            Self::CommitteeTooSmall | Self::MajorityNotFound => None,
        }
    }

    fn of(majority: Option<T>) -> Self {
        majority.map_or(Self::MajorityNotFound, Self::Majority)
    }
}

impl<T: fmt::Display> fmt::Display for Finding<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommitteeTooSmall => Verdict::CommitteeTooSmall.fmt(f),
            Self::MajorityNotFound => Verdict::MajorityNotFound.fmt(f),
            Self::Majority(value) => value.fmt(f),
        }
    }
}

/// What a committee decides on one task. The two halves are separate: a committee may agree on what the indexer said
/// and not on what the retrieval gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What the indexer said: `OK`, `HTTP_NOT_ADVERTISED`, …
    pub indexer: Finding<String>,
    /// What the retrieval gave.
    pub retrieval: Finding<RetrievalResult>,
}

/// Decides by strict majority. `quorate` tells whether there are enough voters for that.
///
/// Returns the decision, and the verdict on each vote in the order of the votes.
#[must_use]
pub fn decide(votes: &[Vote<'_>], quorate: bool) -> (Decision, Vec<Verdict>) {
    if !quorate {
        let decision = Decision {
            indexer: Finding::CommitteeTooSmall,
            retrieval: Finding::CommitteeTooSmall,
        };
        return (decision, vec![Verdict::CommitteeTooSmall; votes.len()]);
    }
    let indexer = strict_majority(votes.iter().map(|vote| vote.indexer));
    let retrieval = strict_majority(votes.iter());
    let verdicts = votes.iter().map(|vote| match retrieval {
        Some(majority) if vote == majority => Verdict::MajorityResult,
        Some(_) => Verdict::MinorityResult,
        None => Verdict::MajorityNotFound,
    });
    let verdicts = verdicts.collect();
    let decision = Decision {
        indexer: Finding::of(indexer.map(|vote| vote.indexer_result.unwrap_or_default().to_owned())),
        retrieval: Finding::of(retrieval.map(|vote| vote.result.clone())),
    };
    (decision, verdicts)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::strict_majority;

    #[test]
    fn half_is_not_a_majority() {
        assert_eq!(strict_majority([1, 1, 2, 2].iter()), None);
        assert_eq!(strict_majority([1, 2, 1, 2, 1].iter()), Some(&1));
        assert_eq!(strict_majority([7].iter()), Some(&7));
        assert_eq!(strict_majority(std::iter::empty::<u8>()), None);
    }

    proptest! {
        #[test]
        fn the_majority_is_what_counting_finds(votes in proptest::collection::vec(0_u8..3, 0..60)) {
            let mut counts = BTreeMap::<u8, usize>::new();
            for vote in &votes {
                *counts.entry(*vote).or_default() += 1;
            }
            let counted = counts.into_iter().find(|(_, count)| 2 * count > votes.len()).map(|(vote, _)| vote);
            prop_assert_eq!(strict_majority(votes.iter().copied()), counted);
        }

        #[test]
        fn the_order_of_votes_does_not_matter(
            (votes, shuffled) in proptest::collection::vec(0_u8..2, 0..40)
                .prop_flat_map(|votes| (Just(votes.clone()), Just(votes).prop_shuffle()))
        ) {
            prop_assert_eq!(strict_majority(votes.iter()), strict_majority(shuffled.iter()));
        }
    }
}
