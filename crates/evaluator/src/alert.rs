//! Alerts for the operator of an evaluator.

use std::fmt;

use alloy_primitives::{Address, B256};
use assize_facts::FileKey;
use assize_outbox::QueueAlert;
use assize_protocol::RoundNumber;
use assize_service::duration;

use crate::{MissingFile, Objection, Plan};

/// Seconds for which a settlement may wait for signatures: an hour.
const SIGNATURE_PATIENCE: u64 = 3_600;

/// A condition under which no settlement may be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EvaluatorAlert {
    /// A peer signed another settlement of the same rounds.
    Disagreement {
        /// The other evaluator.
        evaluator: Address,
        /// The digest that it signed.
        digest: B256,
    },
    /// A peer settles other ranges of rounds, or waits for another time.
    OtherPlan {
        /// The peer's address.
        peer: String,
        /// Its plan.
        theirs: Plan,
        /// This evaluator's plan.
        ours: Plan,
    },
    /// A settlement has waited for signatures for an hour.
    FewSignatures {
        /// Its first and last round.
        rounds: (RoundNumber, RoundNumber),
        /// Signatures so far.
        signatures: u64,
        /// Signatures that it needs.
        threshold: u64,
        /// Seconds since this evaluator signed.
        seconds: u64,
    },
    /// A file that counts is served by nobody.
    Unreadable(MissingFile),
    /// It should object to a file, and its key has no FIL.
    CannotObject {
        /// The file.
        file: FileKey,
        /// The key's address.
        address: Address,
    },
    /// The queue, or the node, does not move.
    Queue(QueueAlert),
}

impl EvaluatorAlert {
    /// All kinds, as metrics name them.
    pub const KINDS: [&str; 8] = [
        "disagreement",
        "other_plan",
        "few_signatures",
        "unreadable",
        "cannot_object",
        "parked",
        "stuck",
        "stale_node",
    ];

    /// A settlement that waits for signatures, if it has waited for too long.
    pub(crate) fn of_waiting(
        rounds: (RoundNumber, RoundNumber),
        (signatures, threshold): (u64, u64),
        seconds: u64,
    ) -> Option<Self> {
        (signatures < threshold && seconds >= SIGNATURE_PATIENCE).then_some(Self::FewSignatures {
            rounds,
            signatures,
            threshold,
            seconds,
        })
    }
}

impl assize_service::Alert for EvaluatorAlert {
    fn kind(&self) -> &'static str {
        let place = match self {
            Self::Disagreement { .. } => 0,
            Self::OtherPlan { .. } => 1,
            Self::FewSignatures { .. } => 2,
            Self::Unreadable(_) => 3,
            Self::CannotObject { .. } => 4,
            Self::Queue(alert) => return alert.kind(),
        };
        Self::KINDS[place]
    }

    fn subject(&self) -> Option<String> {
        match self {
            Self::Disagreement { evaluator, .. } => Some(evaluator.to_string()),
            Self::OtherPlan { peer, .. } => Some(peer.clone()),
            Self::Unreadable(missing) => Some(missing.file.to_string()),
            Self::CannotObject { file, .. } => Some(file.to_string()),
            _ => None,
        }
    }

    fn is_grave(&self) -> bool {
        true
    }
}

impl fmt::Display for EvaluatorAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disagreement { evaluator, digest } => write!(
                f,
                "{evaluator} signed another settlement of the same rounds, {digest}: one of the two evaluators is wrong; \
                 compare both documents before anyone posts"
            ),
            Self::OtherPlan { peer, theirs, ours } => write!(
                f,
                "{peer} has another plan, so signatures may never meet: it has {theirs}, this evaluator {ours}; all \
                 evaluators of a network need the same"
            ),
            Self::FewSignatures {
                rounds: (first, last),
                signatures,
                threshold,
                seconds,
            } => write!(
                f,
                "the settlement of rounds {first} to {last} has had {signatures} of {threshold} signatures for {}: check the \
                 other evaluators, and that --peer names them",
                duration(*seconds)
            ),
            Self::Unreadable(MissingFile {
                file,
                reason,
                objection,
            }) => {
                write!(
                    f,
                    "{file} cannot be read, and nothing is settled without it: {reason}; "
                )?;
                match objection {
                    Objection::Due => write!(f, "evaluators whose keys have FIL are objecting to it"),
                    Objection::In(seconds) => write!(
                        f,
                        "name more sources with --gateway or --peer; this evaluator objects in {}",
                        duration(*seconds)
                    ),
                    Objection::Local => write!(
                        f,
                        "the fault is this machine's or its store's: repair it; until then this evaluator does not object"
                    ),
                }
            }
            Self::CannotObject { file, address } => write!(
                f,
                "{file} is served by nobody, and this evaluator cannot object to it, because its key has no FIL: send some to {address}, since nothing is settled until enough evaluators have objected"
            ),
            Self::Queue(alert) => alert.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settlement_may_wait_for_an_hour() {
        let rounds = (RoundNumber(1), RoundNumber(72));
        let waiting = |signatures, seconds| EvaluatorAlert::of_waiting(rounds, (signatures, 2), seconds);
        assert_eq!(waiting(1, 3_599), None);
        assert_eq!(waiting(2, 10_000), None);
        let text = waiting(1, 5_400).unwrap().to_string();
        assert!(
            text.contains("rounds 1 to 72 has had 1 of 2 signatures for 1h 30m"),
            "{text}"
        );
    }

    #[test]
    fn plans_are_named_with_both_values() {
        let alert = EvaluatorAlert::OtherPlan {
            peer: "http://other:9102".into(),
            theirs: Plan { every: 36, delay: 60 },
            ours: Plan {
                every: 72,
                delay: 900,
            },
        };
        let text = alert.to_string();
        assert!(
            text.contains("36 rounds per settlement and a delay of 1m")
                && text.contains("72 rounds per settlement and a delay of 15m"),
            "{text}"
        );
    }
}
