//! Which rounds a settlement covers, and when it is due.

use std::fmt;

use assize_service::duration;
use serde::{Deserialize, Serialize};

/// Seconds before the programme's end that a last settlement has to be signed and posted.
const LAST_CALL: u64 = 3_600;

/// The rounds of a settlement, and when it is due: the same for all evaluators of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Number of rounds per settlement; at least 1.
    #[serde(rename = "roundsPerSettlement")]
    pub every: u64,
    /// Seconds to wait after the last round is over, during which a reorganisation may still change commitments.
    pub delay: u64,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { every, delay } = self;
        write!(
            f,
            "{every} rounds per settlement and a delay of {}",
            duration(*delay)
        )
    }
}

/// What the chain says of the time after the newest settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outlook {
    /// Time of the newest block.
    pub(crate) now: u64,
    /// The challenge window, seconds.
    pub(crate) window: u64,
    /// When the programme ends, if that is announced.
    pub(crate) ends_at: Option<u64>,
    /// When the newest round opened.
    pub(crate) opened_at: u64,
}

impl Plan {
    /// How many rounds are settled although fewer than [`Self::every`] were opened since the newest settlement, so that the
    /// last ones are paid too. `dedupe_from` has the times of those rounds, ascending by number.
    ///
    /// All of them, once they are over, if no round was opened for a challenge window, or if the programme's end is nearer than a
    /// challenge window and what a settlement needs. At the last call before that end, those that were over by then. Nothing but
    /// the chain decides, so that all evaluators settle the same.
    pub(crate) fn fewer(self, outlook: &Outlook, dedupe_from: &[u64]) -> Option<u64> {
        let is_settled_by = |time: u64| move |from: &&u64| time > from.saturating_add(self.delay);
        let by = |time| dedupe_from.iter().take_while(is_settled_by(time)).count();
        let count = match self.last_call(outlook) {
            Some(last_call) if outlook.now >= last_call => by(last_call),
            _ => by(outlook.now),
        };
        let is_enough = count == dedupe_from.len() || self.is_last_call(outlook);
        (count > 0 && is_enough && self.may_settle_fewer(outlook)).then_some(count as u64)
    }

    /// Whether the times of the rounds are needed at all.
    pub(crate) fn may_settle_fewer(self, outlook: &Outlook) -> bool {
        let &Outlook {
            now,
            window,
            ends_at,
            opened_at,
        } = outlook;
        let needed = window.saturating_add(self.delay).saturating_add(LAST_CALL);
        let is_near = |end: u64| now < end && end < now.saturating_add(needed);
        let is_idle = now >= opened_at.saturating_add(window) && ends_at.is_none_or(|end| now < end);
        is_idle || ends_at.is_some_and(is_near)
    }

    /// The time whose state is settled at the end.
    fn last_call(self, outlook: &Outlook) -> Option<u64> {
        outlook.ends_at.map(|end| end.saturating_sub(LAST_CALL))
    }

    fn is_last_call(self, outlook: &Outlook) -> bool {
        self.last_call(outlook).is_some_and(|time| outlook.now >= time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        every: 72,
        delay: 900,
    };
    const WINDOW: u64 = 172_800;
    /// Three rounds.
    const DEDUPE_FROM: [u64; 3] = [1_000_000, 1_001_200, 1_002_400];

    fn fewer(now: u64, ends_at: Option<u64>, opened_at: u64) -> Option<u64> {
        let outlook = Outlook {
            now,
            window: WINDOW,
            ends_at,
            opened_at,
        };
        let count = PLAN.fewer(&outlook, &DEDUPE_FROM);
        assert!(count.is_none() || PLAN.may_settle_fewer(&outlook));
        count
    }

    #[test]
    fn what_was_opened_before_the_rounds_stopped_is_settled_after_a_window() {
        let opened_at = 999_000;
        assert_eq!(fewer(opened_at + WINDOW - 1, None, opened_at), None);
        assert_eq!(fewer(opened_at + WINDOW, None, opened_at), Some(3));
        // A new round ends the pause.
        assert_eq!(fewer(opened_at + WINDOW, None, opened_at + WINDOW - 5), None);
        // Windows may be shorter than rounds.
        let short = Outlook {
            now: 1_001_300,
            window: 60,
            ends_at: None,
            opened_at,
        };
        assert_eq!(PLAN.fewer(&short, &DEDUPE_FROM), None);
    }

    #[test]
    fn an_announced_end_is_near_one_window_and_a_settlement_before() {
        let over = DEDUPE_FROM[2] + PLAN.delay + 1;
        let opened_at = 999_000;
        let near = over + WINDOW + PLAN.delay + LAST_CALL;
        assert_eq!(fewer(over, Some(near), opened_at), None);
        assert_eq!(fewer(over, Some(near - 1), opened_at), Some(3));
        assert_eq!(
            fewer(over - 1, Some(near - 1), opened_at),
            None,
            "the last is not over"
        );
        assert_eq!(fewer(over, Some(over), opened_at), None, "it has ended");
        let idle = opened_at + WINDOW;
        assert_eq!(fewer(idle, Some(idle), opened_at), None, "it has ended");
    }

    #[test]
    fn rounds_that_never_stop_are_settled_up_to_the_last_call() {
        // Two are over at the last call; the third comes too late, also for those who look later.
        let last_call = DEDUPE_FROM[1] + PLAN.delay + 1;
        let end = last_call + LAST_CALL;
        assert_eq!(fewer(last_call - 1, Some(end), 1_000_500), None);
        assert_eq!(fewer(last_call, Some(end), 1_000_500), Some(2));
        assert_eq!(fewer(end - 1, Some(end), 1_000_500), Some(2));
        assert_eq!(fewer(end, Some(end), 1_000_500), None);
        let none = DEDUPE_FROM[0] + LAST_CALL;
        assert_eq!(fewer(none, Some(none + 1), 1_000_500), None);
    }
}
