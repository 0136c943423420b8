//! What a guardian knows of a pending settlement, and when it recomputes it again.

use assize_facts::{Proposal, Settlement};

use super::Judgement;

/// In this last part of the challenge window, an eighth, nothing is recomputed a second time.
const LAST_PART: u64 = 8;

/// What recomputing a settlement showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Which settlement: after a reorganisation another one may have its number.
    proposal: Proposal,
    posted_at: u64,
    judged_at: u64,
    pub(crate) judgement: Judgement,
    /// Whether a wrong one was found wrong twice, for the same reason, or once in the last part of the window.
    pub(crate) is_confirmed: bool,
}

impl Verdict {
    /// A judgement of a settlement at a time, after the one before, if there is one.
    pub(crate) fn new(
        before: Option<&Self>,
        settlement: &Settlement,
        judgement: Judgement,
        now: u64,
    ) -> Self {
        let before = before.filter(|before| before.is_of(settlement));
        // What was right once is not undone by files or beacons that are missing later.
        let judgement = match (before.map(|before| &before.judgement), judgement) {
            (Some(right @ Judgement::Right { .. }), judgement)
                if !matches!(judgement, Judgement::Right { .. } | Judgement::Wrong { .. }) =>
            {
                right.clone()
            }
            (_, judgement) => judgement,
        };
        let is_again = before.is_some_and(|before| before.judgement == judgement);
        let is_wrong = matches!(judgement, Judgement::Wrong { .. });
        Self {
            proposal: settlement.proposal,
            posted_at: settlement.posted_at,
            judged_at: now,
            is_confirmed: is_wrong && (is_again || is_late(settlement, now)),
            judgement,
        }
    }

    /// Whether it is about exactly this settlement.
    pub(crate) fn is_of(&self, settlement: &Settlement) -> bool {
        (self.proposal, self.posted_at) == (settlement.proposal, settlement.posted_at)
    }

    /// Whether the settlement must be recomputed: a wrong one until that is confirmed, a right one once more in the second half of
    /// the window, when no reorganisation changes what it was computed from, and any other until it could be.
    pub(crate) fn is_due(&self, settlement: &Settlement, now: u64) -> bool {
        let half = settlement.posted_at + window(settlement) / 2;
        match self.judgement {
            Judgement::Right { .. } => self.judged_at < half && now >= half,
            Judgement::Wrong { .. } => !self.is_confirmed,
            _ => true,
        }
    }

    /// Confirms a wrong one if it is too late to recompute it again.
    pub(crate) fn confirm_if_late(&mut self, settlement: &Settlement, now: u64) {
        let is_wrong = matches!(self.judgement, Judgement::Wrong { .. });
        self.is_confirmed |= is_wrong && is_late(settlement, now);
    }
}

fn window(settlement: &Settlement) -> u64 {
    settlement.active_at.saturating_sub(settlement.posted_at)
}

fn is_late(settlement: &Settlement, now: u64) -> bool {
    settlement.active_at.saturating_sub(now) < window(settlement) / LAST_PART
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use assize_facts::{SettlementId, Status};
    use assize_measurement::unixfs::file_cid;
    use assize_protocol::{AttoFil, RoundNumber};

    use super::*;

    /// Posted at 1000, active at 1800.
    fn settlement(root: u8) -> Settlement {
        Settlement {
            id: SettlementId(1),
            proposal: Proposal {
                parent: None,
                first_round: RoundNumber(1),
                last_round: RoundNumber(2),
                root: B256::repeat_byte(root),
                operators: 1,
                cumulative_total: AttoFil::new(1),
                drops: 0,
                cid: file_cid(b"document"),
            },
            posted_at: 1_000,
            active_at: 1_800,
            status: Status::Pending,
        }
    }

    fn wrong(reason: &str) -> Judgement {
        Judgement::Wrong {
            reason: reason.into(),
        }
    }

    fn missing() -> Judgement {
        Judgement::Unreadable {
            what: "a file".into(),
        }
    }

    #[test]
    fn wrong_is_confirmed_by_a_second_recomputation_with_the_same_result() {
        let settlement = settlement(1);
        let first = Verdict::new(None, &settlement, wrong("a"), 1_100);
        assert!(!first.is_confirmed && first.is_due(&settlement, 1_101));
        let other = Verdict::new(Some(&first), &settlement, wrong("b"), 1_105);
        assert!(!other.is_confirmed, "another difference");
        let again = Verdict::new(Some(&other), &settlement, wrong("b"), 1_110);
        assert!(again.is_confirmed && !again.is_due(&settlement, 1_111));
        let between = Verdict::new(Some(&first), &settlement, missing(), 1_105);
        assert!(!Verdict::new(Some(&between), &settlement, wrong("a"), 1_110).is_confirmed);
    }

    #[test]
    fn there_is_no_second_recomputation_in_the_last_eighth_of_the_window() {
        let settlement = settlement(1);
        assert!(!Verdict::new(None, &settlement, wrong("a"), 1_700).is_confirmed);
        assert!(Verdict::new(None, &settlement, wrong("a"), 1_701).is_confirmed);
        let mut first = Verdict::new(None, &settlement, wrong("a"), 1_600);
        first.confirm_if_late(&settlement, 1_700);
        assert!(!first.is_confirmed);
        first.confirm_if_late(&settlement, 1_701);
        assert!(first.is_confirmed);
        let mut other = Verdict::new(None, &settlement, missing(), 1_600);
        other.confirm_if_late(&settlement, 1_701);
        assert!(!other.is_confirmed);
    }

    #[test]
    fn another_settlement_under_the_same_number_is_judged_anew() {
        let (first, second) = (settlement(1), settlement(2));
        let verdict = Verdict::new(None, &first, wrong("a"), 1_100);
        assert!(verdict.is_of(&first) && !verdict.is_of(&second));
        assert!(!Verdict::new(Some(&verdict), &second, wrong("a"), 1_110).is_confirmed);
        let later = Settlement {
            posted_at: 1_001,
            ..first
        };
        assert!(!verdict.is_of(&later));
    }
}
