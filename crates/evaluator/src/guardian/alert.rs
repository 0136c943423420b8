//! Alerts of a guardian.

use std::fmt;

use assize_facts::{FileKey, FileKind, SettlementId};
use assize_outbox::QueueAlert;
use assize_service::{date_and_time, duration};

/// What people must look at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuardianAlert {
    /// A pending settlement is wrong.
    Wrong {
        /// The settlement.
        settlement: SettlementId,
        /// The first difference.
        reason: String,
        /// Whether this guardian has the key and vetoes it.
        vetoes: bool,
        /// Whether a second recomputation gave the same result, or too little time is left for one.
        confirmed: bool,
        /// Seconds until it becomes active.
        active_in: u64,
    },
    /// Nobody serves a file that counts for a pending settlement.
    Unreadable {
        /// The settlement.
        settlement: SettlementId,
        /// The file, and why it cannot be read.
        what: String,
        /// Seconds until it becomes active.
        active_in: u64,
    },
    /// The beacons of a pending settlement's rounds cannot be read.
    Beacons {
        /// The settlement.
        settlement: SettlementId,
        /// The beacon, and why it cannot be read.
        what: String,
        /// Seconds until it becomes active.
        active_in: u64,
    },
    /// This guardian or its node is at fault, so that a pending settlement is not judged.
    NotJudged {
        /// The settlement.
        settlement: SettlementId,
        /// Why.
        what: String,
        /// Seconds until it becomes active.
        active_in: u64,
    },
    /// Somebody demanded places of a settlement that is right.
    Demanded {
        /// The settlement.
        settlement: SettlementId,
        /// The places that were not shown yet.
        places: Vec<u32>,
        /// When the first of them is due, Unix seconds.
        due_at: u64,
        /// Whether this guardian has a key and shows them.
        answers: bool,
    },
    /// Enough evaluators object to a file, so that it can be dropped.
    Objected {
        /// The file.
        file: FileKey,
        /// From when it can be dropped, Unix seconds.
        drops_from: u64,
        /// Why it cannot be read here either, if it cannot.
        fault: Option<String>,
        /// Whether this guardian has the key and keeps what can be read.
        keeps: bool,
    },
    /// A file that evaluators dropped can be read: they may have dropped it to cheat those who are in it.
    DroppedReadable {
        /// The file.
        file: FileKey,
    },
    /// The queue, or the node, does not move.
    Queue(QueueAlert),
}

impl GuardianAlert {
    /// All kinds, as metrics name them.
    pub const KINDS: [&str; 10] = [
        "wrong",
        "unreadable",
        "beacons",
        "not_judged",
        "demanded",
        "objected",
        "dropped_readable",
        "parked",
        "stuck",
        "stale_node",
    ];
}

impl assize_service::Alert for GuardianAlert {
    fn kind(&self) -> &'static str {
        let place = match self {
            Self::Wrong { .. } => 0,
            Self::Unreadable { .. } => 1,
            Self::Beacons { .. } => 2,
            Self::NotJudged { .. } => 3,
            Self::Demanded { .. } => 4,
            Self::Objected { .. } => 5,
            Self::DroppedReadable { .. } => 6,
            Self::Queue(alert) => return alert.kind(),
        };
        Self::KINDS[place]
    }

    fn subject(&self) -> Option<String> {
        match self {
            Self::Wrong { settlement, .. }
            | Self::Unreadable { settlement, .. }
            | Self::Beacons { settlement, .. }
            | Self::NotJudged { settlement, .. }
            | Self::Demanded { settlement, .. } => Some(settlement.to_string()),
            Self::DroppedReadable { file } | Self::Objected { file, .. } => Some(file.to_string()),
            Self::Queue(_) => None,
        }
    }

    fn is_grave(&self) -> bool {
        !matches!(
            self,
            Self::DroppedReadable { .. }
                | Self::Demanded { answers: true, .. }
                | Self::Objected { fault: Some(_), .. }
        )
    }
}

impl fmt::Display for GuardianAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong {
                settlement,
                reason,
                vetoes,
                confirmed,
                active_in,
            } => {
                write!(
                    f,
                    "settlement {settlement} is wrong, and becomes active in {}: {reason}; ",
                    duration(*active_in)
                )?;
                match (vetoes, confirmed) {
                    (true, true) => write!(f, "it is being vetoed"),
                    (true, false) => write!(
                        f,
                        "it is recomputed once more, and vetoed if the result is the same"
                    ),
                    (false, _) => write!(
                        f,
                        "this program has no key to veto it: tell the guardian, who runs `assize settlement veto {settlement} --reason \"…\"`"
                    ),
                }
            }
            Self::Unreadable {
                settlement,
                what,
                active_in,
            } => write!(
                f,
                "settlement {settlement} cannot be recomputed, and becomes active in {}: {what}; name more sources with \
                 --gateway, or ask its evaluators to serve the file",
                duration(*active_in)
            ),
            Self::Beacons {
                settlement,
                what,
                active_in,
            } => write!(
                f,
                "settlement {settlement} cannot be recomputed without drand's beacons, and becomes active in {}: {what}; name other \
                 relays with --relay",
                duration(*active_in)
            ),
            Self::NotJudged {
                settlement,
                what,
                active_in,
            } => write!(
                f,
                "settlement {settlement} is not judged, and becomes active in {}: {what}; nothing was vetoed: look at this machine and \
                 its node, and run `assize verify settlement {settlement}` with another",
                duration(*active_in)
            ),
            Self::Demanded {
                settlement,
                places,
                due_at,
                answers,
            } => {
                write!(
                    f,
                    "settlement {settlement} is right, and somebody demands {} of it by {}: ",
                    listed(places),
                    date_and_time(*due_at)
                )?;
                match answers {
                    true => write!(f, "they are being shown"),
                    false => write!(
                        f,
                        "unless someone shows them, the settlement can be voided; anyone can, with `assize settlement answer \
                         {settlement}`, and whoever does earns the bonds"
                    ),
                }
            }
            Self::Objected {
                file,
                drops_from,
                fault: None,
                keeps,
            } => {
                write!(
                    f,
                    "evaluators object to {file}, which can be read, and can drop it from {} on: ",
                    date_and_time(*drops_from)
                )?;
                match keeps {
                    true => write!(f, "it is being kept"),
                    false => write!(
                        f,
                        "this program has no key to keep it: tell the guardian, who runs `assize admin keep-file {}`",
                        arguments(*file)
                    ),
                }
            }
            Self::Objected {
                file,
                drops_from,
                fault: Some(fault),
                ..
            } => write!(
                f,
                "evaluators object to {file}, and can drop it from {} on; it cannot be read here either: {fault}; if you have it, name \
                 who serves it with --gateway before then",
                date_and_time(*drops_from)
            ),
            Self::DroppedReadable { file } => write!(
                f,
                "{file} was dropped by the evaluators as unreadable, and can be read: ask them why; a drop is for good"
            ),
            Self::Queue(alert) => alert.fmt(f),
        }
    }
}

/// A file as the command line takes it: round, kind and index.
fn arguments(file: FileKey) -> String {
    let FileKey { round, kind, index } = file;
    match kind {
        FileKind::Roster => format!("{round} roster"),
        FileKind::Tasks => format!("{round} tasks"),
        FileKind::Seals => format!("{round} seals {index}"),
        FileKind::Lines => format!("{round} batch {index}"),
    }
}

/// Places in words: the first five, and how many more there are.
fn listed(places: &[u32]) -> String {
    let first: Vec<_> = places.iter().take(5).map(u32::to_string).collect();
    let word = if places.len() == 1 { "place" } else { "places" };
    match places.len() - first.len() {
        0 => format!("{word} {}", first.join(", ")),
        more => format!("{word} {} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use assize_service::Alert;

    use super::*;

    #[test]
    fn an_alert_says_what_is_done_about_it() {
        let wrong = |vetoes| GuardianAlert::Wrong {
            settlement: SettlementId(3),
            reason: "rounds[0].rewarded".into(),
            vetoes,
            confirmed: true,
            active_in: 7_200,
        };
        assert!(wrong(true).to_string().ends_with("it is being vetoed"));
        let text = wrong(false).to_string();
        assert!(
            text.contains("active in 2h") && text.contains("assize settlement veto 3"),
            "{text}"
        );
        assert_eq!(
            (wrong(true).kind(), wrong(true).subject()),
            ("wrong", Some("3".into()))
        );
        let demanded = |answers| GuardianAlert::Demanded {
            settlement: SettlementId(3),
            places: (0..7).collect(),
            due_at: 1_700_000_000,
            answers,
        };
        assert!(!demanded(true).is_grave() && demanded(false).is_grave());
        let text = demanded(false).to_string();
        assert!(
            text.contains("places 0, 1, 2, 3, 4 and 2 more") && text.contains("assize settlement answer 3"),
            "{text}"
        );
    }
}
