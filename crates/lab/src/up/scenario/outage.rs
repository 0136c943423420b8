//! Two of three evaluators are down for a while.

use eyre::ensure;

use crate::up::environment::Environment;
use crate::up::network::Processes;
use crate::up::screen::State;

/// Seconds for which they are down after the first round has closed: it is over in the meantime.
const DOWN: u64 = 90;

#[derive(Default)]
pub(in crate::up) struct Outage {
    /// When they came back.
    back: Option<u64>,
    since: Option<u64>,
}

impl Outage {
    pub(super) fn step(
        &mut self,
        _: &Environment,
        processes: &mut Processes,
        state: &State,
    ) -> eyre::Result<()> {
        let Some(round) = &state.round else {
            return Ok(());
        };
        // Those that are down include the one that usually posts.
        let away = &processes.evaluators[1..];
        match self.since {
            None if state.now >= round.closes_at => {
                away.iter().try_for_each(|evaluator| evaluator.pause())?;
                self.since = Some(state.now);
            }
            Some(since) if self.back.is_none() && state.now >= since + DOWN => {
                ensure!(
                    state.settlement.is_none(),
                    "one evaluator of three settled a round"
                );
                away.iter().try_for_each(|evaluator| evaluator.resume())?;
                self.back = Some(state.now);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn outcome(&self) -> eyre::Result<String> {
        ensure!(self.back.is_some(), "the evaluators never came back");
        Ok(format!(
            "nothing was settled for {DOWN} s, and everything afterwards"
        ))
    }
}
