//! Labels and verdicts of measurements.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// Defines an enum, and a struct that counts its values.
macro_rules! tally {
    (
        $(#[$enum_doc:meta])* $name:ident;
        $(#[$counts_doc:meta])* $counts:ident;
        $($(#[$doc:meta])* $variant:ident / $field:ident = $text:literal,)+
    ) => {
        $(#[$enum_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// The upper-case name in documents and reports.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        $(#[$counts_doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $counts {
            $($(#[$doc])* #[serde(rename = $text)] pub $field: u64,)+
        }

        impl $counts {
            /// The count of one kind.
            #[must_use]
            pub const fn get(&self, kind: $name) -> u64 {
                match kind {
                    $($name::$variant => self.$field,)+
                }
            }

            /// Counts one more.
            pub const fn count(&mut self, kind: $name) {
                match kind {
                    $($name::$variant => self.$field += 1,)+
                }
            }

            /// All kinds with their counts, in order, including zeros.
            pub fn iter(&self) -> impl Iterator<Item = ($name, u64)> + use<> {
                let counts = *self;
                $name::ALL.into_iter().map(move |kind| (kind, counts.get(kind)))
            }

            /// The sum of all counts; saturates, so that a forged document cannot overflow it.
            #[must_use]
            pub fn total(&self) -> u64 {
                self.iter().fold(0, |total, (_, count)| total.saturating_add(count))
            }
        }

        impl Extend<$name> for $counts {
            fn extend<I: IntoIterator<Item = $name>>(&mut self, kinds: I) {
                kinds.into_iter().for_each(|kind| self.count(kind));
            }
        }

        impl FromIterator<$name> for $counts {
            fn from_iter<I: IntoIterator<Item = $name>>(kinds: I) -> Self {
                let mut counts = Self::default();
                counts.extend(kinds);
                counts
            }
        }

        impl AddAssign for $counts {
            fn add_assign(&mut self, other: Self) {
                $(self.$field += other.$field;)+
            }
        }

        impl Add for $counts {
            type Output = Self;

            fn add(mut self, other: Self) -> Self {
                self += other;
                self
            }
        }

        impl Sum for $counts {
            fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
                counts.fold(Self::default(), Add::add)
            }
        }
    };
}

tally! {
    /// Whether a measurement may vote, and if not, why: the first that applies, in this order (docs/protocol.md §10.1).
    Label;
    /// Measurements by label.
    LabelCounts;
    /// The station is not in the round's roster.
    NotInRoster / not_in_roster = "NOT_IN_ROSTER",
    /// The signature is not the station's.
    BadSignature / bad_signature = "BAD_SIGNATURE",
    /// The round's task list has no such task.
    TaskNotInRound / task_not_in_round = "TASK_NOT_IN_ROUND",
    /// The task belongs to another committee.
    TaskWrongCommittee / task_wrong_committee = "TASK_WRONG_COMMITTEE",
    /// The station has already measured this task.
    Duplicate / duplicate = "DUPLICATE",
    /// Another station of the same subnet votes on this task.
    DupSubnet / dup_subnet = "DUP_SUBNET",
    /// The measurement votes.
    Ok / ok = "OK",
}

tally! {
    /// The committee's verdict on an OK measurement (docs/protocol.md §10.2).
    Verdict;
    /// OK measurements by verdict.
    VerdictCounts;
    /// Too few voters, or too small a roster.
    CommitteeTooSmall / committee_too_small = "COMMITTEE_TOO_SMALL",
    /// Agrees with more than half of the voters; rewarded.
    MajorityResult / majority_result = "MAJORITY_RESULT",
    /// More than half of the voters agree on another result.
    MinorityResult / minority_result = "MINORITY_RESULT",
    /// No result has more than half of the votes.
    MajorityNotFound / majority_not_found = "MAJORITY_NOT_FOUND",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_everywhere() {
        for label in Label::ALL {
            assert_eq!(serde_json::to_string(&label).unwrap(), format!("\"{label}\""));
        }
        let counts: LabelCounts = [Label::Ok, Label::DupSubnet, Label::Ok].into_iter().collect();
        assert_eq!(
            serde_json::to_string(&counts).unwrap(),
            r#"{"NOT_IN_ROSTER":0,"BAD_SIGNATURE":0,"TASK_NOT_IN_ROUND":0,"TASK_WRONG_COMMITTEE":0,"DUPLICATE":0,"DUP_SUBNET":1,"OK":2}"#
        );
        assert_eq!((counts.total(), counts.get(Label::Ok)), (3, 2));
    }

    #[test]
    fn labels_are_ordered_as_the_rules_are_applied() {
        assert!(Label::ALL.is_sorted());
        assert_eq!(Label::ALL.first(), Some(&Label::NotInRoster));
        assert_eq!(Label::ALL.last(), Some(&Label::Ok));
    }
}
