//! Committee decisions.

use std::fmt;

use crate::Verdict;
use crate::columns::{Id, Strings, Vote};

/// The value of more than half of the votes, if there is one. A tie has none.
///
/// Two passes and no memory: Boyer and Moore's algorithm finds the only candidate, and a second pass counts it.
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

/// One half of a decision; `Display` gives Spark's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding<T> {
    /// Too few voters, or too small a roster.
    CommitteeTooSmall,
    /// No value has more than half of the votes.
    MajorityNotFound,
    /// The value of more than half of the votes.
    Majority(T),
}

impl<T> Finding<T> {
    /// The majority's value.
    pub fn majority(&self) -> Option<&T> {
        match self {
            Self::Majority(value) => Some(value),
            Self::CommitteeTooSmall | Self::MajorityNotFound => None,
        }
    }

    /// Maps the majority's value.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Finding<U> {
        match self {
            Self::CommitteeTooSmall => Finding::CommitteeTooSmall,
            Self::MajorityNotFound => Finding::MajorityNotFound,
            Self::Majority(value) => Finding::Majority(form(value)),
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

/// A committee's decision on one task. The halves are independent: a committee may agree on the indexer and not on the
/// retrieval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The indexer's result: `OK`, `HTTP_NOT_ADVERTISED`, …
    pub indexer: Finding<String>,
    /// The retrieval's result: the code of its [`RetrievalResult`](assize_measurement::RetrievalResult).
    pub retrieval: Finding<String>,
}

/// A [`Decision`] with numbers in place of text.
#[derive(Clone, Copy, Debug)]
pub struct DecisionIds {
    /// The indexer's result.
    pub indexer: Finding<Id>,
    /// The retrieval's result.
    pub retrieval: Finding<Id>,
}

impl DecisionIds {
    /// The decision with the texts that `strings` has for the numbers.
    #[must_use]
    pub fn text(self, strings: &Strings) -> Decision {
        let text = |id| strings.get(id).to_owned();
        Decision {
            indexer: self.indexer.map(text),
            retrieval: self.retrieval.map(text),
        }
    }
}

/// Decides by strict majority. `quorate` tells whether there are enough voters.
///
/// Returns the decision, and the verdict on each vote in the order of the votes.
#[must_use]
pub fn decide(votes: &[Vote], quorate: bool) -> (DecisionIds, Vec<Verdict>) {
    if !quorate {
        let ruling = DecisionIds {
            indexer: Finding::CommitteeTooSmall,
            retrieval: Finding::CommitteeTooSmall,
        };
        return (ruling, vec![Verdict::CommitteeTooSmall; votes.len()]);
    }
    let indexer = strict_majority(votes.iter().map(|vote| vote.indexer));
    let retrieval = strict_majority(votes.iter().copied());
    let verdicts = votes.iter().map(|vote| match &retrieval {
        Some(majority) if vote == majority => Verdict::MajorityResult,
        Some(_) => Verdict::MinorityResult,
        None => Verdict::MajorityNotFound,
    });
    let verdicts = verdicts.collect();
    let ruling = DecisionIds {
        indexer: Finding::of(indexer.map(|vote| vote.indexer_result)),
        retrieval: Finding::of(retrieval.map(|vote| vote.result)),
    };
    (ruling, verdicts)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

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
