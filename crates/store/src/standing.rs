//! What is remembered of a gateway: whether it is left out, and whether it is asked last.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Patience;

/// For how long a gateway that did not begin to answer in time is asked last.
const SILENT_FOR: Duration = Duration::from_secs(300);

/// What this process remembers of a gateway.
#[derive(Debug, Default)]
pub(crate) struct Standing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    silent_at: Option<Instant>,
    /// Offences since it delivered a file.
    offences: u32,
    out: Option<Out>,
}

/// Why and until when a gateway is left out.
#[derive(Clone, Debug)]
pub(crate) struct Out {
    until: Instant,
    /// The same by the clock, for people.
    pub(crate) clock: TimeOfDay,
    pub(crate) why: String,
}

impl Standing {
    /// Why it is left out now, if it is.
    pub(crate) fn out(&self, now: Instant) -> Option<Out> {
        self.state().out.clone().filter(|out| now < out.until)
    }

    /// It was too slow, or gave another file. What ends while it is left out was begun before, and changes nothing.
    pub(crate) fn offended(&self, now: Instant, why: String, patience: &Patience) {
        if self.out(now).is_some() {
            return;
        }
        let mut state = self.state();
        state.offences = state.offences.saturating_add(1);
        let time = patience.left_out(state.offences);
        state.out = Some(Out {
            until: now + time,
            clock: TimeOfDay::after(time),
            why,
        });
    }

    /// It delivered a file: its offences are forgotten, unless it is left out for one that happened meanwhile.
    pub(crate) fn delivered(&self, now: Instant) {
        if self.out(now).is_none() {
            *self.state() = State::default();
        }
    }

    /// It did not begin to answer in time. That is not an offence: a gateway may search a network for longer before it knows that
    /// nobody has a file.
    pub(crate) fn was_silent(&self, now: Instant) {
        self.state().silent_at = Some(now);
    }

    /// Whether it did not answer in the last minutes, so that it is asked last.
    pub(crate) fn is_silent(&self, now: Instant) -> bool {
        let at = self.state().silent_at;
        at.is_some_and(|at| now.saturating_duration_since(at) < SILENT_FOR)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time of the day in UTC. Nothing is left out for a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(u64);

impl TimeOfDay {
    #[expect(clippy::disallowed_methods, reason = "only people read it")]
    fn after(time: Duration) -> Self {
        Self::of(SystemTime::now() + time)
    }

    pub(crate) fn of(time: SystemTime) -> Self {
        let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self(seconds % 86_400)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(seconds) = self;
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        write!(f, "{hours:02}:{minutes:02}:{:02} UTC", seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_left_out_for_longer_each_time_until_it_delivers() {
        let (standing, begin) = (Standing::default(), Instant::now());
        let minute = |minute: u64| begin + Duration::from_secs(60 * minute);
        let offends = |at| standing.offended(minute(at), "it drips".into(), &Patience::USUAL);
        let is_out = |at| standing.out(minute(at)).is_some();
        assert!(!is_out(0));
        offends(0);
        assert_eq!(standing.out(minute(4)).unwrap().why, "it drips");
        assert_eq!((is_out(4), is_out(5)), (true, false));
        offends(5);
        // Two transfers that were begun before.
        offends(6);
        standing.delivered(minute(7));
        assert_eq!((is_out(14), is_out(15)), (true, false));
        standing.delivered(minute(15));
        offends(16);
        assert_eq!((is_out(20), is_out(21)), (true, false));
    }

    #[test]
    fn silence_is_no_offence() {
        let (standing, begin) = (Standing::default(), Instant::now());
        standing.was_silent(begin);
        assert!(standing.is_silent(begin + SILENT_FOR / 2) && standing.out(begin).is_none());
        assert!(!standing.is_silent(begin + SILENT_FOR));
    }

    #[test]
    fn times_are_those_of_the_day() {
        let time = UNIX_EPOCH + Duration::from_secs(86_400 * 9 + 3_600 * 3 + 60 * 4 + 5);
        assert_eq!(TimeOfDay::of(time).to_string(), "03:04:05 UTC");
    }
}
