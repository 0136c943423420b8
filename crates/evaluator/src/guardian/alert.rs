//! Alerts of a guardian.

use std::fmt;

use assize_facts::{FileKey, SettlementId};
use assize_outbox::QueueAlert;
use assize_service::duration;

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
    pub const KINDS: [&str; 6] = [
        "wrong",
        "unreadable",
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
            Self::DroppedReadable { .. } => 2,
            Self::Queue(alert) => return alert.kind(),
        };
        Self::KINDS[place]
    }

    fn subject(&self) -> Option<String> {
        match self {
            Self::Wrong { settlement, .. } | Self::Unreadable { settlement, .. } => {
                Some(settlement.to_string())
            }
            Self::DroppedReadable { file } => Some(file.to_string()),
            Self::Queue(_) => None,
        }
    }

    fn is_grave(&self) -> bool {
        !matches!(self, Self::DroppedReadable { .. })
    }
}

impl fmt::Display for GuardianAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong {
                settlement,
                reason,
                vetoes,
                active_in,
            } => {
                write!(
                    f,
                    "settlement {settlement} is wrong, and becomes active in {}: {reason}; ",
                    duration(*active_in)
                )?;
                match vetoes {
                    true => write!(f, "it is being vetoed"),
                    false => write!(
                        f,
                        "this program has no key to veto it: tell the guardian, who runs `assize settlement veto {settlement}`"
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
            Self::DroppedReadable { file } => write!(
                f,
                "{file} was dropped by the evaluators as unreadable, and can be read: ask them why, before they settle; nothing \
                 was vetoed"
            ),
            Self::Queue(alert) => alert.fmt(f),
        }
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
    }
}
